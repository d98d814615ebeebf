// Which frequencies were taken away: the spectrum of raw and clean, and how both
// went over time.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { even, rate, spectrogram, welch } from "../fft";
import { num } from "../format";
import { store } from "../store";
import { colours, onTheme } from "../theme";
import { Empty, Part } from "../ui";
import type { View } from "../view";
import { tidy } from "../charts/timeplot";
import { paint } from "../charts/heat";

const most = 4096;

interface Props { view: View; seriesKey: string; channel: string; unit: string; hz: number | null }

/** pieces returns raw and clean of the newest points on an even grid, and its rate. */
function pieces(view: View, channel: string): { raw: Float64Array; clean: Float64Array; hz: number } | null {
  const b = view.buffer, c = b.channels[channel];
  if (!c) return null;
  let to = b.length;
  while (to > 0 && c.clean[to - 1] === null) to--; // what waits for its look-ahead
  const from = Math.max(b.run(), to - most), t = b.t.slice(from, to);
  const hz = rate(t);
  if (!hz) return null;
  return { raw: even(t, c.raw.slice(from, to), hz), clean: even(t, c.clean.slice(from, to), hz), hz };
}

export function Spectra({ view, seriesKey, channel, unit, hz }: Props) {
  const all = useRef<HTMLDivElement>(null), box = useRef<HTMLDivElement>(null), above = useRef<HTMLCanvasElement>(null), below = useRef<HTMLCanvasElement>(null);
  const [said, setSaid] = useState("");
  const [top, setTop] = useState(0);
  const [flat, setFlat] = useState(false);
  const [table, setTable] = useState<[string, string, string][] | null>(null);
  const wanted = useRef(false);
  useEffect(() => {
    let plot: uPlot | null = null, visible = false;
    const draw = (): void => {
      const p = visible ? pieces(view, channel) : null;
      if (!p || p.raw.length < 64 || !above.current || !below.current) return;
      const still = constant(p.raw);
      setFlat(still);
      if (still) { // of a stuck sensor there would be rounding to see
        plot?.destroy();
        plot = null;
        setSaid("The readings do not vary: there is no spectrum.");
        return;
      }
      const n = 1 << Math.min(9, Math.floor(Math.log2(p.raw.length)));
      const r = welch(p.raw, n, p.hz)!, c = welch(p.clean, n, p.hz) ?? r;
      const f = Array.from(r, (_, k) => (k * p.hz) / n), least = 1e-14 * r.reduce((a, v) => Math.max(a, v), 1e-280);
      const db = (x: Float64Array) => Array.from(x, (v) => 10 * Math.log10(Math.max(v, least)));
      const data: uPlot.AlignedData = [f.slice(1), db(r).slice(1), db(c).slice(1)];
      if (!plot && box.current) plot = new uPlot(spectrumOptions(box.current), data, box.current);
      else plot?.setData(data);
      const hop = Math.max(8, 2 ** Math.ceil(Math.log2(p.raw.length / 220))), m = Math.min(128, n);
      const one = spectrogram(p.raw, m, hop, p.hz), two = spectrogram(p.clean, m, hop, p.hz);
      const scale = paint(above.current, one);
      paint(below.current, two, scale);
      setTop(p.hz / 2);
      setSaid(sentence(r, c, p.hz / n) + (hz && p.hz < hz * 0.7 ? ` The stream is thinned for the page: of ${num(hz)} Hz only ${num(p.hz, 3)} Hz are seen here.` : ""));
      if (wanted.current) setTable(bands(data));
    };
    const seen = new IntersectionObserver((e) => { visible = e[0].isIntersecting; if (visible) draw(); });
    seen.observe(all.current!);
    const size = new ResizeObserver(() => box.current && plot?.setSize({ width: box.current.clientWidth, height: 180 }));
    size.observe(box.current!);
    const timer = setInterval(() => { if (visible && !store.paused) draw(); }, 1000);
    const off = onTheme(() => { plot?.destroy(); plot = null; draw(); });
    draw();
    return () => { seen.disconnect(); size.disconnect(); clearInterval(timer); off(); plot?.destroy(); };
  }, [view, seriesKey, channel]);
  const toggle = (): void => { wanted.current = !wanted.current; if (!wanted.current) setTable(null); else setTable([]); };
  return (
    <Part title="Spectrum" note={unit ? `dB of ${unit}²/Hz` : "dB per Hz"} tools={<button aria-pressed={!!table} onClick={toggle}>Table</button>}>
      <div ref={all}>
      <div class="canvas" ref={box} role="img" tabIndex={0} aria-label={`Spectrum of raw and clean ${channel}. ${said}`} />
      {!said && <Empty>Needs 64 readings.</Empty>}
      {said && <p class="note">{said}</p>}
      {table && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Spectrum as a table"><table>
          <thead><tr><th scope="col">Hz</th><th scope="col">raw, dB</th><th scope="col">clean, dB</th></tr></thead>
          <tbody>{table.map((r) => <tr key={r[0]}><th scope="row">{r[0]}</th><td>{r[1]}</td><td>{r[2]}</td></tr>)}</tbody>
        </table></div>
      )}
      <div class="heat" hidden={flat}>
        <figure><figcaption>raw</figcaption><canvas ref={above} role="img" aria-label={`Spectrogram of raw ${channel}, 0 to ${num(top, 3)} Hz, newest at the right`} /></figure>
        <figure><figcaption>clean</figcaption><canvas ref={below} role="img" aria-label={`Spectrogram of clean ${channel}, 0 to ${num(top, 3)} Hz, newest at the right`} /></figure>
      </div>
      <p class="note" hidden={flat}>Spectrograms: 0 to {num(top, 3)} Hz from bottom to top, newest at the right; bright is strong, one scale for both.</p>
      </div>
    </Part>
  );
}

