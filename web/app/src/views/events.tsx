// All events, newest first.
import { h } from "preact";
import { moment, ms, plural } from "../format";
import { useKeys } from "../keys";
import { go, link, setQuery, useRoute } from "../route";
import { keyOf, useStore } from "../store";
import { Empty } from "../ui";
import { EventRow } from "./timeline";

const sorts: Record<string, RegExp> = { drift: /^drift\./, models: /^(model|finetune)\./, connections: /^(source|sink)\./ };

export function EventsPage() {
  const s = useStore();
  const { q } = useRoute();
  const kind = q.get("kind") ?? "", text = (q.get("q") ?? "").toLowerCase();
  const shown = s.events.filter((e) => (!kind || sorts[kind]?.test(e.kind)) && (!text || `${e.stream}/${e.series} ${e.why}`.toLowerCase().includes(text)));
  const open = s.events.filter((e) => e.kind === "drift.opened" && !e.acknowledged).length;
  useKeys([{ key: "d", help: "open the newest drift", group: "Series", run: () => {
    const e = shown.find((x) => x.kind === "drift.opened");
    if (e) go(["series", e.stream, e.series], { at: String(ms(e.ts)) });
  } }]);
  return (
    <div class="page">
      <div class="headline"><h1>{plural(s.events.length, "event")}.</h1><p class="note">{plural(open, "drift")} not acknowledged; the newest 2,000 are kept</p></div>
      <div class="filters" role="search">
        <input id="find" type="search" placeholder="Find in events" aria-label="Find in events" value={q.get("q") ?? ""} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
        <div class="chips" role="group" aria-label="Filter by kind">
          {["", ...Object.keys(sorts)].map((k) => <button class="chip" key={k} aria-pressed={kind === k} onClick={() => setQuery({ kind: k })}>{k || "all"}</button>)}
        </div>
      </div>
      <ol class="events page-list">
        {shown.slice(0, 300).map((e) => (
          <EventRow key={e.id + e.kind + e.ts} e={e} seriesKey={keyOf(e.stream, e.series)} show={() => go(["series", e.stream, e.series], { at: String(ms(e.ts)) })}
            name={e.series ? <a href={link(["series", e.stream, e.series])}>{e.series} </a> : <span>{e.stream} </span>} />
        ))}
      </ol>
      {!shown.length && <Empty>{s.events.length ? "No event matches." : `Nothing has happened since ${moment(s.status?.started)}.`}</Empty>}
    </div>
  );
}
