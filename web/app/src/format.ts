// Numbers, times and sizes as people read them.

const narrow = "\u202f";

/** num writes a value with four significant digits; null and what is no number as a dash. */
export function num(x: number | null | undefined, digits = 4): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const a = Math.abs(x);
  if (a >= 1e6 || a < 1e-3) return x.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  return x.toFixed(Math.max(0, Math.min(6, digits - 1 - Math.floor(Math.log10(a))))).replace(/^-/, "−");
}

export function count(n: number | null | undefined): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  if (n >= 1e9) return (n / 1e9).toFixed(1) + narrow + "G";
  if (n >= 1e6) return (n / 1e6).toFixed(1) + narrow + "M";
  if (n >= 1e4) return (n / 1e3).toFixed(1) + narrow + "k";
  return String(Math.round(n));
}

export function perSecond(x: number): string {
  return (x >= 100 ? count(x) : x.toFixed(x < 10 ? 1 : 0)) + "/s";
}

export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined || !Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return (n >= 100 || i === 0 ? n.toFixed(0) : n.toFixed(1)) + narrow + units[i];
}

export function seconds(s: number | null | undefined): string {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  if (s < 1e-3) return (s * 1e6).toFixed(0) + narrow + "µs";
  if (s < 1) return (s * 1e3).toFixed(s < 0.01 ? 1 : 0) + narrow + "ms";
  if (s < 120) return s.toFixed(s < 10 ? 1 : 0) + narrow + "s";
  if (s < 7200) return (s / 60).toFixed(0) + narrow + "min";
  if (s < 172_800) return (s / 3600).toFixed(0) + narrow + "h";
  return (s / 86_400).toFixed(0) + narrow + "d";
}

let utc = false;
export const inUTC = (): boolean => utc;
export function setUTC(on: boolean): void { utc = on; }
export const zone = (): string => (utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local");

const two = (n: number): string => String(n).padStart(2, "0");

/** clock writes the time of day of Unix seconds, with milliseconds where asked for. */
export function clock(t: number, milli = false): string {
  const d = new Date(t * 1000);
  const [h, m, s] = utc ? [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()] : [d.getHours(), d.getMinutes(), d.getSeconds()];
  return `${two(h)}:${two(m)}:${two(s)}` + (milli ? "." + String(d.getMilliseconds()).padStart(3, "0") : "");
}

/** moment writes date and time of an RFC 3339 stamp; the date is left out where it is today. */
export function moment(ts: string | null | undefined): string {
  if (!ts) return "–";
  const d = new Date(ts);
  if (isNaN(d.getTime())) return ts;
  const day = (x: Date) => (utc ? x.toISOString().slice(0, 10) : `${x.getFullYear()}-${two(x.getMonth() + 1)}-${two(x.getDate())}`);
  const today = day(d) === day(new Date());
  return (today ? "" : day(d) + " ") + clock(d.getTime() / 1000);
}

/** ms returns Unix milliseconds of a stamp with nanoseconds. */
export const ms = (ts: string | null | undefined): number => (ts ? Date.parse(ts) : NaN);

export const plural = (n: number, one: string, many = one + "s"): string => `${n} ${n === 1 ? one : many}`;
