// Light or dark, and the colours that canvases take from the style sheet.

const key = "quell.theme";
export type Theme = "auto" | "light" | "dark";

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const forced = matchMedia("(forced-colors: active)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
export const reduced = (): boolean => still.matches;
/** inForced says whether the user's own few colours are to be used. */
export const inForced = (): boolean => forced.matches;

const listeners = new Set<() => void>();
export function onTheme(f: () => void): () => void { listeners.add(f); return () => void listeners.delete(f); }

let theme: Theme = "auto";
try { theme = (localStorage.getItem(key) as Theme) ?? "auto"; } catch { /* then it is the system's */ }

function apply(): void {
  const dark = theme === "dark" || (theme === "auto" && systemDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  cache = null;
  listeners.forEach((f) => f());
}

export const current = (): Theme => theme;

/** cycle goes from what the system says to light, to dark, and back. */
export function cycle(): Theme {
  const all: Theme[] = ["auto", "light", "dark"];
  theme = all[(all.indexOf(theme) + 1) % 3];
  try { localStorage.setItem(key, theme); } catch { /* forgotten with the page */ }
  apply();
  return theme;
}

const names = ["ink", "muted", "line", "surface", "raw", "clean", "band", "alarm", "accent", "fault", "regime", "noise", "unknown", "warning", "stale", "learning", "normal"] as const;
type Colours = Record<(typeof names)[number], string>;
let cache: Colours | null = null;

/** colours returns the colours of the theme; in forced colours those of the system. */
export function colours(): Colours {
  if (cache) return cache;
  const s = getComputedStyle(document.documentElement);
  return (cache = Object.fromEntries(names.map((n) => [n, s.getPropertyValue("--" + n).trim()])) as Colours);
}

systemDark.addEventListener("change", apply);
forced.addEventListener("change", apply);
apply();
