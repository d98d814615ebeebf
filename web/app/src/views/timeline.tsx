// The drifts of a series as bars along the time that is known, and each event with
// its reason.
import { h, type ComponentChildren } from "preact";
import { kindOf } from "../kinds";
import { eventsOf } from "../charts/lanes";
import { moment, ms, seconds } from "../format";
import { setQuery } from "../route";
import { store } from "../store";
import type { Event } from "../types";
import { Empty, Part, Write } from "../ui";
import type { View } from "../view";

interface Span { from: number; to: number; word: string; colour: string; open: Event }

/** spansOf pairs what opened with what resolved it; the newest may be open still. */
export function spansOf(events: Event[], now: number): Span[] {
  const out: Span[] = [];
  let until = now;
  for (const e of events) { // newest first
    if (e.kind === "drift.resolved") until = ms(e.ts);
    if (e.kind === "drift.opened") {
      const k = kindOf(e);
      out.push({ from: ms(e.ts), to: until, word: k.word, colour: k.colour, open: e });
      until = ms(e.ts);
    }
  }
  return out;
}

export function Timeline({ seriesKey, view }: { seriesKey: string; view: View }) {
  const events = eventsOf(seriesKey);
  const now = view.buffer.length ? view.buffer.newest * 1000 : store.now();
  const first = Math.min(view.buffer.t[0] * 1000 || now, ...events.map((e) => ms(e.ts)));
  const wide = Math.max(now - first, 1000);
  const spans = spansOf(events, now);
  const show = (t: number): void => { view.at(t / 1000); setQuery({ at: String(Math.round(t)) }); scrollTo({ top: 0 }); };
  return (
    <Part title="Drift timeline" note={`the last ${seconds(wide / 1000)}`} id="timeline">
      <div class="timeline">
        {spans.map((d) => (
          <button key={d.open.id} class={"bar-of " + d.colour} onClick={() => show(d.from)} aria-label={`${d.word} from ${moment(d.open.ts)}: ${d.open.why}`} title={d.open.why}
            style={{ left: ((d.from - first) / wide) * 100 + "%", width: Math.max(((d.to - d.from) / wide) * 100, 0.6) + "%" }}>{d.word}</button>
        ))}
      </div>
      {events.length ? <ol class="events">{events.slice(0, 12).map((e) => <EventRow key={e.id + e.kind + e.ts} e={e} seriesKey={seriesKey} show={() => show(ms(e.ts))} />)}</ol> : <Empty>Nothing has drifted.</Empty>}
    </Part>
  );
}

/** EventRow is one event in words. */
export function EventRow({ e, seriesKey, show, name }: { e: Event; seriesKey: string; show?: () => void; name?: ComponentChildren }) {
  const k = kindOf(e);
  return (
    <li class="event">
      <i class={"dot " + k.colour} />
      <button class="plain time" onClick={show} title="Show in the charts" disabled={!show}>{moment(e.ts)}</button>
      <span class="what">{name}<strong>{k.word}</strong> {e.why}</span>
      {e.kind === "drift.opened" && (e.acknowledged ? <span class="badge">acknowledged</span> : <Write run={() => store.acknowledge(seriesKey, e.id)}>Acknowledge</Write>)}
    </li>
  );
}
