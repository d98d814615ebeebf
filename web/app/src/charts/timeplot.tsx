// A chart over time: uPlot with a name, a cursor that keys move and that is read
// out, and a table in its place. All charts of a View have one time axis.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { clock } from "../format";
import { store } from "../store";
import { colours, onTheme, reduced } from "../theme";
import type { View } from "../view";

export interface Lane {
  name: string; // what the chart is, for who can't see it
  height: number;
  heads: string[]; // of the table, after the time
  cells: (i: number) => string[]; // of the table and of what is read out, by index into the buffer
  series: uPlot.Series[];
  bands?: uPlot.Band[];
  /** columns returns the values beside the time. */
  columns: (from: number, to: number) => (number | null)[][];
  range?: (min: number, max: number) => [number, number];
  draw?: (u: uPlot) => void;
  axis?: boolean; // with the times below
  onCursor?: (i: number | null) => void;
}

const left = 64;

interface Props { view: View; seriesKey: string; lane: Lane; table: boolean; register?: (u: uPlot | null) => void }

export function TimePlot({ view, seriesKey, lane, table, register }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const said = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(lane);
  now.current = lane;
  const from = useRef(0);
  const redraw = useRef(() => {});
  useEffect(() => redraw.current(), [lane]); // another channel, paused or not

  useEffect(() => {
    const make = (): uPlot => {
      plot.current?.destroy();
      const u = new uPlot(options(view, now, from, box.current!), data(view, now.current, from), box.current!);
      plot.current = u;
      register?.(u);
      return u;
    };
    make();
    let due = 0, last = 0;
    const draw = (): void => {
      due = 0;
      last = performance.now();
      const u = plot.current!;
      u.batch(() => {
        u.setData(data(view, now.current, from), false);
        const [min, max] = view.range;
        u.setScale("x", { min, max });
      });
    };
    const ask = (): void => { if (!due) due = requestAnimationFrame(draw); };
    redraw.current = ask;
    const size = new ResizeObserver(() => { if (box.current?.clientWidth) plot.current?.setSize({ width: box.current.clientWidth, height: now.current.height }); });
    size.observe(box.current!);
    const done = [
      view.onChange(ask), onTheme(() => { make(); ask(); }),
      store.onPoints((k) => {
        if (k !== seriesKey || store.paused || !view.following || (reduced() && performance.now() - last < 500)) return;
        ask();
      }),
    ];
    ask();
    return () => {
      cancelAnimationFrame(due);
      size.disconnect();
      done.forEach((f) => f());
      plot.current!.destroy();
      plot.current = null;
      register?.(null);
    };
  }, [view, seriesKey, lane.series.length]);

  const speak = throttle((i: number) => {
    const at = i + from.current;
    const cells = now.current.cells(at);
    if (said.current) said.current.textContent = `${clock(view.buffer.t[at], true)}: ` + now.current.heads.map((n, k) => `${n} ${cells[k]}`).join(", ");
  }, 300);
  const onKey = (e: KeyboardEvent): void => {
    const u = plot.current!;
    const n = u.data[0].length;
    if (!n || e.ctrlKey || e.metaKey) return;
    const step: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 };
    const by = step[e.key];
    if (by === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    const i = Math.min(Math.max((u.cursor.idx ?? n - 1) + by * (e.shiftKey ? 10 : 1), 0), n - 1);
    setCursor(u, { left: u.valToPos(u.data[0][i], "x"), top: u.over.clientHeight / 2 });
    speak(i);
  };
  return (
    <figure class="plot">
      <div class="canvas" ref={box} role="img" tabIndex={0} aria-label={lane.name + ". Arrow keys move the cursor."} onKeyDown={onKey} hidden={table} />
      <span class="sr" aria-live="polite" ref={said} />
      {table && <Table view={view} lane={lane} />}
    </figure>
  );
}

/** setCursor moves the cursor of a chart and of those that go with it; uPlot's types leave out the third argument, which says so. */
function setCursor(u: uPlot, at: { left: number; top: number }): void {
  (u.setCursor as (at: { left: number; top: number }, fire: boolean, publish: boolean) => void)(at, true, true);
}

function throttle(f: (i: number) => void, wait: number): (i: number) => void {
  const timer = useRef(0), value = useRef(0);
  return (i) => {
    value.current = i;
    if (timer.current) return;
    timer.current = window.setTimeout(() => { timer.current = 0; f(value.current); }, wait);
  };
}

function data(view: View, lane: Lane, from: { current: number }): uPlot.AlignedData {
  const [a, b] = view.slice();
  from.current = a;
  return [view.buffer.t.slice(a, b), ...lane.columns(a, b)] as uPlot.AlignedData;
}

