// Small parts that many views use.
import { h, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { health, isStale, age, words } from "./health";
import { plural, seconds } from "./format";
import { store } from "./store";
import type { Drift, Series } from "./types";

// Each state has a shape beside its colour.
const shapes: Record<Drift, string> = {
  normal: "M2 8h3l2-2 2 2h5",
  learning: "M8 2a6 6 0 1 1-6 6M8 5v3l2 2",
  warning: "M8 2 14.5 13.5h-13zM8 6.5v3M8 11.4v.2",
  noise: "M1 8l2-5 2 9 2-10 2 11 2-9 2 6 2-2",
  regime: "M1.5 12H7V4h7.5",
  fault: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  unknown: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.9v.2",
  stale: "M2 8h2M7 8h2M12 8h2",
};

export function Glyph({ state }: { state: Drift }) {
  return <svg class={"glyph " + state} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={shapes[state]} /></svg>;
}

/** State names how a series is, in a shape, a colour and a word. */
export function State({ state }: { state: Drift }) {
  return <span class={"state " + state}><Glyph state={state} />{words[state]}</span>;
}

const qualities = ["good", "filled", "substituted", "uncertain", "bad"];

/** quality is the worst of the channels of a series. */
const quality = (s: Series) => qualities[Math.max(0, ...(s.channels ?? []).map((c) => qualities.indexOf(c.quality)))];

/** Badges say what a reader must know before trusting a line. */
export function Badges({ s, brief }: { s: Series; brief?: boolean }) {
  const a = age(s);
  const c = s.channels?.[0];
  const worst = quality(s);
  return (
    <span class="badges">
      {isStale(s) && <span class="badge stale">stale {seconds(Math.round(a!))}</span>}
      {s.learning && <span class="badge" title="What is usual is still being learnt">baseline {s.learning.have}/{s.learning.need}</span>}
      {c && c.method && c.method !== "net" && !(brief && s.learning) && <span class="badge" title="A classical filter serves: the readings do not show the network to be better">{c.method.replaceAll("_", " ")}</span>}
      {worst && worst !== "good" && <span class="badge warn" title="Quality of the newest value, the worst of its channels">{worst}</span>}
      {!brief && s.ne107 && s.ne107 !== "normal" && <span class="badge" title="NAMUR NE 107">{s.ne107.replaceAll("_", " ")}</span>}
      {!brief && s.epoch > 0 && <span class="badge" title="A clock was set back, or the series came back: charts show what came since">epoch {s.epoch}</span>}
      {s.alert?.acknowledged && <span class="badge">acknowledged</span>}
    </span>
  );
}

export function Empty({ children }: { children: ComponentChildren }) { return <p class="empty">{children}</p>; }

/** Card is a titled part of a page. */
export function Part({ title, note, tools, children, id }: { title: string; note?: ComponentChildren; tools?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="part" id={id} aria-label={title}>
      <header><h2>{title}</h2>{note && <p class="note">{note}</p>}<div class="tools">{tools}</div></header>
      {children}
    </section>
  );
}

/** Dialog is a modal one; what has data-first gets the focus. It closes with Escape, and the focus goes back to where it was. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current!.showModal();
    ref.current!.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => before?.focus?.();
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={close} onClick={(e) => e.target === ref.current && close()}>
      <div class="inner">
        <header><h2>{title}</h2><button class="plain" onClick={close} aria-label="Close">✕</button></header>
        {children}
      </div>
    </dialog>
  );
}

/** Write is a button that changes something on the server; without a right to it, it says why. */
export function Write({ run, children, done }: { run: () => Promise<unknown>; children: ComponentChildren; done?: () => void }) {
  const may = store.status?.writes ?? false;
  const out = useRef<HTMLSpanElement>(null);
  const click = async (): Promise<void> => {
    let said = "";
    try { await run(); done?.(); } catch (e) { said = (e as Error).message; }
    if (out.current) out.current.textContent = said; // else the page is another one by now
  };
  return (
    <span class="write">
      <button onClick={click} disabled={!may} title={may ? "" : noWrites}>{children}</button>
      <span role="status" class="said" ref={out} />
    </span>
  );
}

export const noWrites = "To change anything a token is needed, and none is configured: set http.token_file";

/** lead is the sentence at the top: how all is. */
export function lead(all: Series[]): string {
  const n: Partial<Record<Drift, number>> = {};
  for (const s of all) { const k = health(s); n[k] = (n[k] ?? 0) + 1; }
  const bad = (n.fault ?? 0) + (n.regime ?? 0) + (n.noise ?? 0) + (n.unknown ?? 0);
  const rest = [n.warning && `${n.warning} with a warning`, n.stale && `${n.stale} silent`, n.learning && `${n.learning} learning`].filter(Boolean);
  const head = bad ? `${plural(bad, "series", "series")} drifting` : n.normal ? "All calm" : "Listening";
  const tail = bad && n.normal ? [`${n.normal} calm`, ...rest] : rest;
  return head + (tail.length ? ", " + tail.join(", ") : "") + ".";
}
