// What kinds of events there are, as the page says and colours them.
import type { Event } from "./types";
import type { colours } from "./theme";

export interface Kind { word: string; colour: keyof ReturnType<typeof colours>; drift: boolean }

/** driftKind is what a drift was taken for, where the event says. */
export function driftKind(e: Event): string {
  const k = e.data?.kind ?? e.data?.drift ?? e.data?.state;
  return typeof k === "string" ? k : "";
}

const drifts: Record<string, Kind["colour"]> = { noise: "noise", regime: "regime", fault: "fault", unknown: "unknown", warning: "warning" };

export function kindOf(e: Event): Kind {
  if (e.kind.startsWith("drift.")) {
    const k = driftKind(e);
    const word = e.kind === "drift.resolved" ? "resolved" : k || e.kind.slice(6);
    return { word, colour: e.kind === "drift.resolved" ? "normal" : drifts[k] ?? "unknown", drift: true };
  }
  if (e.kind.startsWith("finetune.")) return { word: "fine-tune " + e.kind.slice(9), colour: "accent", drift: false };
  if (e.kind === "model.promoted") return { word: "promoted", colour: "normal", drift: false };
  if (e.kind === "model.rolled_back") return { word: "rolled back", colour: "warning", drift: false };
  if (/\.(down|no_data)$/.test(e.kind)) return { word: e.kind.replace(".", " ").replace("_", " "), colour: "fault", drift: false };
  return { word: e.kind.replace(".", " ").replace("_", " "), colour: "muted", drift: false };
}
