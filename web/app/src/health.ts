// How a series is, in one word, and the order in which that matters.
import type { Drift, Series } from "./types";
import { ms } from "./format";
import { store } from "./store";

export const order: Drift[] = ["fault", "regime", "noise", "unknown", "warning", "stale", "learning", "normal"];

export const words: Record<Drift, string> = {
  fault: "sensor fault", regime: "process regime", noise: "noise level", unknown: "unnamed drift", warning: "warning",
  stale: "stale", learning: "learning", normal: "calm",
};

/** age is for how many seconds nothing came, by the server's clock; null where nothing ever did. */
export function age(s: Series): number | null {
  const t = ms(s.arrived);
  return isNaN(t) ? null : Math.max(0, (store.now() - t) / 1000);
}

/** isStale says whether a series is silent for longer than five of its steps, and ten seconds, as the server has it. */
export function isStale(s: Series): boolean {
  const a = age(s);
  return a !== null && a > Math.max(10, s.rate_hz ? 5 / s.rate_hz : 0);
}

/** health is the drift state, but that silence shows where nothing worse does. */
export function health(s: Series): Drift {
  const d = order.includes(s.drift) ? s.drift : "unknown";
  return (d === "normal" || d === "learning") && isStale(s) ? "stale" : d;
}

export const isProblem = (d: Drift): boolean => order.indexOf(d) < order.indexOf("stale");

/** problemFirst sorts worst first, then by name. */
export function problemFirst(a: Series, b: Series): number {
  return order.indexOf(health(a)) - order.indexOf(health(b)) || byName(a, b);
}

const names = new Intl.Collator(undefined, { numeric: true });
export function byName(a: Series, b: Series): number {
  return names.compare(a.series, b.series) || names.compare(a.stream, b.stream);
}

export function stalestFirst(a: Series, b: Series): number {
  return (age(b) ?? 1e9) - (age(a) ?? 1e9) || byName(a, b);
}
