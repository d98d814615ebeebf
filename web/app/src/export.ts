// What is shown, as a picture or as values.
import type uPlot from "uplot";
import { clock } from "./format";
import { colours } from "./theme";
import type { View } from "./view";

function save(name: string, blob: Blob): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

const safe = (s: string): string => s.replace(/[^\w.-]+/g, "_");

/** exportPNG puts the charts under each other, with a title. */
export function exportPNG(series: string, channel: string, unit: string, plots: (uPlot | null)[]): void {
  const of = plots.filter((p): p is uPlot => !!p).map((p) => p.ctx.canvas);
  if (!of.length) return;
  const ratio = devicePixelRatio, pad = 20 * ratio, head = 44 * ratio;
  const cv = document.createElement("canvas");
  cv.width = Math.max(...of.map((c) => c.width)) + 2 * pad;
  cv.height = of.reduce((h, c) => h + c.height, head + 2 * pad);
  const ctx = cv.getContext("2d")!, c = colours();
  ctx.fillStyle = c.surface;
  ctx.fillRect(0, 0, cv.width, cv.height);
  ctx.fillStyle = c.ink;
  ctx.font = `600 ${18 * ratio}px Inter, system-ui, sans-serif`;
  ctx.fillText(series, pad, pad + 18 * ratio);
  ctx.fillStyle = c.muted;
  ctx.font = `${13 * ratio}px Inter, system-ui, sans-serif`;
  ctx.fillText(`${channel}${unit ? ", " + unit : ""}: raw and clean, residual, detector · ${new Date().toISOString()}`, pad, pad + 38 * ratio);
  let y = pad + head;
  for (const p of of) { ctx.drawImage(p, pad, y); y += p.height; }
  cv.toBlob((b) => b && save(`${safe(series)}-${safe(channel)}-${clock(Date.now() / 1000).replaceAll(":", "")}.png`, b));
}

/** csvOf writes the points that are shown, all channels, in the columns of quell denoise. */
export function csvOf(view: View): string {
  const b = view.buffer, names = Object.keys(b.channels), quote = (s: string) => (/[",\n\r]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
  const head = ["ts", ...names.flatMap((n) => [n, n + "_clean", n + "_lo", n + "_hi", n + "_quality", n + "_method"]), "score", "statistic", "threshold", "drift"];
  const out = [head.map(quote).join(",")];
  const [from, to] = view.range;
  for (let i = b.index(from); i < b.length && b.t[i] <= to; i++) {
    if (b.isBreak(i)) continue;
    const row: (string | number | null)[] = [new Date(b.t[i] * 1000).toISOString()];
    for (const n of names) { const c = b.channels[n]; row.push(c.raw[i], c.clean[i], c.lo[i], c.hi[i], c.quality[i], c.method[i]); }
    row.push(b.score[i], b.stat[i], b.threshold[i], b.drift[i]);
    out.push(row.map((x) => (x === null || x === undefined ? "" : quote(String(x)))).join(","));
  }
  return out.join("\n") + "\n";
}

export function exportCSV(series: string, view: View): void {
  save(`${safe(series)}.csv`, new Blob([csvOf(view)], { type: "text/csv" }));
}
