// The live streams of all pages of a browser: server-sent events read with fetch, since
// EventSource can't send a token. It runs in a worker that the pages share (share.ts), so
// that they are one to the server; without one, in each page.
import { plan, topicOf, type Share, type Wish } from "./plan";
import { Parser } from "./sse";

/** Told is what a page is told: that its stream is up or not, what came, or that something did. */
export type Told = { up: boolean; refused?: number } | { event: string; data: any } | { beat: true };

/** Guest is a page, as what it is told by. */
export type Guest = (told: Told) => void;

const firstWait = 500, longestWait = 15_000;
const silence = 20_000; // the server beats every 15 s
const lively = 3_000;
const goneAfter = 45_000; // pages say every ten seconds what they want

/** Pool keeps as few streams open as the guests' wishes fit on. */
export class Pool {
  private wishes = new Map<Guest, Wish>();
  private heard = new Map<Guest, number>();
  private alone = new Set<Guest>(); // whose stream was refused when it was shared
  private lines: Line[] = [];

  /** wish says what a guest wants from now on. */
  wish(g: Guest, w: Wish): void {
    const was = this.wishes.get(g);
    this.heard.set(g, performance.now());
    this.wishes.set(g, w);
    const same = was && was.base === w.base && was.token === w.token && was.topics.join() === w.topics.join();
    if (!same) {
      this.alone.delete(g);
      this.arrange();
    }
    if (w.again) for (const l of this.lines) if (l.guests.has(g)) l.retry();
  }

  leave(g: Guest): void {
    for (const m of [this.wishes, this.heard]) m.delete(g);
    this.alone.delete(g);
    this.arrange();
  }

  /** sweep forgets pages that were closed without a word. */
  sweep(): void {
    const now = performance.now();
    for (const [g, at] of this.heard) if (now - at > goneAfter) this.leave(g);
  }

  /** arrange opens and closes streams until they are what the wishes ask for. */
  private arrange(): void {
    const old = this.lines;
    const left = new Set(old);
    this.lines = plan(this.wishes, this.alone).map((s) => {
      const kept = [...left].find((l) => l.suits(s));
      if (kept) {
        left.delete(kept);
        kept.guests = s.guests;
        return kept;
      }
      return new Line(s, (g, topic) => this.wishes.get(g)?.topics.includes(topic) ?? false, (l) => this.refused(l));
    });
    for (const l of this.lines) {
      if (old.includes(l)) continue;
      // What it takes the place of ends once it is up: a series that nobody watches for a moment is forgotten.
      const before = [...left].filter((o) => [...o.guests].some((g) => l.guests.has(g)));
      for (const o of before) left.delete(o);
      l.open(before.flatMap((o) => o.give()));
    }
    for (const l of left) l.close();
  }

  /** refused takes a shared stream apart: what one guest asks for must not stand in the way of the others. */
  private refused(l: Line): void {
    for (const g of l.guests) this.alone.add(g);
    this.arrange();
  }
}

/** Line is one stream, opened again when it ends. */
class Line {
  readonly base: string;
  readonly token: string;
  readonly topics: Set<string>;
  guests: Set<Guest>;
  up = false;
  private heard = 0;
  private before: Line[] = [];
  private abort: AbortController | null = null;
  private wait = firstWait;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(s: Share<Guest>, private wants: (g: Guest, topic: string) => boolean, private refused: (l: Line) => void) {
    this.base = s.base;
    this.token = s.token;
    this.topics = s.topics;
    this.guests = s.guests;
  }

  /** suits says whether the stream has what a share asks for, and nobody is new on it, who would lack what was told at its start. */
  suits(s: Share<Guest>): boolean {
    return s.base === this.base && s.token === this.token && s.topics.size === this.topics.size && [...s.topics].every((t) => this.topics.has(t)) &&
      [...s.guests].every((g) => this.guests.has(g));
  }

  open(before: Line[] = []): void {
    this.before = before;
    void this.run();
  }

  /** give ends what does not serve, and returns what does in its place. */
  give(): Line[] {
    if (this.up) return [this];
    const serving = this.before;
    this.before = [];
    this.close();
    return serving;
  }

  close(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    for (const l of this.before) l.close();
    this.before = [];
  }

  /** retry opens the stream now where it is down, or says nothing where the status comes each second. */
  retry(): void {
    if (this.up && performance.now() - this.heard < lively) return;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.wait = firstWait;
    void this.run();
  }

  private async run(): Promise<void> {
    const abort = (this.abort = new AbortController());
    let dog: ReturnType<typeof setTimeout> | undefined, code = 0;
    try {
      const address = this.base + "live?topics=" + encodeURIComponent([...this.topics].join(","));
      const headers: Record<string, string> = this.token ? { Authorization: "Bearer " + this.token } : {};
      const res = await fetch(address, { signal: abort.signal, headers, cache: "no-store", credentials: "same-origin" });
      if (!res.ok) code = res.status;
      else {
        const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader();
        const parser = new Parser((event, data) => this.hand(event, JSON.parse(data)));
        for (;;) {
          clearTimeout(dog);
          dog = setTimeout(() => abort.abort(), silence);
          const { value, done } = await reader.read();
          if (done || this.abort !== abort) break;
          this.came();
          parser.push(value);
        }
      }
    } catch { /* it is opened again */ } finally { clearTimeout(dog); }
    if (this.abort !== abort) return; // another run has taken over
    this.lost(code);
  }

  /** came notes that the stream lives. */
  private came(): void {
    this.wait = firstWait;
    this.heard = performance.now();
    for (const l of this.before) l.close();
    this.before = [];
    this.tell(this.up ? { beat: true } : { up: true });
    this.up = true;
  }

  private lost(code: number): void {
    this.up = false;
    for (const g of this.guests) if (!this.before.some((l) => l.up && l.guests.has(g))) g({ up: false, refused: code || undefined });
    if (code >= 400 && code < 500 && code !== 401 && this.guests.size > 1) return this.refused(this);
    if (code === 401) this.wait = longestWait;
    this.timer = setTimeout(() => void this.run(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, longestWait);
  }

  private tell(t: Told): void { for (const g of this.guests) g(t); }

  private hand(event: string, data: any): void {
    const topic = topicOf(event, data);
    for (const g of this.guests) if (event === "hello" || this.wants(g, topic)) g({ event, data });
  }
}
