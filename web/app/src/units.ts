import { store } from "./store";

/** unitOf returns the unit of a channel as the configuration gives it, or nothing. */
export function unitOf(stream: string, channel: string | undefined): string {
  return store.streams?.streams.find((s) => s.name === stream)?.channels.find((c) => c.name === channel)?.unit ?? "";
}
