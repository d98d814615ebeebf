// A small picture of the last minute: raw as a thin line, clean over it.
import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Spark } from "../store";
import { colours, onTheme } from "../theme";

export function Sparkline({ spark, tick }: { spark: Spark | undefined; tick: number }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = () => ref.current && spark && paint(ref.current, spark);
    draw();
    return onTheme(draw);
  }, [spark, tick]);
  return <canvas class="spark" ref={ref} aria-hidden="true" />;
}

function paint(cv: HTMLCanvasElement, s: Spark): void {
  const ratio = devicePixelRatio, w = cv.clientWidth * ratio, hgt = cv.clientHeight * ratio;
  if (!w || !hgt) return;
  if (cv.width !== w || cv.height !== hgt) { cv.width = w; cv.height = hgt; }
  const ctx = cv.getContext("2d")!;
  ctx.clearRect(0, 0, w, hgt);
  let lo = Infinity, hi = -Infinity;
  for (const c of [s.raw, s.clean]) for (const x of c) if (x !== null) { lo = Math.min(lo, x); hi = Math.max(hi, x); }
  if (!isFinite(lo)) return;
  const pad = 3 * ratio, flat = hi - lo < 1e-12;
  const n = Math.max(s.raw.length, 24);
  const x = (i: number): number => pad + ((n - s.raw.length + i) / (n - 1)) * (w - 2 * pad);
  const y = (v: number): number => (flat ? hgt / 2 : hgt - pad - ((v - lo) / (hi - lo)) * (hgt - 2 * pad));
  const line = (c: (number | null)[], colour: string, width: number): void => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width * ratio;
    ctx.lineJoin = "round";
    ctx.beginPath();
    let down = false;
    c.forEach((v, i) => {
      if (v === null) { down = false; return; }
      if (down) ctx.lineTo(x(i), y(v)); else ctx.moveTo(x(i), y(v));
      down = true;
    });
    ctx.stroke();
  };
  line(s.raw, colours().raw, 1);
  line(s.clean, colours().clean, 1.75);
}
