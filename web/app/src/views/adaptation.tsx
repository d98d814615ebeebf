// How a challenger is doing: where the loop stands, the evidence of the gate, and
// how training went.
import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { get } from "../api";
import { tidy } from "../charts/timeplot";
import { num, seconds } from "../format";
import { store } from "../store";
import { colours, onTheme } from "../theme";
import type { Adaptation, Detail, Models } from "../types";
import { Empty, Part } from "../ui";
import { ByHand } from "./byhand";

const phases = ["idle", "collecting", "training", "gate", "probation"];

/** useModels fetches models and adaptation every other second while it is shown. */
export function useModels(): { models: Models | null; problem: string; again: () => void } {
  const [models, setModels] = useState<Models | null>(null);
  const [problem, setProblem] = useState("");
  const load = useRef(() => {});
  useEffect(() => {
    load.current = () => void get<Models>("models").then((m) => { setModels(m); setProblem(""); }, (e) => setProblem(e.message));
    load.current();
    const t = setInterval(() => { if (!document.hidden && !store.paused) load.current(); }, 2000);
    return () => clearInterval(t);
  }, []);
  return { models, problem, again: () => load.current() };
}

export function AdaptationOf({ stream, series, model, detail }: { stream: string; series: string; model: string; detail: Detail | undefined }) {
  const { models, problem, again } = useModels();
  const a = models?.adaptation?.find((x) => x.stream === stream && (x.series === series || x.series === ""));
  return (
    <Part title="Adaptation" note={a?.challenger ? `challenger ${a.challenger}` : undefined} tools={<a href="#/models">Models</a>}>
      {a ? <Progress a={a} /> : <Empty>{problem || (models ? "Nothing is being learnt for this series." : "Loading …")}</Empty>}
      {models && <ByHand stream={stream} series={series} model={model} detail={detail} models={models} again={again} />}
    </Part>
  );
}

/** useLeft is for how many seconds training will go on, by how fast it went while it was looked at; null while that is not known. */
function useLeft(a: Adaptation, step: number): number | null {
  const from = useRef<{ at: number; step: number } | null>(null);
  if (a.phase !== "training" || (from.current && step < from.current.step)) from.current = null;
  if (a.phase !== "training" || !a.steps) return null;
  from.current ??= { at: performance.now(), step };
  const done = step - from.current.step;
  return done > 0 ? Math.round(((a.steps - step) / done) * ((performance.now() - from.current.at) / 1000)) : null;
}

/** Progress shows the five steps of the loop and what is known at each. */
export function Progress({ a }: { a: Adaptation }) {
  const at = phases.indexOf(a.phase), step = a.curve?.[a.curve.length - 1]?.step ?? 0;
  const left = useLeft(a, step);
  return (
    <div class="progress">
      <ol class="steps">{phases.map((p, i) => <li key={p} class={i < at ? "past" : i === at ? "now" : ""} aria-current={i === at ? "step" : undefined}>{p}</li>)}</ol>
      {a.need > 0 && a.phase !== "idle" && (
        <div class="meter-row"><span>windows</span><meter min={0} max={a.need} value={Math.min(a.windows, a.need)} aria-label="Windows collected" /><span>{a.windows < a.need ? `${a.windows} of ${a.need}` : a.windows}</span></div>
      )}
      {a.phase === "training" && !!a.steps && (
        <div class="meter-row"><span>steps</span><meter min={0} max={a.steps} value={step} aria-label="Steps of training done" /><span>{step} of {a.steps}{left !== null && `, about ${seconds(left)} left`}</span></div>
      )}
      {a.evidence && <Evidence e={a.evidence} />}
      {a.gain_db !== null && a.gain_db !== undefined && <p>Gain over what serves: <strong>{a.gain_db > 0 ? "+" : ""}{num(a.gain_db, 3)} dB</strong></p>}
      {a.curve?.length > 1 && <Curve curve={a.curve} name={a.series || a.stream} />}
    </div>
  );
}

/** Evidence is two bets that go on: that the challenger is better, and that it is not. Each has its bound. */
function Evidence({ e }: { e: NonNullable<Adaptation["evidence"]> }) {
  return (
    <div class="evidence">
      <p class="note">evidence, a logarithm, and from where on it decides</p>
      <Bet name="for it" at={e.log_e} bound={e.accept} word="accepted" />
      {e.reject !== null && <Bet name="against" at={e.against} bound={e.reject} word="rejected" />}
    </div>
  );
}

function Bet({ name, at, bound, word }: { name: string; at: number | null; bound: number | null; word: string }) {
  const most = bound ?? 1;
  return (
    <div class="meter-row">
      <span>{name}</span>
      <meter min={0} max={most} value={Math.max(0, Math.min(at ?? 0, most))} aria-label={`Evidence ${name}, a logarithm: ${num(at, 3)}, ${word} from ${num(bound, 3)}`} />
      <span>{num(at, 3)} of {num(bound, 3)}</span>
    </div>
  );
}

function Curve({ curve, name }: { curve: Adaptation["curve"]; name: string }) {
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null);
  const data = (): uPlot.AlignedData => [curve.map((c) => c.step), curve.map((c) => c.loss), curve.map((c) => c.holdout)];
  useEffect(() => {
    const make = (): void => {
      plot.current?.destroy();
      const c = colours(), axis = { stroke: c.muted, font: "12px Inter, system-ui, sans-serif", grid: { stroke: c.line, width: 1 }, ticks: { show: false } };
      plot.current = new uPlot({
        width: box.current!.clientWidth || 400, height: 150, legend: { show: false }, padding: [8, 12, 0, 0], scales: { x: { time: false } },
        axes: [{ ...axis, size: 28, grid: { show: false } }, { ...axis, size: 56, space: 32, values: (_u, v) => tidy(v) }],
        series: [{}, { stroke: () => colours().muted, width: 1.25, points: { show: false } }, { stroke: () => colours().clean, width: 2, dash: [6, 3], spanGaps: true, points: { show: false } }],
        cursor: { y: false, drag: { x: false, y: false } },
      }, data(), box.current!);
    };
    make();
    const off = onTheme(make);
    return () => { off(); plot.current?.destroy(); };
  }, []);
  useEffect(() => plot.current?.setData(data()), [curve]);
  const last = curve[curve.length - 1];
  return (
    <figure>
      <div class="canvas" ref={box} role="img" tabIndex={0} aria-label={`Training of ${name}: loss ${num(last.loss, 3)}, held out ${num(last.holdout, 3)} after ${last.step} steps`} />
      <figcaption class="note">loss <i class="swatch muted" /> and that of held-out windows <i class="swatch clean" /> by step</figcaption>
    </figure>
  );
}
