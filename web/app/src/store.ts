// What the page knows, and who is told when it changes.
import { useEffect, useReducer } from "preact/hooks";
import { at, get, post, within } from "./api";
import { Buffer } from "./buffer";
import { ms } from "./format";
import { Live } from "./live";
import type { Detail, Event, Points, Series, Status, Stream, Streams } from "./types";

export const keyOf = (stream: string, series: string): string => stream + "\u0000" + series;

/** Spark is the short memory of a series that is not looked at closely: its first channel, once a second. */
export interface Spark { raw: (number | null)[]; clean: (number | null)[] }
const sparkLength = 90, mostEvents = 2000, mostBuffers = 40;
/** mostSketches bounds the cards whose every point is followed; the server allows 64 series to a stream. */
export const mostSketches = 24;

export interface Tapped { at: number; text: string; dropped: number }

class Store {
  status: Status | null = null;
  streams: Streams | null = null;
  /** rates are per second, by stream and counter, from the two newest answers. */
  rates = new Map<string, Record<string, number>>();
  /** past keeps a minute of the rate of records per stream, for a small curve. */
  past = new Map<string, number[]>();
  series = new Map<string, Series>();
  sparks = new Map<string, Spark>();
  events: Event[] = [];
  buffers = new Map<string, Buffer>();
  details = new Map<string, Detail>();
  taps: Tapped[] = [];
  loaded = false;
  paused = false;
  problem = "";
  /** tick grows with every change of the grid; who shows all series goes by it. */
  tick = 0;

  private listeners = new Set<() => void>();
  private pointListeners = new Set<(key: string) => void>();
  private due = false;
  private offset = 0; // what the server's clock is ahead of ours, ms
  private last = { at: 0, streams: new Map<string, Stream>() };
  private closeUp: string[] = [];
  private sketched: string[] = [];
  private again = 0; // the timer of the next start
  private asked: string[] = []; // series of the stream that is open
  private tap: string | null = null;
  readonly live = new Live((e, d) => this.take(e, d), () => this.changed());