/** constant says whether values differ by no more than rounding. */
function constant(x: Float64Array): boolean {
  let lo = Infinity, hi = -Infinity;
  for (const v of x) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
  return hi - lo <= 1e-9 * Math.max(Math.abs(lo), Math.abs(hi));
}

/** sentence says what the picture shows: how much power is gone, low and high. */
function sentence(raw: Float64Array, clean: Float64Array, width: number): string {
  const sum = (x: Float64Array, a: number, b: number): number => { let s = 0; for (let k = a; k < b; k++) s += x[k]; return s * width; };
  const n = raw.length, q = Math.floor(n / 4);
  const drop = (a: number, b: number): string => num(10 * Math.log10(sum(raw, a, b) / (sum(clean, a, b) || 1e-300)), 2);
  return `Power taken away: ${drop(1, q)} dB in the lowest quarter of frequencies, ${drop(n - q, n)} dB in the highest.`;
}

function bands(d: uPlot.AlignedData): [string, string, string][] {
  const step = Math.max(1, Math.floor(d[0].length / 24)), out: [string, string, string][] = [];
  for (let i = 0; i < d[0].length; i += step) out.push([num(d[0][i], 3), num(d[1][i] as number, 3), num(d[2][i] as number, 3)]);
  return out;
}

function spectrumOptions(box: HTMLElement): uPlot.Options {
  const c = colours(), font = "12px Inter, system-ui, sans-serif";
  const axis = { stroke: c.muted, font, grid: { stroke: c.line, width: 1 }, ticks: { show: false } };
  return {
    width: box.clientWidth || 400, height: 180, legend: { show: false }, padding: [8, 26, 0, 0],
    scales: { x: { time: false } },
    axes: [{ ...axis, size: 28, gap: 6, grid: { show: false }, values: (_u, v) => tidy(v).map((t) => t + " Hz"), space: 80 }, { ...axis, size: 48, gap: 8, space: 36, values: (_u, v) => tidy(v) }],
    series: [{}, { stroke: () => colours().raw, width: 1, points: { show: false } }, { stroke: () => colours().clean, width: 2, points: { show: false } }],
    cursor: { y: false, drag: { x: false, y: false } },
  };
}
