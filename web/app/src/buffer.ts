// What the page remembers of a series: parallel columns, oldest first, bounded.
import type { ChannelPoints, Points } from "./types";

type Col<T> = (T | null)[];

export interface Columns { raw: Col<number>; clean: Col<number>; lo: Col<number>; hi: Col<number>; method: Col<string>; quality: Col<string> }

const empty = (): Columns => ({ raw: [], clean: [], lo: [], hi: [], method: [], quality: [] });

/** Buffer holds the newest points of one series. */
export class Buffer {
  t: number[] = []; // seconds
  score: Col<number> = [];
  stat: Col<number> = [];
  threshold: Col<number> = [];
  drift: Col<string> = [];
  rev: number[] = [];
  channels: Record<string, Columns> = {};
  /** version grows with every change. */
  version = 0;

  constructor(readonly most = 12_000) {}

  /** add takes points in. One of a time that is there takes its place: a revision, or the final one of a provisional one. */
  add(p: Points): void {
    if (!p?.t_ms?.length) return;
    for (const name of Object.keys(p.channels)) if (!this.channels[name]) this.grow(name);
    for (let i = 0; i < p.t_ms.length; i++) this.put(this.place(p.t_ms[i] / 1000), p, i);
    this.trim();
    this.version++;
  }

  get length(): number { return this.t.length; }
  get newest(): number { return this.t[this.t.length - 1] ?? NaN; }

  /** index returns where time t is or would be put. */
  index(t: number): number {
    let lo = 0, hi = this.t.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.t[mid] < t) lo = mid + 1; else hi = mid;
    }
    return lo;
  }

  /** place makes room for time t and returns where. */
  private place(t: number): number {
    const i = t > this.newest || !this.t.length ? this.t.length : this.index(t);
    if (this.t[i] === t) return i;
    const insert = <T>(c: (T | null)[]) => (i === c.length ? c.push(null) : c.splice(i, 0, null));
    if (i === this.t.length) this.t.push(t); else this.t.splice(i, 0, t);
    if (i === this.rev.length) this.rev.push(-2); else this.rev.splice(i, 0, -2);
    for (const c of [this.score, this.stat, this.threshold]) insert(c);
    insert(this.drift);
    for (const ch of Object.values(this.channels)) for (const c of Object.values(ch)) insert(c);
    return i;
  }

  private put(at: number, p: Points, i: number): void {
    const rev = p.rev?.[i] ?? 0;
    if (rev < this.rev[at]) return; // what is there is newer
    this.rev[at] = rev;
    this.score[at] = p.score?.[i] ?? null;
    this.stat[at] = p.stat?.[i] ?? null;
    this.threshold[at] = p.threshold?.[i] ?? null;
    this.drift[at] = p.drift?.[i] ?? null;
    for (const [name, from] of Object.entries(p.channels)) {
      const to = this.channels[name];
      for (const k of Object.keys(to) as (keyof ChannelPoints)[]) (to[k] as Col<unknown>)[at] = from[k]?.[i] ?? null;
    }
  }

  private grow(name: string): void {
    const c = empty();
    for (const k of Object.keys(c) as (keyof Columns)[]) (c[k] as Col<unknown>).push(...this.t.map(() => null));
    this.channels[name] = c;
  }

  private trim(): void {
    const over = this.t.length - this.most;
    if (over < this.most / 10) return; // seldom, since it moves everything
    const all: unknown[][] = [this.t, this.score, this.stat, this.threshold, this.drift, this.rev];
    for (const ch of Object.values(this.channels)) all.push(...Object.values(ch));
    for (const c of all) c.splice(0, over);
  }
}
