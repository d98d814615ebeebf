// What the page remembers of a series: parallel columns, oldest first, bounded.
import type { ChannelPoints, Points } from "./types";

type Col<T> = (T | null)[];

export interface Columns { raw: Col<number>; clean: Col<number>; lo: Col<number>; hi: Col<number>; method: Col<string>; quality: Col<string> }

const broken = Infinity; // the revision of a row that stands for a break

const empty = (): Columns => ({ raw: [], clean: [], lo: [], hi: [], method: [], quality: [] });

/** Buffer holds the newest points of one series, all of one epoch: times of a clock that was set back since say nothing beside them. */
export class Buffer {
  t: number[] = []; // seconds
  score: Col<number> = [];
  stat: Col<number> = [];
  threshold: Col<number> = [];
  drift: Col<string> = [];
  rev: number[] = [];
  channels: Record<string, Columns> = {};
  /** epoch is that of all points; NaN before the first. */
  epoch = NaN;
  /** version grows with every change. */
  version = 0;

  constructor(readonly most = 12_000) {}

  /** add takes points in. One of a time that is there takes its place: a revision, or the final one of a provisional one. */
  add(p: Points): void {
    if (!p?.t_ms?.length) return;
    const pieces = byEpoch(p), top = Math.max(...pieces.map(epochOf));
    for (const piece of pieces) if (!(epochOf(piece) < this.epoch && top >= this.epoch)) this.addPiece(piece);
  }

  /**
   * addPiece takes points of one epoch in. Those of another one begin anew; of an earlier
   * one only where the series was forgotten and came back, with times after all others.
   */
  private addPiece(p: Points): void {
    const epoch = epochOf(p);
    if (epoch !== this.epoch) {
      if (epoch < this.epoch && (p.rev?.[0] || p.t_ms[p.t_ms.length - 1] / 1000 <= this.newest)) return;
      for (const c of this.all()) c.length = 0;
      this.epoch = epoch;
    }
    for (const name of Object.keys(p.channels)) if (!this.channels[name]) this.grow(name);
    this.unbreak(p.t_ms[0] / 1000, p.t_ms[p.t_ms.length - 1] / 1000);
    for (let i = 0; i < p.t_ms.length; i++) {
      const t = p.t_ms[i] / 1000;
      if (t - this.newest > this.longest()) this.break(t);
      this.put(this.place(t), p, i);
    }
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

  /** run returns where the newest points without a break begin. */
  run(): number { return this.rev.lastIndexOf(broken) + 1; }

  /** isBreak says whether row i stands for a stretch of which nothing came, or nobody watched it. */
  isBreak(i: number): boolean { return this.rev[i] === broken; }

  /** longest is for how long nothing may come before lines are not drawn across it: twelve steps, and a second. */
  private longest(): number {
    const n = this.t.length, d: number[] = [];
    for (let i = Math.max(1, n - 32); i < n; i++) d.push(this.t[i] - this.t[i - 1]);
    if (d.length < 4) return Infinity;
    return Math.max(1, 12 * d.sort((a, b) => a - b)[d.length >> 1]);
  }

  /** break puts a row of nothing between the newest point and t. */
  private break(t: number): void {
    this.rev[this.place((this.newest + t) / 2)] = broken;
  }

  /** unbreak takes out the breaks between two times, as what was missing comes. */
  private unbreak(from: number, to: number): void {
    for (let i = this.rev.lastIndexOf(broken); i >= 0; i = i ? this.rev.lastIndexOf(broken, i - 1) : -1) {
      if (this.t[i] < from || this.t[i] > to) continue;
      for (const c of this.all()) c.splice(i, 1);
    }
  }

  private all(): unknown[][] {
    const all: unknown[][] = [this.t, this.score, this.stat, this.threshold, this.drift, this.rev];
    for (const ch of Object.values(this.channels)) all.push(...Object.values(ch));
    return all;
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
    for (const c of this.all()) c.splice(0, over);
  }
}

const epochOf = (p: Points): number => p.epoch?.[0] ?? 0;

/** byEpoch cuts points where their epoch changes. */
function byEpoch(p: Points): Points[] {
  const e = p.epoch ?? [], cuts = p.t_ms.map((_, i) => i).filter((i) => i > 0 && e[i] !== e[i - 1]);
  if (!cuts.length) return [p];
  return [0, ...cuts].map((from, k) => pick(p, from, cuts[k] ?? p.t_ms.length));
}

/** pick returns the points from one index to another. */
function pick(p: Points, from: number, to: number): Points {
  const of = <T>(c: T): T => (Array.isArray(c) ? c.slice(from, to) : c) as T;
  const channels = Object.fromEntries(Object.entries(p.channels).map(([n, c]) => [n, Object.fromEntries(Object.entries(c).map(([k, v]) => [k, of(v)])) as unknown as ChannelPoints]));
  return { ...Object.fromEntries(Object.entries(p).map(([k, v]) => [k, of(v)])), channels } as Points;
}
