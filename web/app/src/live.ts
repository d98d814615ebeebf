// The one live stream of the page: server-sent events read with fetch, since
// EventSource can't send a token.
import { open, Refused } from "./api";
import { Parser } from "./sse";

export type Handler = (event: string, data: any) => void;

const firstWait = 500, longestWait = 15_000;
const silence = 20_000; // the server beats every 15 s

/** Live keeps one stream open for the topics asked for, and opens it again when it ends. */
export class Live {
  private topics = "";
  private abort: AbortController | null = null;
  private wait = firstWait;
  private timer = 0;
  /** heard is when anything last came, by performance.now(). */
  heard = performance.now();
  up = false;

  constructor(private handle: Handler, private changed: () => void) {
    document.addEventListener("visibilitychange", () => this.restart());
    addEventListener("online", () => this.restart());
  }

  /** watch sets the topics; the stream is opened anew where they differ. */
  watch(topics: string[]): void {
    const t = topics.join(",");
    if (t === this.topics) return;
    this.topics = t;
    this.restart();
  }

  /** restart opens the stream now, without waiting. A hidden page needs none. */
  restart(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    if (document.hidden || !this.topics) return this.set(false);
    this.wait = firstWait;
    void this.run();
  }

  private async run(): Promise<void> {
    const abort = (this.abort = new AbortController());
    let dog = 0;
    try {
      const res = await open("live?topics=" + encodeURIComponent(this.topics), { signal: abort.signal });
      const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser((event, data) => this.handle(event, JSON.parse(data)));
      for (;;) {
        clearTimeout(dog);
        dog = window.setTimeout(() => abort.abort(), silence);
        const { value, done } = await reader.read();
        if (done) break;
        this.heard = performance.now();
        this.wait = firstWait;
        this.set(true);
        parser.push(value);
      }
    } catch (e) {
      if (e instanceof Refused && e.code === 401) this.wait = longestWait;
    } finally {
      clearTimeout(dog);
    }
    if (this.abort !== abort) return; // another run has taken over
    this.set(false);
    this.timer = window.setTimeout(() => void this.run(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, longestWait);
  }

  private set(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    this.changed();
  }
}
