// The dashboard of Quell: one page, one live stream, nothing from anywhere else.
import { h, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { hasToken, onRefused, takeToken } from "./api";
import { inUTC, seconds, setUTC, zone } from "./format";
import { useKeys } from "./keys";
import { go, link, useRoute } from "./route";
import { store, useStore } from "./store";
import { current, cycle } from "./theme";
import { LettersPage } from "./views/dlq";
import { EventsPage } from "./views/events";
import { Help } from "./views/help";
import { Home } from "./views/home";
import { ModelsPage } from "./views/models";
import { PipelinePage } from "./views/pipeline";
import { SeriesPage } from "./views/series";
import { TokenPrompt } from "./views/token";

const pages: [string, string][] = [["", "Series"], ["events", "Events"], ["models", "Models"], ["pipeline", "Pipeline"], ["dlq", "Dead letters"]];

function App() {
  const s = useStore();
  const r = useRoute();
  const [help, setHelp] = useState(false);
  const [asked, setAsked] = useState<"" | "first" | "wrong">("");
  const [, again] = useState(0);
  useEffect(() => onRefused(() => setAsked(hasToken() ? "wrong" : "first")), []);
  const page = r.path[0] ?? "";
  useEffect(() => {
    const name = page === "series" ? r.path[2] : pages.find(([p]) => p === page)?.[1];
    document.title = (name ? name + " – " : "") + "Quell";
    scrollTo(0, 0);
  }, [r.path.join("/")]);
  const pause = (): void => { store.paused = !store.paused; store.changed(); };
  const theme = (): void => { cycle(); again((n) => n + 1); };
  useKeys([
    { key: "?", help: "this help", run: () => setHelp((x) => !x) },
    { key: "/", help: "find", run: () => find(page) },
    { key: " ", help: "pause and go on", run: pause },
    { key: "t", help: "theme: system, light, dark", run: theme },
    { key: "u", help: "times in UTC or local", run: () => { setUTC(!inUTC()); store.changed(); } },
    ...pages.map(([p, name], i) => ({ key: String(i + 1), help: name, group: "Go to", run: () => go(p ? [p] : []) })),
  ]);
  return (
    <div class="app">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")!.focus(); }}>Skip to content</a>
      <header class="top">
        <a class="brand" href={link([])} aria-label="Quell, all series"><Mark />quell</a>
        <nav aria-label="Pages">{pages.map(([p, name]) => <a key={p} href={link(p ? [p] : [])} aria-current={page === p || (page === "series" && !p) ? "page" : undefined}>{name}</a>)}</nav>
        <div class="right">
          <Connection />
          <button class="icon" aria-pressed={s.paused} onClick={pause} title="Pause (space)" aria-label={s.paused ? "Go on" : "Pause"}>{s.paused ? "▶" : "❚❚"}</button>
          <button class="icon" onClick={theme} title="Theme (t)" aria-label={"Theme: " + current()}>{{ auto: "◐", light: "○", dark: "●" }[current()]}</button>
          <button class="icon" onClick={() => setHelp(true)} title="Keys (?)" aria-label="Keys">?</button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {page === "" && <Home />}
        {page === "series" && <SeriesPage key={r.path.join("/")} stream={r.path[1] ?? ""} series={r.path[2] ?? ""} />}
        {page === "events" && <EventsPage />}
        {page === "models" && <ModelsPage />}
        {page === "pipeline" && <PipelinePage />}
        {page === "dlq" && <LettersPage />}
      </main>
      <footer><span>Times in {zone()}</span><span>{s.status ? `Quell ${s.status.version}` : ""}</span><a href="assets/licences.txt">Licences</a></footer>
      {help && <Help close={() => setHelp(false)} />}
      {asked && <TokenPrompt wrong={asked === "wrong"} close={() => setAsked("")} done={() => { setAsked(""); void store.start(); store.live.restart(); }} />}
    </div>
  );
}

/** Mark is noise that becomes calm. */
function Mark() {
  return <svg class="mark" viewBox="0 0 44 24" width="37" height="20" aria-hidden="true"><path class="noise" d="M1 12l2-6 2 11 2.5-14 2.5 18 2.500-15 2 9 2-6" /><path class="calm" d="M16.500 9c3 0 3 6 7 6s5-6 10-6 6 3 9.500 3" /></svg>;
}

/** Connection says whether what is seen is live. */
function Connection() {
  const s = useStore();
  const [, again] = useState(0);
  useEffect(() => { const t = setInterval(() => again((n) => n + 1), 1000); return () => clearInterval(t); }, []);
  const silent = (performance.now() - s.live.heard) / 1000;
  const stale = !s.live.up || silent > 4;
  const word = s.paused ? "paused" : !s.loaded ? "connecting" : stale ? "stale" : "live";
  const shown = word === "stale" ? `stale ${seconds(Math.round(silent))}` : word;
  // What is read out is the word alone: seconds that are counted would never let it rest.
  return <span><span class={"live " + word} aria-hidden="true"><i />{shown}</span><span class="sr" role="status">{word}</span></span>;
}

function find(page: string): void {
  const focus = (): void => { const f = document.getElementById("find") as HTMLInputElement | null; f?.focus(); f?.select(); };
  if (document.getElementById("find")) return focus();
  if (page !== "") go([]);
  setTimeout(focus, 100);
}

/** fromLink takes the address that an event carries, ?stream=…&series=…&at=…, to the series. */
function fromLink(): void {
  const q = new URLSearchParams(location.search);
  if (!q.get("stream")) return;
  history.replaceState(null, "", location.pathname + (q.get("series") ? link(["series", q.get("stream")!, q.get("series")!], { at: q.get("at") }) : link([], { stream: q.get("stream") })));
}

takeToken();
fromLink();
void store.start();
render(<App />, document.getElementById("app")!);
