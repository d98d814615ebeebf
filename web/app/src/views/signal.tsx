// The hero: raw against clean of one channel, what is read at the cursor, and the
// key that takes Quell away while it is held.
import { h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { signal } from "../charts/lanes";
import { TimePlot } from "../charts/timeplot";
import { clock, num } from "../format";
import { store } from "../store";
import type { View } from "../view";
import type uPlot from "uplot";

interface Props {
  view: View; seriesKey: string; channel: string; unit: string; height: number; table: boolean; axis?: boolean;
  register?: (u: uPlot | null) => void; onIndex?: (i: number | null) => void;
}

export function Signal({ view, seriesKey, channel, unit, height, table, axis, register, onIndex }: Props) {
  const out = useRef<HTMLDivElement>(null);
  const [bypass, setBypass] = useState(view.bypass);
  useEffect(() => view.onChange(() => setBypass(view.bypass)), [view]);
  const read = (i: number | null): void => {
    onIndex?.(i);
    const b = view.buffer, c = b.channels[channel];
    const k = i ?? newest(view, channel);
    if (!out.current || !c || k < 0) return;
    const of = out.current.querySelectorAll("b");
    of[0].textContent = num(c.raw[k]);
    of[1].textContent = num(c.clean[k]);
    of[2].textContent = `${num(c.lo[k])} … ${num(c.hi[k])}`;
    of[3].textContent = method(c.method[k]);
    of[4].textContent = clock(b.t[k], true);
  };
  const lane = useMemo(() => signal(view, channel, unit, height, seriesKey, read, axis), [view, channel, unit, height, seriesKey, axis]);
  useEffect(() => {
    let last = 0;
    read(null);
    return store.onPoints((k) => {
      if (k !== seriesKey || store.paused || performance.now() - last < 250) return;
      last = performance.now();
      read(null);
    });
  }, [lane]);
  return (
    <div class={"hero" + (bypass ? " bypassed" : "")}>
      <div class="readout" ref={out}>
        <span class="key raw">raw <b>–</b></span>
        <span class="key clean">clean <b>–</b></span>
        <span class="key band">interval <b>–</b></span>
        <span class="key">by <b>–</b></span>
        <span class="key when"><b>–</b></span>
        {unit && <span class="unit">{unit}</span>}
        <span class="bypass" role="status">{bypass ? "bypassed: raw only" : ""}</span>
      </div>
      <TimePlot view={view} seriesKey={seriesKey} lane={lane} table={table} register={register} />
    </div>
  );
}

const method = (m: string | null): string => (m === "net" ? "network" : m ?? "–");

/** newest returns the last point that has a clean value, since those after it wait for their look-ahead. */
function newest(view: View, channel: string): number {
  const c = view.buffer.channels[channel];
  if (!c) return -1;
  for (let i = c.clean.length - 1; i >= 0 && i > c.clean.length - 400; i--) if (c.clean[i] !== null) return i;
  return c.clean.length - 1;
}
