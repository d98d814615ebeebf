// The way of the data, stream by stream: what flows over each arrow, what waits, and
// a tap that shows what passes.
import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { decoded } from "../api";
import { bytes, clock, count, moment, perSecond, seconds } from "../format";
import { setQuery, useRoute } from "../route";
import { store, useStore } from "../store";
import type { Sink, Stream } from "../types";
import { Empty, Part } from "../ui";

const arrows = ["source", "window", "model", "drift", "sink"] as const;
type Arrow = (typeof arrows)[number];
const after: Record<Arrow, string> = { source: "messages as they come", window: "slots on the grid", model: "clean values", drift: "states of drift", sink: "records as they are delivered" };

export function PipelinePage() {
  const s = useStore();
  const { q } = useRoute();
  const tap = q.get("tap");
  useEffect(() => { store.watchTap(tap); return () => store.watchTap(null); }, [tap, s.loaded]);
  const st = s.status;
  if (!st || !s.streams) return <Empty>{s.problem || "Connecting …"}</Empty>;
  const down = st.parts.filter((p) => !p.up);
  return (
    <div class="page">
      <div class="headline">
        <h1>{down.length ? `${down.map((p) => p.name).join(", ")} down.` : "Everything flows."}</h1>
        <p class="note">since {moment(st.started)} · {bytes(st.memory_bytes)} · {seconds(st.cpu_seconds)} of CPU · {st.goroutines} goroutines · {st.viewers} watching · {st.version} · {st.kernel}</p>
      </div>
      {down.map((p) => <p class="alert" role="alert" key={p.name}><strong>{p.name}</strong> {p.err}{p.spool_items ? `; ${count(p.spool_items)} wait in its spool, ${bytes(p.spool_bytes)}` : ""}</p>)}
      {s.streams.streams.map((x) => <Flow key={x.name} x={x} sinks={s.streams!.sinks} tap={tap} />)}
      {tap && <Tap tap={tap} />}
      <Part title="Sinks">
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of sinks"><table class="wide">
          <thead><tr><th scope="col">sink</th><th scope="col">type</th><th scope="col">required</th><th scope="col">records</th><th scope="col">pending</th><th scope="col">retries</th><th scope="col">dropped</th></tr></thead>
          <tbody>{s.streams.sinks.map((k) => <tr key={k.name}><th scope="row">{k.name}</th><td>{k.type}</td><td>{k.required ? "yes" : "no"}</td><td>{count(k.records)}</td><td>{count(k.pending)}</td><td>{count(k.retries)}</td><td class={k.dropped ? "bad" : ""}>{count(k.dropped)}</td></tr>)}</tbody>
        </table></div>
      </Part>
    </div>
  );
}

