// Where the user is, kept in the address behind the #, so that a link shows the same.
import { useEffect, useReducer } from "preact/hooks";
import { at, decoded } from "./api";

export interface Route { path: string[]; q: URLSearchParams }

export function route(): Route {
  const [path, q = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), q: new URLSearchParams(q) };
}

const listeners = new Set<() => void>();
addEventListener("hashchange", () => listeners.forEach((f) => f()));

export function link(path: string[], q?: Record<string, string | null | undefined>): string {
  const p = new URLSearchParams();
  for (const [k, v] of Object.entries(q ?? {})) if (v) p.set(k, v);
  const text = p.toString();
  return "#/" + at(...path) + (text ? "?" + text : "");
}

export function go(path: string[], q?: Record<string, string | null | undefined>): void {
  location.hash = link(path, q);
}

/** setQuery changes part of the query without a step in the browser's history. */
export function setQuery(change: Record<string, string | null | undefined>): void {
  const r = route();
  const q: Record<string, string | null | undefined> = Object.fromEntries(r.q);
  history.replaceState(null, "", link(r.path, { ...q, ...change }));
  listeners.forEach((f) => f());
}

export function useRoute(): Route {
  const [, again] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => {
    const f = () => again();
    listeners.add(f);
    return () => void listeners.delete(f);
  }, []);
  return route();
}
