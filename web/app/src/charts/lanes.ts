// What the charts of one channel show: the signal, what was taken away, and what
// the monitor made of it.
import type uPlot from "uplot";
import type { Event } from "../types";
import { num } from "../format";
import { ms } from "../format";
import { store } from "../store";
import { colours, inForced } from "../theme";
import type { View } from "../view";
import { kindOf } from "../kinds";
import type { Lane } from "./timeplot";

const none: never[] = [];
const raised = (x: string, alpha: number): string => `color-mix(in srgb, ${x} ${Math.round(alpha * 100)}%, transparent)`;

/** column cuts a piece out of a column that may not be there yet. */
function column(c: (number | null)[] | undefined, a: number, b: number): (number | null)[] {
  return c ? c.slice(a, b) : new Array(b - a).fill(null);
}

/** edge bounds the interval, which is a pale band; where there are no pale colours it is two dotted lines. */
const edge = (hushed: (full: string) => string): uPlot.Series => ({ stroke: () => hushed(inForced() ? colours().muted : "transparent"), width: 1, dash: [2, 3], points: { show: false } });

/** signal is raw against clean, with the interval: what Quell is for. */
export function signal(view: View, ch: string, unit: string, height: number, seriesKey: string, onCursor: (i: number | null) => void, axis = false): Lane {
  const of = () => view.buffer.channels[ch];
  const hushed = (full: string): string => (view.bypass ? "transparent" : full);
  return {
    name: `Raw and clean signal of ${ch}${unit ? " in " + unit : ""}`,
    height, axis, onCursor,
    heads: ["raw", "clean", "from", "to", "method", "quality"],
    cells: (i) => {
      const c = of();
      return c ? [num(c.raw[i]), num(c.clean[i]), num(c.lo[i]), num(c.hi[i]), c.method[i] ?? "–", c.quality[i] ?? "–"] : none;
    },
    series: [
      edge(hushed), edge(hushed),
      { stroke: () => raised(colours().raw, view.bypass ? 1 : 0.75), width: 1, points: { show: false } },
      { stroke: () => hushed(colours().clean), width: 2.25, points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: () => hushed(colours().band) }],
    columns: (a, b) => {
      const c = of();
      return [column(c?.lo, a, b), column(c?.hi, a, b), column(c?.raw, a, b), column(c?.clean, a, b)];
    },
    draw: (u) => { marks(u, seriesKey, true); states(u, view); },
  };
}

/** residual is raw less clean: what was taken for noise. */
export function residual(view: View, ch: string, seriesKey: string): Lane {
  const of = () => view.buffer.channels[ch];
  const at = (i: number): number | null => {
    const c = of(), r = c?.raw[i], k = c?.clean[i];
    return r == null || k == null ? null : r - k;
  };
  return {
    name: `Residual of ${ch}, raw less clean`,
    height: 96, heads: ["residual"], cells: (i) => [num(at(i))],
    series: [{ stroke: () => colours().muted, width: 1, points: { show: false }, fill: () => raised(colours().muted, 0.1), fillTo: 0 }],
    columns: (a, b) => [Array.from({ length: b - a }, (_, i) => at(a + i))],
    range: (min, max) => { const m = Math.max(-min, max, 1e-12) * 1.15; return [-m, m]; },
    draw: (u) => marks(u, seriesKey, false),
  };
}

/** statistic is the detector's, with the threshold above which it raises an alarm. */
export function statistic(view: View, seriesKey: string): Lane {
  const b = view.buffer;
  return {
    name: "Detector statistic and its threshold",
    height: 124, axis: true,
    heads: ["statistic", "threshold", "score", "drift"],
    cells: (i) => [num(b.stat[i]), num(b.threshold[i]), num(b.score[i]), b.drift[i] ?? "–"],
    series: [
      { stroke: () => colours().accent, width: 1.5, points: { show: false }, fill: () => raised(colours().accent, 0.1), fillTo: -1e9 },
      { stroke: () => colours().alarm, width: 1.5, dash: [6, 4], points: { show: false } },
    ],
    columns: (x, y) => [column(b.stat, x, y), column(b.threshold, x, y)],
    range: (min, max) => [Math.min(0, min), max > 0 ? 1.1 * max : 1],
    draw: (u) => marks(u, seriesKey, false),
  };
}

const state: Record<string, keyof ReturnType<typeof colours>> = {
  warning: "warning", noise: "noise", regime: "regime", fault: "fault", unknown: "unknown", learning: "learning",
};

/** states draws along the foot of a chart in which state of drift each point was; calm stays empty. */
function states(u: uPlot, view: View): void {
  const { ctx } = u;
  const ratio = devicePixelRatio, h = 5 * ratio, y = u.bbox.top + u.bbox.height - h;
  const [a, b] = view.slice();
  const x = (i: number): number => Math.min(Math.max(u.valToPos(view.buffer.t[i], "x", true), u.bbox.left), u.bbox.left + u.bbox.width);
  ctx.save();
  for (let i = a; i < b; ) {
    const d = view.buffer.drift[i];
    let j = i + 1;
    while (j < b && view.buffer.drift[j] === d) j++;
    if (d && state[d]) {
      ctx.fillStyle = colours()[state[d]];
      ctx.globalAlpha = d === "learning" ? 0.3 : 1;
      ctx.fillRect(x(i), y, Math.max(x(Math.min(j, b - 1)) - x(i), ratio), h);
    }
    i = j;
  }
  ctx.restore();
}

/** eventsOf returns the events of one series, newest first; those of the epoch that the charts show, once it is known. */
export const eventsOf = (seriesKey: string): Event[] => {
  const epoch = store.buffers.get(seriesKey)?.epoch ?? NaN;
  return store.events.filter((e) => e.stream + "\u0000" + e.series === seriesKey && (isNaN(epoch) || e.epoch === epoch));
};

/** marks draws a line at each event, with its word where it is asked for. */
function marks(u: uPlot, seriesKey: string, word: boolean): void {
  const { ctx } = u, c = colours(), ratio = devicePixelRatio;
  const { min, max } = u.scales.x;
  ctx.save();
  ctx.font = `${500} ${11 * ratio}px Inter, system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  let last = Infinity;
  for (const e of eventsOf(seriesKey)) {
    const t = ms(e.ts) / 1000;
    if (!(t >= min! && t <= max!)) continue;
    const x = Math.round(u.valToPos(t, "x", true)), k = kindOf(e);
    ctx.strokeStyle = c[k.colour];
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
    const wide = ctx.measureText(k.word).width + 8 * ratio;
    if (word && x + wide < last) {
      ctx.fillStyle = c[k.colour];
      ctx.fillText(k.word, x + 5 * ratio, u.bbox.top + 12 * ratio);
      last = x;
    }
  }
  ctx.restore();
}
