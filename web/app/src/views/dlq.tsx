// Dead letters: what could not be used, why, and what was in it.
import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { bytes, count, moment } from "../format";
import { setQuery, useRoute } from "../route";
import { store } from "../store";
import type { Letter } from "../types";
import { Empty, Part } from "../ui";

interface Letters { letters: Letter[]; total_by_reason: Record<string, number> }

export function LettersPage() {
  const { q } = useRoute();
  const [all, setAll] = useState<Letters | null>(null);
  const [problem, setProblem] = useState("");
  const reason = q.get("reason") ?? "";
  useEffect(() => {
    const load = () => void get<Letters>("dlq?limit=200").then((l) => { setAll(l); setProblem(""); }, (e) => setProblem(e.message));
    load();
    const t = setInterval(() => { if (!document.hidden && !store.paused) load(); }, 4000);
    return () => clearInterval(t);
  }, []);
  if (!all) return <Empty>{problem || "Loading …"}</Empty>;
  const totals = Object.entries(all.total_by_reason ?? {}).sort((a, b) => b[1] - a[1]);
  const sum = totals.reduce((n, [, k]) => n + k, 0);
  const shown = (all.letters ?? []).filter((l) => !reason || l.reason === reason);
  return (
    <div class="page">
      <div class="headline"><h1>{sum ? `${count(sum)} dead letters.` : "No dead letter."}</h1><p class="note">samples and messages that could not be used; nothing is thrown away unseen</p></div>
      <div class="filters"><div class="chips" role="group" aria-label="Filter by reason">
        <button class="chip" aria-pressed={!reason} onClick={() => setQuery({ reason: null })}>all {count(sum)}</button>
        {totals.map(([r, n]) => <button class="chip" key={r} aria-pressed={reason === r} onClick={() => setQuery({ reason: r })}>{r.replaceAll("_", " ")} {count(n)}</button>)}
      </div></div>
      <Part title="Newest first">
        {shown.length ? shown.map((l) => <One key={l.n} l={l} />) : <Empty>Nothing here.</Empty>}
      </Part>
    </div>
  );
}

function One({ l }: { l: Letter }) {
  return (
    <details class="letter">
      <summary><span class="time">{moment(l.time)}</span> <span class="badge">{l.reason.replaceAll("_", " ")}</span> <strong>{l.series || (l.key && decode(l.key)) || l.topic || l.stream}</strong> <span class="why">{l.error}</span></summary>
      <dl class="facts">
        <dt>stream</dt><dd>{l.stream}</dd><dt>topic</dt><dd>{l.topic || "–"}</dd><dt>key</dt><dd>{l.key ? decode(l.key) : "–"}</dd><dt>size</dt><dd>{bytes(l.size)}</dd>
      </dl>
      <pre tabIndex={0} aria-label="Payload">{decode(l.payload)}</pre>
    </details>
  );
}

/** decode shows a payload as text where it is, and as hexadecimal else. */
export function decode(base64: string): string {
  let bin: string;
  try { bin = atob(base64 ?? ""); } catch { return base64; }
  const raw = Uint8Array.from(bin, (c) => c.charCodeAt(0));
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
    if (!/[\x00-\x08\x0e-\x1f]/.test(text)) return text;
  } catch { /* not text */ }
  let out = "";
  for (let i = 0; i < raw.length; i += 16) out += i.toString(16).padStart(4, "0") + "  " + [...raw.slice(i, i + 16)].map((b) => b.toString(16).padStart(2, "0")).join(" ") + "\n";
  return out;
}
