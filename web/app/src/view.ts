// The stretch of time that the charts of a series share, and what they share beside it.
import type { Buffer } from "./buffer";

const shortest = 0.05, longest = 86_400;

/** View is a window of time: it follows the newest point, or stands still where the user has put it. */
export class View {
  span: number;
  /** end is the right edge in seconds; null follows the newest. */
  end: number | null = null;
  /** bypass shows what came in and nothing of what was made of it. */
  bypass = false;
  private frozen: number | null = null;
  private listeners = new Set<() => void>();

  constructor(readonly buffer: Buffer, span = 60) { this.span = span; }

  onChange(f: () => void): () => void { this.listeners.add(f); return () => void this.listeners.delete(f); }
  private tell(): void { this.listeners.forEach((f) => f()); }

  get range(): [number, number] {
    const end = this.end ?? this.frozen ?? this.buffer.newest;
    if (isNaN(end)) return [0, this.span];
    // Until the span is full the picture grows with what there is.
    const from = end - this.span, first = this.buffer.t[0];
    return this.end === null && first > from ? [Math.min(first, end - this.span / 8), end] : [from, end];
  }

  /** slice returns the indices of the points within the range, and one beyond on either side. */
  slice(): [number, number] {
    const [from, to] = this.range;
    return [Math.max(0, this.buffer.index(from) - 1), Math.min(this.buffer.length, this.buffer.index(to) + 1)];
  }

  get following(): boolean { return this.end === null; }

  set(from: number, to: number): void {
    this.span = Math.min(Math.max(to - from, shortest), longest);
    this.end = to;
    this.tell();
  }

  /** zoom makes the span f times as long about the time at; without one the right edge stays. */
  zoom(f: number, at?: number): void {
    const [, to] = this.range;
    const span = Math.min(Math.max(this.span * f, shortest), longest);
    if (at !== undefined && (this.end !== null || f < 1)) this.end = at + (to - at) * (span / this.span);
    this.span = span;
    if (this.end !== null && this.end >= this.buffer.newest) this.end = null;
    this.tell();
  }

  pan(share: number): void {
    const [, to] = this.range;
    this.end = to + share * this.span;
    if (this.end >= this.buffer.newest) this.end = null;
    this.tell();
  }

  follow(): void { this.end = null; this.tell(); }

  /** at moves the range so that time t stands in its middle. */
  at(t: number): void {
    this.end = t + this.span / 2;
    if (this.end >= this.buffer.newest) this.end = null;
    this.tell();
  }

  setSpan(s: number): void { this.span = s; this.end = null; this.tell(); }
  setBypass(on: boolean): void { this.bypass = on; this.tell(); }

  /** freeze holds the picture while points go on coming in. */
  freeze(on: boolean): void {
    this.frozen = on ? this.buffer.newest : null;
    this.tell();
  }
}
