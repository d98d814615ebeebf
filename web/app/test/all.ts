// Tests of what has no page: run in a browser by test/browser (TestUnits).
import { decoded, takeToken, token, within } from "../src/api";
import { Buffer } from "../src/buffer";
import { csvOf } from "../src/export";
import { even, fft, power, rate, spectrogram, welch } from "../src/fft";
import { bytes, count, moment, num, seconds, setUTC } from "../src/format";
import { plan, topicOf, type Wish } from "../src/plan";
import { Parser } from "../src/sse";
import { decode } from "../src/views/dlq";
import { spansOf } from "../src/views/timeline";
import { View } from "../src/view";
import { tidy } from "../src/charts/timeplot";
import type { Event, Points } from "../src/types";

const failed: string[] = [];
let ran = 0;

function test(name: string, f: () => void): void {
  ran++;
  try { f(); } catch (e) { failed.push(`${name}: ${(e as Error).message}`); }
}

function equal(got: unknown, want: unknown): void {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  if (g !== w) throw new Error(`got ${g}, want ${w}`);
}

function near(got: number, want: number, by: number): void {
  if (!(Math.abs(got - want) <= by)) throw new Error(`got ${got}, want ${want} ± ${by}`);
}

/** draws is even noise of deviation 1 (xorshift). */
function draws(n: number): Float64Array {
  let x = 2463534242;
  return Float64Array.from({ length: n }, () => {
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    return ((x >>> 0) / 2 ** 32 - 0.5) * Math.sqrt(12);
  });
}

test("names of dots stay in an address", () => {
  for (const [name, want] of [["..", "~.."], [".", "~."], ["~..", "~~.."], ["...", "..."], ["a/..", "a%2F.."], ["/", "~%2F"], ["%2e%2e", "%252e%252e"]]) {
    equal(new URL("api/v1/series/s/" + within(name), "http://h/x/").pathname, "/x/api/v1/series/s/" + want);
  }
});

test("an address that somebody mistyped throws nothing", () => {
  equal(["a%2Fb", "%zz", "50 %", "%25zz"].map(decoded), ["a/b", "%zz", "50 %", "%zz"]);
  location.hash = "#token=%zz&x=1";
  takeToken();
  equal([token(), location.hash], ["%zz", "#&x=1"]);
  sessionStorage.clear();
  location.hash = "";
});

test("fft is the sum by its definition", () => {
  const n = 64, x = draws(n), re = x.slice(), im = new Float64Array(n);
  fft(re, im);
  for (let k = 0; k < n; k++) {
    let a = 0, b = 0;
    for (let i = 0; i < n; i++) { a += x[i] * Math.cos((2 * Math.PI * k * i) / n); b -= x[i] * Math.sin((2 * Math.PI * k * i) / n); }
    near(re[k], a, 1e-9);
    near(im[k], b, 1e-9);
  }
});
test("a sine stands at its frequency with its power", () => {
  const hz = 100, n = 256, x = Float64Array.from({ length: 4096 }, (_, i) => 3 * Math.sin((2 * Math.PI * 12.5 * i) / hz));
  const p = welch(x, n, hz)!;
  near((p.indexOf(Math.max(...p)) * hz) / n, 12.5, hz / n);
  near((p.reduce((s, v) => s + v) * hz) / n, 4.5, 0.1);
});
test("white noise has its variance over half the rate as density", () => {
  const p = welch(draws(1 << 15), 256, 50)!;
  near(p.slice(4, -4).reduce((s, v) => s + v) / (p.length - 8), 1 / 25, 0.002);
});
test("welch wants one window at least", () => equal(welch(draws(100), 128, 1), null));
test("a spectrogram ends with the newest", () => {
  const x = draws(1000), s = spectrogram(x, 128, 32, 10);
  equal(Array.from(s[s.length - 1]), Array.from(power(x, 1000 - 128, 128, 10)));
  equal(s.length, Math.floor((1000 - 128) / 32) + 1);
});
test("uneven times are laid on a grid, gaps bridged", () => {
  equal(Array.from(even([0, 1, 2, 4], [0, 1, null, 4], 1)), [0, 1, 2, 3, 4]);
  equal(Array.from(even([0, 1], [NaN, 1], 1)), []);
  near(rate(Array.from({ length: 40 }, (_, i) => i / 20)), 20, 1e-9);
  equal(rate([1, 2]), 0);
});

