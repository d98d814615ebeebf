// The replay buffer: what a fine-tune would learn from. A window that holds what
// must not be learnt can be taken out.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, within } from "../api";
import { bytes, moment, num } from "../format";
import { colours, onTheme } from "../theme";
import type { ReplayWindow } from "../types";
import { Empty, Part, Write } from "../ui";

interface Content { bytes: number; max_bytes: number; windows: ReplayWindow[] }

export function Replay({ stream, series, off }: { stream: string; series: string; off: boolean }) {
  const [content, setContent] = useState<Content | null>(null);
  const [problem, setProblem] = useState("");
  const [picked, setPicked] = useState<ReplayWindow["id"] | null>(null);
  const load = (): Promise<void> => get<Content>("replay/" + within(stream, series)).then((c) => { setContent(c); setProblem(""); }, (e) => {
    setContent(null);
    setProblem(e.message);
  });
  useEffect(() => {
    if (off) return setProblem("Adaptation is off for this stream.");
    void load();
    const t = setInterval(() => { if (!document.hidden) void load(); }, 10_000);
    return () => clearInterval(t);
  }, [stream, series, off]);
  const windows = content?.windows ?? [];
  const one = windows.find((w) => w.id === picked);
  const move = (e: KeyboardEvent): void => {
    const by = ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8 } as Record<string, number>)[e.key];
    if (!by) return;
    e.preventDefault();
    const i = Math.min(Math.max(windows.findIndex((w) => w.id === picked) + by, 0), windows.length - 1);
    setPicked(windows[i].id);
    (e.currentTarget as HTMLElement).querySelectorAll("button")[i]?.focus();
  };
  return (
    <Part title="Replay buffer" note={content ? `${windows.length} windows, ${bytes(content.bytes)} of ${bytes(content.max_bytes)}` : undefined}>
      {!windows.length && <Empty>{problem || "No window yet: each takes 256 samples."}</Empty>}
      <div class="windows" role="group" aria-label="Windows, oldest first" onKeyDown={move}>
        {windows.map((w, i) => (
          <button key={w.id} class={`window r${w.regime % 6}${w.held_out ? " held" : ""}${w.quarantined ? " quarantined" : ""}${w.excluded ? " excluded" : ""}`}
            aria-pressed={w.id === picked} tabIndex={w.id === picked || (picked === null && i === 0) ? 0 : -1} onClick={() => setPicked(w.id)} aria-label={word(w)} title={word(w)}>{w.regime}</button>
        ))}
      </div>
      {windows.length > 0 && <p class="note">Number: regime. Dashed: held out. Struck: quarantined or excluded.</p>}
      {one && <One key={one.id} stream={stream} series={series} w={one} changed={load} />}
    </Part>
  );
}

const word = (w: ReplayWindow): string =>
  `From sample ${w.from_index}, ${moment(w.ts)}, regime ${w.regime}` + (w.held_out ? ", held out" : "") + (w.quarantined ? ", quarantined" : "") + (w.excluded ? ", excluded" : "");

function One({ stream, series, w, changed }: { stream: string; series: string; w: ReplayWindow; changed: () => Promise<void> }) {
  const [of, setOf] = useState<{ name: string; values: (number | null)[] }[]>([]);
  const path = "replay/" + within(stream, series, w.id);
  useEffect(() => { void get<{ channels: typeof of }>(path).then((c) => setOf(c.channels), () => setOf([])); }, [path]);
  return (
    <div class="window-detail">
      <p>{word(w)}{w.sigma !== null ? `, noise σ ${num(w.sigma, 3)}` : ""}.</p>
      {of.map((c) => <Trace key={c.name} name={c.name} values={c.values} />)}
      <Write run={() => post(`${path}/${w.excluded ? "include" : "exclude"}`)} done={() => void changed()}>{w.excluded ? "Include again" : "Exclude from learning"}</Write>
    </div>
  );
}

function Trace({ name, values }: { name: string; values: (number | null)[] }) {
  const ref = useRef<HTMLCanvasElement>(null);
  const good = values.filter((v): v is number => v !== null);
  const lo = Math.min(...good), hi = Math.max(...good);
  useEffect(() => {
    const draw = (): void => {
      const cv = ref.current, ratio = devicePixelRatio;
      if (!cv) return; // the page is another one by now
      cv.width = cv.clientWidth * ratio;
      cv.height = cv.clientHeight * ratio;
      const ctx = cv.getContext("2d")!;
      ctx.strokeStyle = colours().raw;
      ctx.lineWidth = ratio;
      ctx.beginPath();
      values.forEach((v, i) => { if (v !== null) ctx.lineTo((i / (values.length - 1)) * cv.width, cv.height * (0.95 - (0.9 * (v - lo)) / (hi - lo || 1))); });
      ctx.stroke();
    };
    draw();
    return onTheme(draw);
  }, [values]);
  return <figure><figcaption>{name}</figcaption><canvas class="trace" ref={ref} role="img" aria-label={`${name}: ${values.length} values between ${num(lo)} and ${num(hi)}`} /></figure>;
}
