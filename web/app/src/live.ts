// The live stream as a page has it: one with all other pages of the browser, where it
// has workers that pages can share.
import { base, refused, token } from "./api";
import { Pool, type Told } from "./pool";
import type { Wish } from "./plan";

export type Handler = (event: string, data: any) => void;

/** Send says what the page wants; null: it goes. */
type Send = (w: Wish | null) => void;

const sayEvery = 10_000;

/** Live has the stream about the topics asked for. */
export class Live {
  private topics: string[] = [];
  private send: Send | null = null; // made when there is something to ask for
  /** heard is when anything last came, by performance.now(). */
  heard = performance.now();
  up = false;

  constructor(private handle: Handler, private changed: () => void) {
    document.addEventListener("visibilitychange", () => this.restart());
    addEventListener("online", () => this.restart());
    addEventListener("pagehide", () => this.send?.(null));
    addEventListener("pageshow", (e) => { if (e.persisted) this.restart(); });
    setInterval(() => { if (!document.hidden) this.say(false); }, sayEvery); // or it is taken for closed
  }

  /** watch sets the topics. */
  watch(topics: string[]): void {
    if (topics.join() === this.topics.join()) return;
    this.topics = topics;
    this.say(false);
  }

  /** restart asks again, at once. A hidden page needs nothing. */
  restart(): void { this.say(true); }

  private say(again: boolean): void {
    const topics = document.hidden ? [] : this.topics;
    if (topics.length) this.send ??= connect((t) => this.take(t), () => this.say(true));
    this.send?.({ base: base(), token: token(), topics, again });
    if (!topics.length) this.set(false);
  }

  private take(t: Told): void {
    if ("up" in t) {
      if (t.refused === 401) refused();
      this.set(t.up);
    }
    if ("up" in t && !t.up) return;
    this.heard = performance.now();
    if ("event" in t) this.handle(t.event, t.data);
  }

  private set(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    this.changed();
  }
}

/** connect joins the worker that pages share, or makes a pool of the page's own; again is called where the worker turns out not to run. */
function connect(take: (t: Told) => void, again: () => void): Send {
  const own = (): Send => {
    const pool = new Pool();
    return (w) => (w ? pool.wish(take, w) : pool.leave(take));
  };
  if (typeof SharedWorker !== "function") return own();
  let worker: SharedWorker;
  // The name stands for what is said between page and worker: pages of two versions share nothing.
  try { worker = new SharedWorker("assets/share.js", { name: "quell 1" }); } catch { return own(); }
  let send: Send = (w) => worker.port.postMessage(w);
  worker.port.onmessage = (m) => take(m.data);
  worker.onerror = () => { send = own(); again(); };
  return (w) => send(w);
}
