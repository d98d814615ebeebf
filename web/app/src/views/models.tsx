// Models: which serve, which challenge, what is kept; promote and roll back by hand.
import { h } from "preact";
import { post, within } from "../api";
import { moment, num } from "../format";
import { link } from "../route";
import { useStore } from "../store";
import type { Model } from "../types";
import { Empty, Part, Write } from "../ui";
import { Progress, useModels } from "./adaptation";

export function ModelsPage() {
  useStore();
  const { models, problem, again } = useModels();
  if (!models) return <Empty>{problem || "Loading …"}</Empty>;
  const busy = models.adaptation.filter((a) => a.phase !== "idle");
  return (
    <div class="page">
      <div class="headline"><h1>{busy.length ? `${busy.length} learning.` : "Nothing is being learnt."}</h1><p class="note">{models.models.length} models known</p></div>
      <div class="two">
        {busy.map((a) => (
          <Part key={a.stream + "/" + a.series} title={a.series || a.stream} note={a.challenger ? `challenger ${a.challenger}` : a.stream}
            tools={a.series && <a href={link(["series", a.stream, a.series])}>Open</a>}><Progress a={a} /></Part>
        ))}
      </div>
      <Part title="Models">
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of models">
          <table class="wide">
            <thead><tr><th scope="col">model</th><th scope="col">stream</th><th scope="col">state</th><th scope="col">serves</th><th scope="col">origin</th><th scope="col">made</th><th scope="col">figures</th><th scope="col">by hand</th></tr></thead>
            <tbody>{models.models.map((m) => <Row key={m.stream + m.name} m={m} again={again} />)}</tbody>
          </table>
        </div>
        {!models.models.length && <Empty>No model is known yet.</Empty>}
      </Part>
    </div>
  );
}

function Row({ m, again }: { m: Model; again: () => void }) {
  const all = figures(m.figures), only = "?stream=" + encodeURIComponent(m.stream);
  return (
    <tr>
      <th scope="row">{m.name}{m.parent && <small> from {m.parent}</small>}</th>
      <td>{m.stream}</td>
      <td><span class={"badge " + m.state}>{m.state}</span></td>
      <td title={m.series?.join(", ")}>{m.serves}</td>
      <td>{m.origin}</td>
      <td>{moment(m.made)}</td>
      <td title={all.join(", ")}>{all.slice(0, 2).join(", ") || "–"}{all.length > 2 && <small> and {all.length - 2} more</small>}</td>
      <td>
        {m.state !== "serving" && <Write run={() => post(`models/${within(m.name)}/promote${only}`)} done={again}>Promote</Write>}
        {(m.state === "serving" || m.state === "probation") && m.origin !== "base" && <Write run={() => post(`models/${within(m.name)}/rollback${only}`)} done={again}>Roll back</Write>}
      </td>
    </tr>
  );
}

/** What says most of a base model. */
const foremost = ["synthetic_gain_db_at_10", "synthetic_gain_db_at_20"];

/** figures writes the numbers of a card, the foremost first. */
function figures(f: Record<string, unknown> | null): string[] {
  const rank = (k: string): number => (foremost.includes(k) ? foremost.indexOf(k) : foremost.length);
  return Object.entries(f ?? {}).filter(([, v]) => typeof v === "number").sort(([a], [b]) => rank(a) - rank(b)).map(([k, v]) => figure(k, v as number));
}

/** figure writes the unit behind the number where the name has it. */
function figure(k: string, v: number): string {
  const gain = /^synthetic_gain_db_at_(\d+)(?:_(.+))?$/.exec(k);
  if (gain) return `${num(v, 3)} dB gained at an SNR of ${gain[1]} dB on synthetic ${gain[2] ?? "signals"}`;
  const words = k.split("_"), db = words.includes("db");
  return `${words.filter((w) => w !== "db").join(" ")} ${num(v, 3)}${db ? " dB" : ""}`;
}
