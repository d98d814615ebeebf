// The words of the HTTP API (docs/api.md) as far as the page uses them.

export type Drift = "learning" | "normal" | "warning" | "noise" | "regime" | "fault" | "unknown" | "stale";

export interface Channel {
  name: string; raw: number | null; clean: number | null; lo: number | null; hi: number | null;
  quality: string; method: string; flags: string[]; sigma: number | null; unit?: string;
}

export interface Alert { id: string; kind: string; opened: string; acknowledged: boolean }

export interface Series {
  stream: string; series: string; epoch: number; n: number; ts: string; arrived: string | null;
  drift: Drift; since: string | null; why: string | null; ne107: string | null;
  learning: { have: number; need: number } | null; rate_hz: number | null;
  model: string; lookahead: number; score: number | null; channels: Channel[]; alert: Alert | null;
}

export interface Guard {
  channel: string; serves: string; why: string; net_loss: number | null; filter_loss: number | null; filter: string;
}

export interface Detail extends Series {
  history?: Points | null; guard?: Guard[] | null; versions?: { model: string; since_index: number; why: string }[] | null;
  adapt?: Adaptation | null;
}

export interface ChannelPoints {
  raw: (number | null)[]; clean: (number | null)[]; lo: (number | null)[]; hi: (number | null)[];
  method: (string | null)[]; quality: (string | null)[];
}

export interface Points {
  t_ms: number[]; channels: Record<string, ChannelPoints>; score: (number | null)[]; stat: (number | null)[];
  threshold: (number | null)[]; drift: (string | null)[]; rev?: number[]; epoch?: number[];
}

export interface Part {
  name: string; up: boolean; err?: string; circuit?: string; spool_items?: number; spool_bytes?: number;
}

export interface Status {
  version: string; kernel: string; started: string; now: string; ready: boolean; writes: boolean;
  series: number; viewers: number; parts: Part[]; memory_bytes: number; cpu_seconds: number; goroutines: number;
  streams?: Stream[]; sinks?: Sink[]; dropped?: number;
}

export interface Stream {
  name: string; channels: { name: string; unit: string }[]; scope: string; model: string; lookahead: number;
  false_alarms: string; adapt: string; series: number; drift: Record<string, number>; fates: Record<string, number>;
  messages: number; records: number; events: number; dead: number; dropped: number; lag_s: number | null;
  journal_bytes: number; latency_s: { p50: number; p99: number } | null; queues: { source: number; batch: number };
  sinks: string[];
}

export interface Sink {
  name: string; type: string; required: boolean; records: number; retries: number; dropped: number; pending: number;
}

export interface Streams { streams: Stream[]; sinks: Sink[] }

export interface Event {
  id: string; ts: string; stream: string; series: string; epoch: number; kind: string; severity: string; why: string;
  model?: string; data?: Record<string, unknown>; acknowledged?: boolean; alert?: string | { id?: string; kind?: string };
}

export interface Model {
  name: string; stream: string; series: string[]; serves: number; origin: string; made: string | null;
  parent: string | null; figures: Record<string, unknown>; state: string;
}

export interface Adaptation {
  stream: string; series: string; phase: string; windows: number; need: number;
  evidence: { log_e: number | null; accept: number | null; against: number | null; reject: number | null } | null;
  curve: { step: number; loss: number | null; holdout: number | null }[]; steps?: number; challenger: string | null; gain_db: number | null;
}

export interface Models { models: Model[]; adaptation: Adaptation[] }

export interface ReplayWindow {
  id: string | number; from_index: number; ts: string; regime: number; held_out: boolean; quarantined: boolean;
  excluded: boolean; sigma: number | null;
}

export interface Letter {
  time: string; stream: string; reason: string; series: string; topic: string; key: string; payload: string;
  size: number; error: string; n: number;
}
