// One series: its charts on one time axis, and what is known of it below.
import { h } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { residual, statistic, eventsOf } from "../charts/lanes";
import { TimePlot } from "../charts/timeplot";
import { exportCSV, exportPNG } from "../export";
import { ms, num } from "../format";
import { health, problemFirst } from "../health";
import { useKeys } from "../keys";
import { go, link, setQuery, useRoute } from "../route";
import { keyOf, store, useStore } from "../store";
import { Badges, Dialog, Empty, State } from "../ui";
import { unitOf } from "../units";
import { View } from "../view";
import { AdaptationOf } from "./adaptation";
import { spanFor } from "./home";
import { Replay } from "./replay";
import { Serving } from "./serving";
import { Signal } from "./signal";
import { Spectra } from "./spectra";
import { Timeline } from "./timeline";

const spans = [10, 60, 300, 900];

export function SeriesPage({ stream, series }: { stream: string; series: string }) {
  const s = useStore();
  const { q } = useRoute();
  const key = keyOf(stream, series);
  const one = s.series.get(key);
  const [missing, setMissing] = useState("");
  const [asking, setAsking] = useState(false);
  const view = useMemo(() => {
    const v = new View(store.buffer(key), Number(q.get("span")) || spanFor(store.series.get(key)));
    const at = Number(q.get("at"));
    if (at) v.end = at / 1000 + v.span / 2;
    return v;
  }, [key]);
  useEffect(() => {
    if (!s.loaded) return;
    store.watch([key]);
    const abort = new AbortController();
    const load = () => store.detail(key, abort.signal).then(() => setMissing(""), (e) => { if (!abort.signal.aborted) setMissing(e.message); });
    void load();
    const again = setInterval(() => { if (!document.hidden && !store.paused) void load(); }, 10_000);
    return () => { clearInterval(again); abort.abort(); store.watch([]); };
  }, [key, s.loaded]);
  useEffect(() => view.freeze(s.paused), [s.paused, view]);
  const plots = useRef<(uPlot | null)[]>([]);
  const names = one?.channels.map((c) => c.name) ?? [];
  const channel = names.includes(q.get("ch") ?? "") ? q.get("ch")! : names[0] ?? "";
  const table = q.get("table") === "1";
  const pick = (by: number): void => { if (names.length) setQuery({ ch: names[(names.indexOf(channel) + by + names.length) % names.length] }); };
  const span = (n: number): void => { view.setSpan(n); setQuery({ span: String(n), at: null }); };
  const neighbours = useMemo(() => [...s.series.values()].sort(problemFirst), [s.series.size, Math.floor(performance.now() / 5000)]);
  const step = (by: number): void => {
    const i = neighbours.findIndex((x) => keyOf(x.stream, x.series) === key) + by;
    const to = neighbours[Math.min(Math.max(i, 0), neighbours.length - 1)];
    if (to) go(["series", to.stream, to.series], { table: table ? "1" : null });
  };
  useKeys([
    { key: "b", help: "hold: bypass, raw only", group: "Charts", run: () => view.setBypass(true), release: () => view.setBypass(false) },
    { key: "j", help: "next series", group: "Series", run: () => step(1) },
    { key: "k", help: "previous series", group: "Series", run: () => step(-1) },
    { key: "d", help: "next drift, from the newest back", group: "Series", run: () => nextDrift(view, key) },
    { key: "a", help: "acknowledge the open alert", group: "Series", run: () => void (one?.alert && store.status?.writes && store.acknowledge(key, one.alert.id)) },
    { key: "x", help: "export as PNG or CSV", group: "Charts", run: () => setAsking(true) },
    { key: "l", help: "tables in place of charts", group: "Charts", run: () => setQuery({ table: table ? null : "1" }) },
    { key: "[", help: "previous channel", group: "Series", run: () => pick(-1) },
    { key: "]", help: "next channel", group: "Series", run: () => pick(1) },
    { key: "+", help: "zoom in", group: "Charts", run: () => view.zoom(0.5) },
    { key: "-", help: "zoom out", group: "Charts", run: () => view.zoom(2) },
    { key: "0", help: "follow the newest", group: "Charts", run: () => view.follow() },
    { key: "<", help: "back in time", group: "Charts", run: () => view.pan(-0.25) },
    { key: ">", help: "forward in time", group: "Charts", run: () => view.pan(0.25) },
    { key: "Escape", help: "all series", group: "Go to", run: () => go([]) },
  ]);
  const lanes = useMemo(() => [residual(view, channel, key), statistic(view, key)], [view, channel, key]);
  if (!one) return <Empty>{!s.loaded ? s.problem || "Connecting …" : missing || "Loading …"}</Empty>;
  const state = health(one), unit = unitOf(stream, channel), detail = s.details.get(key);
  return (
    <div class="one">
      <nav class="crumbs" aria-label="Breadcrumb"><a href={link([])}>Series</a> / {stream}</nav>
      <div class="headline">
        <h1>{series}</h1><State state={state} /><Badges s={one} />
        {one.why && state !== "normal" && <p class="why">{one.why}</p>}
      </div>
      <div class="bar" role="toolbar" aria-label="Charts">
        {names.length > 1 && <Choice name="Channel" of={names} value={channel} pick={(c) => setQuery({ ch: c })} />}
        <Spans view={view} set={span} />
        <button aria-pressed={table} onClick={() => setQuery({ table: table ? null : "1" })}>Table</button>
        <button onClick={() => setAsking(true)}>Export</button>
        <span class="hint"><kbd>b</kbd> hold to bypass · click a chart and scroll to zoom · drag to select</span>
      </div>
      <div class="charts">
        <Signal view={view} seriesKey={key} channel={channel} unit={unit} height={innerWidth < 700 ? 220 : 320} table={table} register={(u) => (plots.current[0] = u)} />
        <h2>Residual <small>raw less clean</small></h2>
        <TimePlot view={view} seriesKey={key} lane={lanes[0]} table={table} register={(u) => (plots.current[1] = u)} />
        <h2>Detector <small>statistic <i class="swatch accent" /> and threshold <i class="swatch alarm" />; score {num(one.score, 3)}</small></h2>
        <TimePlot view={view} seriesKey={key} lane={lanes[1]} table={table} register={(u) => (plots.current[2] = u)} />
      </div>
      <div class="two">
        <Timeline seriesKey={key} view={view} />
        <Serving s={one} detail={detail} channel={channel} />
        <Spectra view={view} seriesKey={key} channel={channel} unit={unit} hz={one.rate_hz} />
        <AdaptationOf stream={stream} series={series} model={one.model} detail={detail} />
        <Replay stream={stream} series={series} off={s.streams?.streams.find((x) => x.name === stream)?.adapt === "off"} />
      </div>
      {asking && (
        <Dialog title="Export what is shown" close={() => setAsking(false)}>
          <div class="actions">
            <button data-first onClick={() => { exportPNG(series, channel, unit, plots.current); setAsking(false); }}>Picture (PNG)</button>
            <button onClick={() => { exportCSV(series, view); setAsking(false); }}>Values (CSV)</button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function nextDrift(view: View, key: string): void {
  const drifts = eventsOf(key).filter((e) => e.kind === "drift.opened");
  if (!drifts.length) return;
  const middle = view.following ? Infinity : view.end! - view.span / 2;
  const to = drifts.find((e) => ms(e.ts) / 1000 < middle - 0.01) ?? drifts[0];
  view.at(ms(to.ts) / 1000);
  setQuery({ at: String(ms(to.ts)) });
}

function Choice({ name, of, value, pick }: { name: string; of: string[]; value: string; pick: (v: string) => void }) {
  return (
    <div class="choice" role="group" aria-label={name}>
      {of.map((v) => <button key={v} aria-pressed={v === value} onClick={() => pick(v)}>{v}</button>)}
    </div>
  );
}

function Spans({ view, set }: { view: View; set: (n: number) => void }) {
  const [, again] = useState(0);
  useEffect(() => view.onChange(() => again((n) => n + 1)), [view]);
  const words: Record<number, string> = { 10: "10 s", 60: "1 min", 300: "5 min", 900: "15 min" };
  return (
    <div class="choice" role="group" aria-label="Span of time">
      {spans.map((n) => <button key={n} aria-pressed={view.following && view.span === n} onClick={() => set(n)}>{words[n]}</button>)}
      <button class="follow" aria-pressed={view.following} onClick={() => { view.follow(); setQuery({ at: null }); }}>Live</button>
    </div>
  );
}
