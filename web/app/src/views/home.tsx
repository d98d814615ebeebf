// All series: the one in focus large, raw against clean, and the rest as cards,
// problems first.
import { h } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Sparkline } from "../charts/spark";
import { num, plural } from "../format";
import { byName, health, order, problemFirst, stalestFirst, words } from "../health";
import { useKeys } from "../keys";
import { go, link, setQuery, useRoute } from "../route";
import { keyOf, store, useStore } from "../store";
import type { Drift, Series } from "../types";
import { Badges, Empty, Glyph, lead, State } from "../ui";
import { unitOf } from "../units";
import { View } from "../view";
import { Signal } from "./signal";

const rowHeight = 148, narrowest = 236, gap = 12;

export function Home() {
  const s = useStore();
  const { q } = useRoute();
  const all = [...s.series.values()];
  const shown = useShown(all, q);
  const [focus, setFocus] = useState<string>("");
  const at = Math.max(0, shown.findIndex((x) => keyOf(x.stream, x.series) === focus));
  const hero = shown[at];
  const key = hero ? keyOf(hero.stream, hero.series) : "";
  useEffect(() => { if (key && !focus) setFocus(key); }, [key, focus]); // it stays what it is when others get worse
  const list = useRef<{ show: (i: number) => void }>(null);
  const move = (by: number): void => {
    if (!shown.length) return;
    const i = Math.min(Math.max(at + by, 0), shown.length - 1);
    setFocus(keyOf(shown[i].stream, shown[i].series));
    list.current?.show(i);
  };
  useKeys([
    { key: "j", help: "next series", run: () => move(1), group: "Series" },
    { key: "k", help: "previous series", run: () => move(-1), group: "Series" },
    { key: "Enter", help: "open the series", run: () => hero && go(["series", hero.stream, hero.series]), group: "Series" },
    { key: "d", help: "next series that drifts", group: "Series", run: () => {
      const bad = shown.findIndex((x, i) => i > at && order.indexOf(health(x)) < 4);
      const i = bad >= 0 ? bad : shown.findIndex((x) => order.indexOf(health(x)) < 4);
      if (i >= 0) { setFocus(keyOf(shown[i].stream, shown[i].series)); list.current?.show(i); }
    } },
  ]);
  if (!s.loaded) return <Empty>{s.problem || "Connecting …"}</Empty>;
  return (
    <div class="home">
      <div class="headline"><h1>{lead(all)}</h1><p class="note">{plural(all.length, "series", "series")} in {plural(s.streams?.streams.length ?? 0, "stream")}</p></div>
      {hero && <Hero key={key} s={hero} />}
      <Filters all={all} shown={shown.length} q={q} />
      {shown.length ? <Grid shown={shown} focus={key} pick={setFocus} handle={list} /> : <Empty>{all.length ? "No series matches." : "No series yet: they appear with their first samples."}</Empty>}
    </div>
  );
}

/** useShown filters and sorts, at most once a second, so that cards don't jump about under the pointer. */
function useShown(all: Series[], q: URLSearchParams): Series[] {
  const second = Math.floor(performance.now() / 2000);
  const keys = useMemo(() => {
    const text = (q.get("q") ?? "").toLowerCase(), state = q.get("state"), stream = q.get("stream");
    const sort = q.get("sort") === "name" ? byName : q.get("sort") === "stale" ? stalestFirst : problemFirst;
    return all
      .filter((s) => (!text || `${s.stream}/${s.series}`.toLowerCase().includes(text)) && (!state || health(s) === state) && (!stream || s.stream === stream))
      .sort(sort).map((s) => keyOf(s.stream, s.series));
  }, [q.toString(), second, all.length]);
  return keys.map((k) => store.series.get(k)).filter((s): s is Series => !!s);
}

function Hero({ s }: { s: Series }) {
  const key = keyOf(s.stream, s.series);
  const view = useMemo(() => new View(store.buffer(key), spanFor(s)), [key]);
  const channel = s.channels[0]?.name ?? "";
  useEffect(() => {
    store.watch([key]);
    void store.detail(key).catch(() => {});
    return () => store.watch([]);
  }, [key]);
  useEffect(() => { view.freeze(store.paused); }, [store.paused]);
  useKeys([{ key: "b", help: "hold: bypass, raw only", group: "Charts", run: () => view.setBypass(true), release: () => view.setBypass(false) }]);
  return (
    <article class="spot" aria-label={"Series in focus: " + s.series}>
      <header>
        <h2><a href={link(["series", s.stream, s.series])}>{s.series}</a> <small>{channel}</small></h2>
        <State state={health(s)} />
        <Badges s={s} />
        {s.why && health(s) !== "normal" && <p class="why">{s.why}</p>}
        <span class="hint"><kbd>b</kbd> hold to bypass</span>
      </header>
      <Signal view={view} seriesKey={key} channel={channel} unit={unitOf(s.stream, channel)} height={heroHeight()} table={false} axis />
    </article>
  );
}

const heroHeight = (): number => (innerWidth < 700 ? 200 : innerHeight < 800 ? 240 : 300);