function Flow({ x, sinks, tap }: { x: Stream; sinks: Sink[]; tap: string | null }) {
  const r = store.rates.get(x.name) ?? {};
  const rate = (k: string): string => (r[k] === undefined ? "–" : perSecond(r[k]));
  const drifting = ["noise", "regime", "fault", "unknown"].reduce((n, k) => n + (x.drift?.[k] ?? 0), 0);
  const mine = sinks.filter((k) => x.sinks?.includes(k.name));
  const boxes: [string, string, string][] = [
    ["source", count(x.messages) + " messages", x.lag_s === null ? "" : `${seconds(x.lag_s)} behind`],
    ["window", `${x.series} series`, `${count(x.fates?.raw)} samples` ],
    ["model", x.model, `look-ahead ${x.lookahead}`],
    ["drift", drifting ? `${drifting} drifting` : "calm", x.false_alarms],
    ["sinks", x.sinks?.join(", ") || "none", `${count(mine.reduce((n, k) => n + k.pending, 0))} pending`],
  ];
  const labels: [string, string][] = [[rate("messages"), queue(x.queues?.source)], [rate("records"), ""], [rate("records"), x.latency_s ? `p99 ${seconds(x.latency_s.p99)}` : ""], [rate("records"), queue(x.queues?.batch)]];
  const lost: [string, number][] = [["dead letters", x.dead], ["dropped", x.dropped]];
  return (
    <Part title={x.name} note={`${x.scope}, adaptation ${x.adapt}`} tools={<Rates of={store.past.get(x.name) ?? []} />}>
      <ol class="flow">
        {boxes.map(([name, one, two], i) => (
          <li key={name}>
            <div class={"node" + (name === "drift" && drifting ? " bad" : "")}><strong>{name}</strong><span>{one}</span><small>{two}</small></div>
            {i < 4 ? <Arrow x={x} arrow={arrows[i]} rate={labels[i][0]} note={labels[i][1]} tap={tap} /> : <Arrow x={x} arrow="sink" rate="" note="" tap={tap} last />}
          </li>
        ))}
      </ol>
      <dl class="facts row">
        <dt>latency</dt><dd>{x.latency_s ? `p50 ${seconds(x.latency_s.p50)}, p99 ${seconds(x.latency_s.p99)}` : "–"}</dd>
        <dt>lag</dt><dd>{seconds(x.lag_s)}</dd>
        <dt>journal</dt><dd>{bytes(x.journal_bytes)}</dd>
        <dt>records</dt><dd>{count(x.records)}</dd>
        {lost.map(([k, n]) => [<dt>{k}</dt>, <dd class={n ? "bad" : ""}>{count(n)}</dd>])}
        {Object.entries(x.fates ?? {}).filter(([k, n]) => n && k !== "raw").map(([k, n]) => [<dt>{k.replaceAll("_", " ")}</dt>, <dd>{count(n)}</dd>])}
      </dl>
    </Part>
  );
}

const queue = (n: number | undefined): string => (n ? `${count(n)} wait` : "");

function Arrow({ x, arrow, rate, note, tap, last }: { x: Stream; arrow: Arrow; rate: string; note: string; tap: string | null; last?: boolean }) {
  const topic = encodeURIComponent(x.name) + "/" + arrow, on = tap === topic;
  return (
    <div class={"arrow" + (last ? " last" : "")}>
      <span class="rate">{rate}</span>
      <i class="line" aria-hidden="true" />
      <button class="chip small" aria-pressed={on} aria-label={`Tap ${after[arrow]} of ${x.name}`} onClick={() => setQuery({ tap: on ? null : topic })}>tap</button>
      <small>{note}</small>
    </div>
  );
}

/** Rates is a minute of records per second as bars. */
function Rates({ of }: { of: number[] }) {
  const most = Math.max(...of, 1e-9), w = 120;
  return (
    <svg class="rates" viewBox={`0 0 ${w} 24`} width={w} height="24" role="img" aria-label={`Records per second over the last minute, now ${perSecond(of[of.length - 1] ?? 0)}`}>
      {of.map((v, i) => <rect x={w - (of.length - i) * 2} y={24 - (v / most) * 22} width="1.4" height={(v / most) * 22} />)}
    </svg>
  );
}

function Tap({ tap }: { tap: string }) {
  const s = useStore();
  const [stream, arrow] = tap.split("/");
  const [held, setHeld] = useState<typeof s.taps | null>(null);
  const lines = held ?? s.taps;
  return (
    <Part title={`Tap: ${decoded(stream)}, ${after[arrow as Arrow] ?? arrow}`} tools={<span><button aria-pressed={!!held} onClick={() => setHeld(held ? null : s.taps)}>Hold</button> <button onClick={() => setQuery({ tap: null })}>Close</button></span>}>
      <div class="tap scroll" tabIndex={0} role="log" aria-live="off" aria-label="What passes, newest first">
        {lines.map((l, i) => <pre key={l.at + "-" + i}><time>{clock(l.at / 1000, true)}</time> {l.text}{l.dropped ? `  (+${l.dropped} not shown)` : ""}</pre>)}
        {!lines.length && <Empty>Waiting for the next …</Empty>}
      </div>
    </Part>
  );
}
