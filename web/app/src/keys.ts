// Keys. Each view adds its own while it is shown; help lists what there is.
import { useEffect, useRef } from "preact/hooks";

export interface Key {
  key: string; // as KeyboardEvent.key gives it
  help: string;
  run: (e: KeyboardEvent) => void;
  release?: () => void; // for keys that are held
  group?: string;
}

interface Layer { keys: Key[] }
const layers: Layer[] = [];
const off = "quell.keys.off";
const held = new Map<string, Key>();

export function keysOff(): boolean {
  try { return localStorage.getItem(off) === "1"; } catch { return false; }
}

/** setKeysOff switches the keys of one letter off, for who dictates. */
export function setKeysOff(on: boolean): void {
  try { if (on) localStorage.setItem(off, "1"); else localStorage.removeItem(off); } catch { /* kept for this page only */ }
}

/** known returns all keys, the newest layer's first. */
export const known = (): Key[] => layers.slice().reverse().flatMap((l) => l.keys);

function find(name: string): Key | undefined {
  for (const k of known()) if (k.key === name) return k;
}

const typing = (t: EventTarget | null): boolean =>
  t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName));

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
  if (typing(e.target)) {
    if (e.key === "Escape") (e.target as HTMLElement).blur();
    return;
  }
  if (keysOff() && e.key.length === 1 && e.key !== "?") return;
  if (document.querySelector("dialog[open]") && e.key !== "?") return; // a dialog has keys of its own
  if (e.key === " " && e.target instanceof HTMLElement && /^(BUTTON|A|SUMMARY)$/.test(e.target.tagName)) return;
  if (e.key === "Enter" && e.target instanceof HTMLElement && /^(BUTTON|A|SUMMARY)$/.test(e.target.tagName)) return;
  const k = find(e.key);
  if (!k) return;
  e.preventDefault();
  if (k.release) {
    if (e.repeat) return;
    held.set(e.key, k);
  }
  k.run(e);
});

function letGo(name: string): void {
  held.get(name)?.release?.();
  held.delete(name);
}
addEventListener("keyup", (e) => letGo(e.key));
addEventListener("blur", () => [...held.keys()].forEach(letGo));

/** useKeys adds keys while the component is shown; they do what its newest rendering says. */
export function useKeys(keys: Key[]): void {
  const layer = useRef<Layer>({ keys });
  layer.current.keys = keys;
  useEffect(() => {
    const mine = layer.current;
    layers.push(mine);
    return () => void layers.splice(layers.indexOf(mine), 1);
  }, []);
}
