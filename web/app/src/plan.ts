// Which pages share a live stream, and what it is about.

/** Wish is what a page wants to see now; without topics nothing. */
export interface Wish {
  base: string; // of the API, absolute
  token: string;
  topics: string[];
  again?: boolean; // try at once, should the stream be down
}

/** Share is a stream and who is on it. */
export interface Share<G> { base: string; token: string; topics: Set<string>; guests: Set<G> }

// What the server allows of one stream, and what fits into an address.
const most: Record<string, number> = { grid: 64, series: 64, tap: 16 };
const longest = 6000;

/** fits says whether one stream may be about all of these. */
function fits(topics: Set<string>): boolean {
  const n: Record<string, number> = {};
  let length = 0;
  for (const t of topics) {
    const kind = t.split(":", 1)[0];
    n[kind] = (n[kind] ?? 0) + 1;
    length += encodeURIComponent(t).length + 3;
  }
  return length <= longest && Object.entries(most).every(([kind, top]) => (n[kind] ?? 0) <= top);
}

/**
 * plan deals the guests out to as few streams as they fit on. Those of another server or
 * another token share nothing, and who is alone is so.
 */
export function plan<G>(wishes: Map<G, Wish>, alone: Set<G>): Share<G>[] {
  const all: Share<G>[] = [];
  for (const [g, w] of wishes) {
    if (!w.topics.length) continue;
    const joined = (s: Share<G>): Set<string> => new Set([...s.topics, ...w.topics]);
    const open = (s: Share<G>): boolean => s.base === w.base && s.token === w.token && ![...s.guests].some((o) => alone.has(o));
    const s = alone.has(g) ? undefined : all.find((x) => open(x) && fits(joined(x)));
    if (s) { s.topics = joined(s); s.guests.add(g); }
    else all.push({ base: w.base, token: w.token, topics: new Set(w.topics), guests: new Set([g]) });
  }
  return all;
}

/** topicOf names the topic that an event belongs to. */
export function topicOf(event: string, d: { stream?: string; series?: string; arrow?: string }): string {
  const name = (s?: string): string => encodeURIComponent(s ?? "");
  switch (event) {
    case "event": return "events";
    case "grid": return "grid:" + name(d.stream);
    case "series": return `series:${name(d.stream)}/${name(d.series)}`;
    case "tap": return `tap:${name(d.stream)}/${d.arrow}`;
  }
  return event;
}
