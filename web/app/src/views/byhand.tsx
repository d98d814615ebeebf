// What can serve one series, and the buttons that switch it by hand, for this series alone.
import { h } from "preact";
import { post, within } from "../api";
import type { Detail, Model, Models } from "../types";
import { Write } from "../ui";

interface Props { stream: string; series: string; model: string; detail: Detail | undefined; models: Models; again: () => void }

export function ByHand({ stream, series, model, detail, models, again }: Props) {
  const had = new Set((detail?.versions ?? []).map((v) => v.model));
  const all = models.models.filter((m) => m.stream === stream && mayServe(m, series, model, had));
  const where = "?" + new URLSearchParams({ stream, series });
  if (!all.length) return null;
  return (
    <table class="wide byhand">
      <caption>Models of this series: a switch here leaves all other series as they are</caption>
      <thead><tr><th scope="col">model</th><th scope="col">state here</th><th scope="col">origin</th><th scope="col">by hand</th></tr></thead>
      <tbody>
        {all.map((m) => (
          <tr key={m.name}>
            <th scope="row">{m.name}</th>
            <td>{stateHere(m, model)}</td>
            <td>{m.origin}</td>
            <td>
              {m.name !== model && <Write run={() => post(`models/${within(m.name)}/promote${where}`)} done={again}>Promote here</Write>}
              {m.name === model && m.origin !== "base" && <Write run={() => post(`models/${within(m.name)}/rollback${where}`)} done={again}>Roll back here</Write>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** stateHere is the state of a model as this series has it; that of the list is of the whole stream. */
function stateHere(m: Model, model: string): string {
  if (m.name === model) return m.state === "probation" ? "on probation" : "serving";
  return m.state === "serving" || m.state === "probation" ? "serves others" : m.state;
}

/** mayServe says whether a model is one that the series has, had, or is offered. */
function mayServe(m: Model, series: string, model: string, had: Set<string>): boolean {
  return m.name === model || m.state === "offered" || had.has(m.name) || !!m.series?.includes(series);
}