function options(view: View, lane: { current: Lane }, from: { current: number }, box: HTMLElement): uPlot.Options {
  const c = colours();
  const font = "12px Inter, system-ui, sans-serif";
  const axis = { stroke: c.muted, font, grid: { stroke: c.line, width: 1 }, ticks: { show: false } };
  const [min, max] = view.range;
  return {
    width: box.clientWidth || 600, height: lane.current.height, ms: 1,
    legend: { show: false },
    padding: [8, 12, lane.current.axis ? 0 : 8, 0],
    scales: {
      x: { time: true, min, max, range: (_u, a, b) => [a, b] },
      y: { range: (_u, a, b) => calm(lane.current, a, b) },
    },
    axes: [
      { ...axis, show: true, size: lane.current.axis ? 28 : 0, gap: 6, values: (u, t) => t.map((x) => (lane.current.axis && fits(u, x) ? clock(x) : "")), space: 90, grid: { show: false } },
      { ...axis, size: left, gap: 8, space: 36, values: (_u, v) => tidy(v) },
    ],
    series: [{}, ...lane.current.series],
    bands: lane.current.bands,
    cursor: {
      sync: { key: "time-" + id(view), setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, width: 2, stroke: (u, i) => (u.series[i].stroke as (u: uPlot, i: number) => string)(u, i), fill: () => c.surface },
      y: false,
    },
    hooks: {
      draw: [(u) => lane.current.draw?.(u)],
      setCursor: [(u) => lane.current.onCursor?.(u.cursor.left! >= 0 && u.cursor.idx != null ? u.cursor.idx + from.current : null)],
      setSelect: [(u) => {
        if (u.select.width < 4) return;
        view.set(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      ready: [(u) => {
        u.over.addEventListener("wheel", (e) => wheel(u, view, e), { passive: false });
        u.over.addEventListener("dblclick", () => view.follow());
        u.over.addEventListener("mousedown", () => box.focus({ preventScroll: true }));
      }],
    },
  };
}

/** fits says whether there is room for a time below x. */
function fits(u: uPlot, x: number): boolean {
  const at = u.valToPos(x, "x");
  return at >= 0 && at < u.bbox.width / devicePixelRatio - 20;
}

const ids = new WeakMap<View, number>();
let next = 0;
function id(v: View): number {
  if (!ids.has(v)) ids.set(v, next++);
  return ids.get(v)!;
}

/** wheel zooms where the chart has the focus or a key is held; else the page scrolls. */
function wheel(u: uPlot, view: View, e: WheelEvent): void {
  const focused = document.activeElement === u.root.parentElement;
  if (!focused && !e.ctrlKey && !e.shiftKey) return;
  e.preventDefault();
  const by = e.deltaY || e.deltaX;
  view.zoom(by > 0 ? 1.25 : 0.8, u.posToVal(u.cursor.left!, "x"));
}

/** tidy writes the ticks of an axis with the same number of digits. */
export function tidy(v: number[]): string[] {
  const step = Math.abs((v[1] ?? v[0]) - v[0]) || Math.abs(v[0]) || 1;
  const big = Math.max(...v.map(Math.abs));
  if (big >= 1e6 || (big > 0 && big < 1e-4)) return v.map((x) => x.toExponential(1).replace("e+", "e"));
  let digits = 0;
  while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 * step * 10 ** digits) digits++;
  return v.map((x) => x.toFixed(digits).replace(/^-/, "−"));
}

const kept = new WeakMap<Lane["cells"], [number, number]>();

/** calm keeps the range of values while it fits, so that the axis does not breathe with every point. */
function calm(lane: Lane, min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !isFinite(min) || !isFinite(max)) return [0, 1];
  if (lane.range) return lane.range(min, max);
  const pad = (max - min) * 0.08 || Math.abs(max) * 0.01 || 1;
  const old = kept.get(lane.cells);
  if (old && old[0] <= min && old[1] >= max && max - min > 0.6 * (old[1] - old[0])) return old;
  const range: [number, number] = [min - pad, max + pad];
  kept.set(lane.cells, range);
  return range;
}

function Table({ view, lane }: { view: View; lane: Lane }) {
  const [, again] = useState(0);
  useEffect(() => {
    const t = setInterval(() => { if (!store.paused) again((n) => n + 1); }, 1000);
    return () => clearInterval(t);
  }, []);
  const [a, b] = view.slice();
  const rows: number[] = [];
  for (let i = b - 1; i >= a && rows.length < 60; i--) if (!view.buffer.isBreak(i)) rows.push(i);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={lane.name + ", newest first"}>
      <table>
        <thead><tr><th scope="col">time</th>{lane.heads.map((n) => <th scope="col">{n}</th>)}</tr></thead>
        <tbody>
          {rows.map((i) => <tr key={view.buffer.t[i]}><th scope="row">{clock(view.buffer.t[i], true)}</th>{lane.cells(i).map((c) => <td>{c}</td>)}</tr>)}
        </tbody>
      </table>
    </div>
  );
}