  /** changed tells everyone, once per frame. */
  changed = (): void => {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      for (const f of this.listeners) f();
    });
  };

  subscribe(f: () => void): () => void { this.listeners.add(f); return () => void this.listeners.delete(f); }
  onPoints(f: (key: string) => void): () => void { this.pointListeners.add(f); return () => void this.pointListeners.delete(f); }

  /** now is the server's clock in ms. */
  now = (): number => Date.now() + this.offset;

  /** start fetches what there is and opens the stream. It may be called again. */
  async start(): Promise<void> {
    try {
      const [status, streams, events] = await Promise.all([
        get<Status>("status"), get<Streams>("streams"), get<{ events: Event[] }>("events?limit=2000"),
      ]);
      this.takeStatus(status);
      this.streams = streams;
      this.events = events.events ?? [];
      this.problem = "";
      await this.fetchSeries();
      this.loaded = true;
      this.topics();
    } catch (e) {
      this.problem = (e as Error).message;
      clearTimeout(this.again);
      this.again = setTimeout(() => void this.start(), 3000);
    }
    this.changed();
  }

  private async fetchSeries(): Promise<void> {
    for (let offset = 0; ; ) {
      const page = await get<{ total: number; series: Series[] }>(`series?sort=name&offset=${offset}&limit=1000`);
      for (const s of page.series) this.takeSeries(s);
      offset += page.series.length;
      if (!page.series.length || offset >= page.total || offset >= 20_000) return;
    }
  }

  /** watch says which series are looked at closely; their points come with the stream. */
  watch(keys: string[]): void {
    for (const k of keys) this.buffer(k);
    this.closeUp = keys;
    this.topics();
  }

  /** sketch says which series are seen as cards; the first of them come with all their points. */
  sketch(keys: string[]): void {
    this.sketched = keys.slice(0, mostSketches);
    for (const k of this.sketched) this.buffer(k);
    this.topics();
  }

  watchTap(topic: string | null): void {
    this.tap = topic;
    this.taps = [];
    this.topics();
  }

  private topics(): void {
    if (!this.loaded) return;
    const t = ["status", "events"];
    for (const s of this.streams?.streams ?? []) t.push("grid:" + encodeURIComponent(s.name));
    const known = (k: string): boolean => this.series.has(k); // the server refuses a stream of a series that it has not
    const wanted = [...new Set([...this.closeUp, ...this.sketched])].filter(known);
    this.asked = this.asked.filter(known);
    // A stream that has what is wanted, and a little more, is not opened anew.
    const has = wanted.length > 0 && this.asked.length <= 2 * mostSketches && wanted.every((k) => this.asked.includes(k));
    if (!has) this.asked = wanted;
    for (const k of this.asked) t.push("series:" + at(...k.split("\u0000")));
    if (this.tap) t.push("tap:" + this.tap);
    this.live.watch(t);
  }

  /** buffer returns the points of a series; the least recently asked for are forgotten. */
  buffer(key: string): Buffer {
    const b = this.buffers.get(key) ?? new Buffer();
    this.buffers.delete(key);
    this.buffers.set(key, b);
    if (this.buffers.size > mostBuffers) this.buffers.delete(this.buffers.keys().next().value!);
    return b;
  }

  /** detail fetches what is known of one series, its history included. */
  async detail(key: string, signal?: AbortSignal): Promise<Detail> {
    const [stream, series] = key.split("\u0000");
    const d = await get<Detail>("series/" + within(stream, series), signal);
    this.details.set(key, d);
    if (d.history) this.takePoints(key, d.history);
    this.takeSeries(d);
    this.changed();
    return d;
  }

  async acknowledge(key: string, id: string): Promise<void> {
    const [stream, series] = key.split("\u0000");
    await post(`series/${within(stream, series)}/acknowledge`, { event: id });
    this.events = (await get<{ events: Event[] }>("events?limit=2000")).events; // it holds for all events of the alert
    this.changed();
  }

  private take(event: string, d: any): void {
    if (event === "status") this.takeStatus(d);
    else if (event === "grid") this.takeGrid(d);
    else if (event === "series") return this.takePoints(keyOf(d.stream, d.series), d.points);
    else if (event === "event") this.takeEvent(d);
    else if (event === "tap") this.taps = [{ at: Date.now(), text: d.text, dropped: d.dropped }, ...this.taps].slice(0, 100);
    this.changed();
  }

  private takeStatus(s: Status): void {
    const at = ms(s.now);
    this.offset = at - Date.now();
    const span = (at - this.last.at) / 1000;
    if (s.streams?.length && span > 0.2) {
      for (const now of s.streams) this.takeRates(now, this.last.streams.get(now.name), span);
      this.last = { at, streams: new Map(s.streams.map((x) => [x.name, x])) };
    }
    this.status = s;
    if (!s.streams || !s.sinks) return;
    this.streams = { streams: s.streams, sinks: s.sinks };
    if (this.loaded) this.topics(); // a stream may be new
  }

  private takeRates(now: Stream, then: Stream | undefined, span: number): void {
    const of: Record<string, number> = {};
    for (const k of ["messages", "records", "events", "dead", "dropped"] as const) {
      if (then) of[k] = Math.max(0, (now[k] - then[k]) / span);
    }
    this.rates.set(now.name, of);
    if (of.records !== undefined) this.past.set(now.name, [...(this.past.get(now.name) ?? []), of.records].slice(-60));
  }

  private takeGrid(d: { stream: string; series: Series[]; removed?: string[] }): void {
    for (const s of d.series ?? []) this.takeSeries({ ...s, stream: s.stream ?? d.stream });
    for (const r of d.removed ?? []) {
      this.series.delete(keyOf(d.stream, r));
      this.sparks.delete(keyOf(d.stream, r));
    }
  }

  private takeSeries(s: Series): void {
    const key = keyOf(s.stream, s.series);
    const old = this.series.get(key);
    this.series.set(key, s);
    this.tick++;
    const c = s.channels?.[0];
    if (old && old.epoch !== s.epoch) this.sparks.delete(key);
    if (!c || old?.n === s.n) return;
    const spark = this.sparks.get(key) ?? { raw: [], clean: [] };
    spark.raw.push(c.raw);
    spark.clean.push(c.clean);
    if (spark.raw.length > sparkLength) { spark.raw.shift(); spark.clean.shift(); }
    this.sparks.set(key, spark);
  }

  private takePoints(key: string, p: Points): void {
    const b = this.buffers.get(key);
    if (!b) return;
    b.add(p);
    for (const f of this.pointListeners) f(key);
  }

  private takeEvent(e: Event): void {
    if (this.events.some((x) => x.id === e.id && x.kind === e.kind && x.ts === e.ts)) return;
    this.events = [e, ...this.events].slice(0, mostEvents);
  }
}

export const store = new Store();

/** useStore renders anew when anything changes. */
export function useStore(): Store {
  const [, again] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => store.subscribe(() => again()), []);
  return store;
}
