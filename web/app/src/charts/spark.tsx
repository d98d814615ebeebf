// A small picture of a series: raw as a thin line, clean over it.
import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { store, type Spark } from "../store";
import { colours, onTheme, reduced } from "../theme";

const shown = 240; // points

/** All of them are drawn by one clock, those that have changed. */
interface Drawn { id: string; version: number; lo: number; hi: number; w: number; tall: number }
const drawn = new Map<HTMLCanvasElement, Drawn>();
let clock = 0, turn = 0;

function run(): void {
  clock ||= window.setInterval(() => {
    if (!drawn.size) { clearInterval(clock); clock = 0; return; }
    if (document.hidden || store.paused) return;
    // A quarter of them at a time, so that no frame has much to draw.
    turn = (turn + 1) % 4;
    let i = 0;
    for (const cv of drawn.keys()) if (i++ % 4 === turn) draw(cv, false);
  }, reduced() ? 500 : 100);
}

onTheme(() => { for (const cv of drawn.keys()) draw(cv, true); });
addEventListener("resize", () => { for (const [cv, d] of drawn) { d.w = cv.clientWidth; d.tall = cv.clientHeight; } });

export function Sparkline({ id }: { id: string }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const cv = ref.current!;
    drawn.set(cv, { id, version: -1, lo: NaN, hi: NaN, w: cv.clientWidth, tall: cv.clientHeight });
    draw(cv, true);
    run();
    return () => void drawn.delete(cv);
  }, [id]);
  return <canvas class="spark" ref={ref} aria-hidden="true" />;
}

/** newest returns the points of a series that come one by one, else what was seen of it once a second. */
function newest(id: string): { of: Spark | undefined; version: number } {
  const b = store.buffers.get(id), c = b && Object.values(b.channels)[0];
  if (b && c && b.length - b.run() > 24) {
    const from = Math.max(b.run(), b.length - shown);
    return { of: { raw: c.raw.slice(from), clean: c.clean.slice(from) }, version: b.version };
  }
  const s = store.sparks.get(id);
  return { of: s, version: -2 - store.tick };
}

function draw(cv: HTMLCanvasElement, anyway: boolean): void {
  const at = drawn.get(cv)!;
  const { of, version } = newest(at.id);
  if (!of || (version === at.version && !anyway)) return;
  at.version = version;
  const ratio = devicePixelRatio, w = Math.round(at.w * ratio), tall = Math.round(at.tall * ratio);
  if (!w || !tall) return;
  if (cv.width !== w || cv.height !== tall) { cv.width = w; cv.height = tall; }
  const ctx = cv.getContext("2d")!;
  ctx.clearRect(0, 0, w, tall);
  let lo = Infinity, hi = -Infinity;
  for (const c of [of.raw, of.clean]) for (const x of c) if (x !== null) { lo = Math.min(lo, x); hi = Math.max(hi, x); }
  if (!isFinite(lo)) return;
  // It widens at once and narrows slowly, so that a spike that leaves does not make it jump.
  at.lo = lo = lo < at.lo || isNaN(at.lo) ? lo : at.lo + 0.15 * (lo - at.lo);
  at.hi = hi = hi > at.hi || isNaN(at.hi) ? hi : at.hi + 0.15 * (hi - at.hi);
  const pad = 3 * ratio, flat = hi - lo < 1e-12 * Math.max(1, Math.abs(hi));
  const n = Math.max(of.raw.length, 24);
  const x = (i: number): number => pad + ((n - of.raw.length + i) / (n - 1)) * (w - 2 * pad);
  const y = (v: number): number => (flat ? tall / 2 : tall - pad - ((v - lo) / (hi - lo)) * (tall - 2 * pad));
  line(ctx, of.raw, x, y, colours().raw, ratio);
  line(ctx, of.clean, x, y, colours().clean, 1.75 * ratio);
}

function line(ctx: CanvasRenderingContext2D, c: (number | null)[], x: (i: number) => number, y: (v: number) => number, colour: string, width: number): void {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.lineJoin = "round";
  ctx.beginPath();
  let down = false;
  for (let i = 0; i < c.length; i++) {
    const v = c[i];
    if (v === null) { down = false; continue; }
    if (down) ctx.lineTo(x(i), y(v)); else ctx.moveTo(x(i), y(v));
    down = true;
  }
  ctx.stroke();
}
