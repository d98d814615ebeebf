// Which method serves each channel, and the evidence for it.
import { h } from "preact";
import { num } from "../format";
import type { Detail, Series } from "../types";
import { Part } from "../ui";

export function Serving({ s, detail, channel }: { s: Series; detail: Detail | undefined; channel: string }) {
  const guard = detail?.guard ?? [];
  const mine = guard.find((g) => g.channel === channel);
  const c = s.channels.find((x) => x.name === channel);
  const by = mine?.serves ?? c?.method ?? "";
  return (
    <Part title="What serves, and why">
      <p class="big">{by === "net" ? "The network" : by ? `The filter ${by}` : "Raw values"} <small>{by === "net" ? s.model : ""}</small></p>
      <p>{mine?.why ?? "The guard has not judged yet: it needs some hundred readings."}</p>
      {guard.some((g) => g.net_loss !== null || g.filter_loss !== null) && (
        <table class="wide">
          <thead><tr><th scope="col">channel</th><th scope="col">serves</th><th scope="col">network's loss</th><th scope="col">filter's loss</th><th scope="col">filter</th></tr></thead>
          <tbody>{guard.map((g) => <tr key={g.channel}><th scope="row">{g.channel}</th><td>{g.serves === "net" ? "network" : g.serves}</td><td>{num(g.net_loss, 3)}</td><td>{num(g.filter_loss, 3)}</td><td>{g.filter}</td></tr>)}</tbody>
        </table>
      )}
      <dl class="facts">
        <dt>model</dt><dd>{s.model || "–"}</dd>
        <dt>look-ahead</dt><dd>{s.lookahead} samples{s.rate_hz ? `, ${num(s.lookahead / s.rate_hz, 2)} s` : ""}</dd>
        <dt>rate</dt><dd>{s.rate_hz ? num(s.rate_hz) + " Hz" : "being learnt"}</dd>
        <dt>noise</dt><dd>{c?.sigma != null ? "σ " + num(c.sigma, 3) : "–"}</dd>
        {c?.flags?.length ? [<dt>flags</dt>, <dd>{c.flags.join(", ").replaceAll("_", " ")}</dd>] : null}
      </dl>
      {detail?.versions && detail.versions.length > 1 && (
        <ol class="versions">{detail.versions.map((v) => <li key={v.since_index}><strong>{v.model}</strong> since sample {v.since_index}{v.why ? ": " + v.why : ""}</li>)}</ol>
      )}
    </Part>
  );
}