/** spanFor is what fits a chart: 600 slots, between ten seconds and ten minutes. */
export function spanFor(s: Series | undefined): number {
  return Math.min(600, Math.max(10, 600 / (s?.rate_hz || 10)));
}

function Filters({ all, shown, q }: { all: Series[]; shown: number; q: URLSearchParams }) {
  const n: Partial<Record<Drift, number>> = {};
  for (const s of all) { const k = health(s); n[k] = (n[k] ?? 0) + 1; }
  const state = q.get("state");
  const streams = store.streams?.streams ?? [];
  return (
    <div class="filters" role="search">
      <input id="find" type="search" placeholder="Find a series" aria-label="Find a series" value={q.get("q") ?? ""} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
      <div class="chips" role="group" aria-label="Filter by state">
        <button class="chip" aria-pressed={!state} onClick={() => setQuery({ state: null })}>all {all.length}</button>
        {order.filter((k) => n[k]).map((k) => (
          <button class="chip" key={k} aria-pressed={state === k} onClick={() => setQuery({ state: state === k ? null : k })}><Glyph state={k} />{words[k]} {n[k]}</button>
        ))}
      </div>
      {streams.length > 1 && (
        <select aria-label="Stream" value={q.get("stream") ?? ""} onChange={(e) => setQuery({ stream: e.currentTarget.value })}>
          <option value="">all streams</option>
          {streams.map((s) => <option value={s.name}>{s.name}</option>)}
        </select>
      )}
      <select aria-label="Order" value={q.get("sort") ?? "problem"} onChange={(e) => setQuery({ sort: e.currentTarget.value === "problem" ? null : e.currentTarget.value })}>
        <option value="problem">problems first</option>
        <option value="name">by name</option>
        <option value="stale">silent first</option>
      </select>
      <span class="sr" role="status">{plural(shown, "series", "series")} shown</span>
    </div>
  );
}

interface GridProps { shown: Series[]; focus: string; pick: (key: string) => void; handle: { current: { show: (i: number) => void } | null }}

/** Grid makes cards for the rows that can be seen and no others. */
function Grid({ shown, focus, pick, handle }: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [win, setWin] = useState({ columns: 4, first: 0, rows: 12 });
  useLayoutEffect(() => {
    const look = (): void => {
      const el = box.current!, top = el.getBoundingClientRect().top;
      const columns = Math.max(1, Math.floor((el.clientWidth + gap) / (narrowest + gap)));
      const first = Math.max(0, Math.floor(-top / rowHeight) - 1);
      const rows = Math.ceil(innerHeight / rowHeight) + 3;
      setWin((w) => (w.columns === columns && w.first === first && w.rows === rows ? w : { columns, first, rows }));
    };
    look();
    const size = new ResizeObserver(look);
    size.observe(box.current!);
    addEventListener("scroll", look, { passive: true });
    return () => { size.disconnect(); removeEventListener("scroll", look); };
  }, []);
  handle.current = {
    show: (i) => {
      const top = box.current!.getBoundingClientRect().top + Math.floor(i / win.columns) * rowHeight;
      if (top < 80) scrollBy({ top: top - 80 });
      else if (top + rowHeight > innerHeight) scrollBy({ top: top + rowHeight - innerHeight });
    },
  };
  const rows = Math.ceil(shown.length / win.columns);
  const first = Math.min(win.first, Math.max(0, rows - 1));
  const from = first * win.columns, to = Math.min(shown.length, (first + win.rows) * win.columns);
  const seen = shown.slice(from, to).map((s) => keyOf(s.stream, s.series));
  useEffect(() => {
    const t = setTimeout(() => store.sketch(seen), 400); // once scrolling has come to rest
    return () => clearTimeout(t);
  }, [seen.slice().sort().join()]);
  useEffect(() => () => store.sketch([]), []);
  const look = { "--columns": win.columns, paddingTop: first * rowHeight + "px", height: rows * rowHeight + "px" };
  return (
    <div class="grid" ref={box} role="list" aria-label="Series" style={look as never}>
      {shown.slice(from, to).map((s, i) => {
        const key = keyOf(s.stream, s.series);
        return <CardOf key={key} s={s} id={key} on={key === focus} pick={pick} at={from + i + 1} of={shown.length} />;
      })}
    </div>
  );
}

function CardOf({ s, id, on, pick, at, of }: { s: Series; id: string; on: boolean; pick: (key: string) => void; at: number; of: number }) {
  const c = s.channels[0], state = health(s);
  return (
    <div class={"card " + state + (on ? " on" : "")} role="listitem" aria-posinset={at} aria-setsize={of}>
      <a href={link(["series", s.stream, s.series])} onFocus={() => pick(id)}>
        <span class="top"><Glyph state={state} /><strong>{s.series}</strong><span class="value">{num(c?.clean ?? c?.raw)}<small> {unitOf(s.stream, c?.name)}</small></span></span>
        <Sparkline id={id} />
        <span class="foot"><span class={"word " + state}>{state === "normal" ? "" : words[state]}</span><Badges s={s} brief /></span>
      </a>
    </div>
  );
}