const points = (t: number[], raw: (number | null)[], clean: (number | null)[], rev?: number[], ch = "temp"): Points => ({
  t_ms: t, channels: { [ch]: { raw, clean, lo: clean, hi: clean, method: t.map(() => "net"), quality: t.map(() => "good") } },
  score: t.map(() => 1), stat: t.map(() => 1), threshold: t.map(() => 2), drift: t.map(() => "normal"), rev,
});
test("a final point takes the place of a provisional one, and a revision that of a final one", () => {
  const b = new Buffer();
  b.add(points([1000, 2000], [1, 2], [null, null], [-1, -1]));
  b.add(points([1000], [1], [5], [0]));
  b.add(points([1000], [1], [6], [1]));
  b.add(points([1000], [9], [9], [0])); // late by a revision
  equal([b.t, b.channels.temp.raw, b.channels.temp.clean], [[1, 2], [1, 2], [6, null]]);
});
test("points that come late go where they belong", () => {
  const b = new Buffer();
  b.add(points([1000, 3000], [1, 3], [1, 3]));
  b.add(points([2000], [2], [2]));
  equal([b.t, b.channels.temp.raw], [[1, 2, 3], [1, 2, 3]]);
});
test("what nobody watched is a break, until it comes after all", () => {
  const b = new Buffer();
  const some = (from: number) => points(Array.from({ length: 10 }, (_, i) => (from + i) * 1000), Array(10).fill(1), Array(10).fill(1));
  b.add(some(0));
  b.add(some(100));
  equal([b.length, b.channels.temp.raw[10], b.isBreak(10), b.run()], [21, null, true, 11]);
  b.add(points(Array.from({ length: 92 }, (_, i) => (9 + i) * 1000), Array(92).fill(1), Array(92).fill(1)));
  equal([b.length, b.run(), b.channels.temp.raw.includes(null)], [110, 0, false]);
});
test("a clock that was set back begins anew, and what is told late of the time before is left out", () => {
  const b = new Buffer();
  const of = (epoch: number[], p: Points): Points => ({ ...p, epoch });
  b.add(of([0, 0], points([9000, 10_000], [1, 2], [1, 2])));
  b.add(of([0, 1, 1], points([11_000, 5000, 6000], [3, 4, 5], [3, 4, 5]))); // in one piece
  equal([b.t, b.channels.temp.raw, b.epoch], [[5, 6], [4, 5], 1]);
  b.add(of([0], points([5500], [9], [9], [1])));
  b.add(of([0], points([10_500], [9], [9], [1]))); // its clock was ahead
  b.add(of([0, 0, 1], points([9000, 10_000, 7000], [1, 2, 6], [1, 2, 6]))); // what is kept, told again
  equal([b.t, b.channels.temp.raw, b.epoch], [[5, 6, 7], [4, 5, 6], 1]);
  b.add(of([0], points([99_000], [7], [7]))); // a series that was forgotten and came back
  equal([b.t, b.channels.temp.raw, b.epoch], [[99], [7], 0]);
});
test("a channel that comes later has nothing before", () => {
  const b = new Buffer();
  b.add(points([1000], [1], [1]));
  b.add(points([2000], [7], [7], undefined, "flow"));
  equal([b.channels.flow.raw, b.channels.temp.raw], [[null, 7], [1, null]]);
});
test("a buffer is bounded, and all its columns alike", () => {
  const b = new Buffer(100);
  for (let i = 0; i < 1000; i += 5) b.add(points([0, 1, 2, 3, 4].map((k) => (i + k) * 1000), [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]));
  if (b.length > 110) throw new Error(`${b.length} points`);
  equal(b.newest, 999);
  equal(new Set([b.t, b.score, b.stat, b.drift, b.rev, b.channels.temp.raw, b.channels.temp.quality].map((c) => c.length)).size, 1);
});
test("pages share a stream as far as it may be about so much, and with nobody who has another token", () => {
  const wish = (token: string, n: number, from = 0): Wish => ({ base: "http://h/api/v1/", token, topics: ["status", ...Array.from({ length: n }, (_, i) => `series:s/u${from + i}`)] });
  const shares = (all: [string, Wish][], alone: string[] = []) => plan(new Map(all), new Set(alone)).map((s) => [[...s.guests].join("+"), s.topics.size]);
  equal(shares([["a", wish("", 10)], ["b", wish("", 12)], ["c", wish("x", 3)]]), [["a+b", 13], ["c", 4]]);
  equal(shares([["a", wish("", 40)], ["b", wish("", 40, 40)], ["c", wish("", 24, 40)]]), [["a+c", 65], ["b", 41]]);
  equal(shares([["a", wish("", 2)], ["b", wish("", 2)], ["c", wish("", 2)]], ["b"]), [["a+c", 3], ["b", 3]]);
  equal(shares([["a", wish("", 2)], ["b", { ...wish("", 0), topics: [] }]]), [["a", 3]]);
  const long = "n".repeat(400);
  equal(shares([["a", { ...wish("", 0), topics: Array.from({ length: 12 }, (_, i) => `series:s/${long}${i}`) }], ["b", { ...wish("", 0), topics: Array.from({ length: 12 }, (_, i) => `series:t/${long}${i}`) }]]), [["a", 12], ["b", 12]]);
  equal([topicOf("series", { stream: "a/b", series: "ü,1" }), topicOf("event", {}), topicOf("grid", { stream: "p" }), topicOf("tap", { stream: "p q", arrow: "sink" })],
    ["series:a%2Fb/%C3%BC%2C1", "events", "grid:p", "tap:p%20q/sink"]);
});
test("events come whole, however they are cut", () => {
  const text = 'event: hello\ndata: {"v":1}\n\n: beat\n\ndata: a\r\ndata: b\r\n\r\nevent: x\n\n';
  for (let cut = 0; cut <= text.length; cut++) {
    const got: string[] = [];
    const p = new Parser((e, d) => got.push(e + "=" + d));
    p.push(text.slice(0, cut));
    p.push(text.slice(cut));
    equal(got, ['hello={"v":1}', "message=a\nb"]);
  }
});
test("a view follows, stands and zooms", () => {
  const b = new Buffer();
  b.add(points(Array.from({ length: 200 }, (_, i) => i * 1000), Array(200).fill(1), Array(200).fill(1)));
  const v = new View(b, 60);
  equal(v.range, [139, 199]);
  v.set(20, 40);
  equal([v.range, v.following], [[20, 40], false]);
  v.zoom(0.5, 30);
  equal(v.range, [25, 35]);
  v.follow();
  equal(v.range, [189, 199]);
  v.zoom(2, 190); // out of the newest: it goes on following
  equal([v.range, v.following], [[179, 199], true]);
});
test("a view grows until its span is full", () => {
  const b = new Buffer();
  b.add(points([100_000, 130_000], [1, 1], [1, 1]));
  equal(new View(b, 60).range, [100, 130]);
});
test("CSV quotes and leaves empty what is missing", () => {
  const b = new Buffer();
  b.add(points([0, 1000], [1.5, null], [2, 3], undefined, 'a"b,c'));
  const lines = csvOf(new View(b, 60)).split("\n");
  equal(lines[0], 'ts,"a""b,c","a""b,c_clean","a""b,c_lo","a""b,c_hi","a""b,c_quality","a""b,c_method",score,statistic,threshold,drift');
  equal(lines.slice(1), ["1970-01-01T00:00:00.000Z,1.5,2,2,2,good,net,1,1,2,normal", "1970-01-01T00:00:01.000Z,,3,3,3,good,net,1,1,2,normal", ""]);
});
test("drifts are bars from what opened to what resolved", () => {
  const e = (ts: string, kind: string, data = {}): Event => ({ id: ts, ts, kind, stream: "s", series: "x", epoch: 0, severity: "", why: "", data });
  const got = spansOf([e("1970-01-01T00:00:40Z", "drift.opened", { kind: "fault" }), e("1970-01-01T00:00:20Z", "drift.resolved"), e("1970-01-01T00:00:10Z", "drift.opened", { kind: "noise" })], 50_000);
  equal(got.map((s) => [s.from, s.to, s.word]), [[40_000, 50_000, "fault"], [10_000, 20_000, "noise"]]);
});
test("numbers and times are short", () => {
  equal([num(21.3456), num(-0.01234), num(0), num(null), num(NaN), num(1234567), num(1e-9)], ["21.35", "−0.01234", "0", "–", "–", "1.23e6", "1.00e−9"]);
  equal([count(999), count(12_345), count(3.2e6)].map((s) => s.replace("\u202f", " ")), ["999", "12.3 k", "3.2 M"]);
  equal([bytes(512), bytes(1536), bytes(8 << 20)].map((s) => s.replace("\u202f", " ")), ["512 B", "1.5 KiB", "8.0 MiB"]);
  equal([seconds(0.0021), seconds(12), seconds(600), seconds(null)].map((s) => s.replace("\u202f", " ")), ["2.1 ms", "12 s", "10 min", "–"]);
  setUTC(true);
  equal(moment("1999-12-31T23:59:58.5Z"), "1999-12-31 23:59:58");
});
test("ticks have the digits that their step needs", () => {
  equal(tidy([0, 0.25, 0.5]), ["0.00", "0.25", "0.50"]);
  equal(tidy([-10, 0, 10]), ["−10", "0", "10"]);
  equal(tidy([0, 0.1, 0.2]), ["0.0", "0.1", "0.2"]);
});
test("payloads are text where they are, hexadecimal else", () => {
  equal(decode(btoa('{"a":1}')), '{"a":1}');
  equal(decode(btoa("\u0000\u0001\u00ff")), "0000  00 01 ff\n");
});

(globalThis as { quellUnits?: unknown }).quellUnits = { ran, failed };
