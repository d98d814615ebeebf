"""What the measurements amount to: one row for every figure of the targets.

Times are compared as min over rounds ÷ min over rounds; beside it stands the median
of the ratios of each round, which tells whether the machine was quiet.
"""

import statistics

OK, MISSED, NO_DATA, NA = "ok", "missed", "no data", "n/a"
LIMIT = 1e-5


class Missing(Exception):
    """A figure that can't be had, and why."""

    def __init__(self, why, verdict=NA):
        super().__init__(why)
        self.verdict = verdict


class Data:
    """The samples of a run: runs[process][subject] = {"reps", "ns": [per round]},
    heads[process] = what the process said of itself, dead[process] = why it could
    not be started, extra = what was not timed."""

    def __init__(self, runs, heads, dead=None, extra=None):
        self.runs, self.heads, self.dead, self.extra = runs, heads, dead or {}, extra or {}

    def head(self, process):
        if process not in self.heads:
            why, verdict = self.dead.get(process, (f"{process} was not run", NA))
            raise Missing(why, verdict)
        return self.heads[process]

    def per_rep(self, process, subject):
        """Nanoseconds per repetition, round by round."""
        absent = self.head(process).get("absent", {})
        if subject in absent:
            raise Missing(absent[subject])
        if subject not in self.runs.get(process, {}):
            raise Missing(f"{process} has no {subject}")
        s = self.runs[process][subject]
        return [t / s["reps"] for t in s["ns"]]

    def flops(self, process, subject):
        return self.head(process)["subjects"][subject]["flops"]

    def peak(self):
        """GFLOP/s of one core with nothing but multiply-adds: the best round."""
        t = self.per_rep("quell", "peak")
        return self.flops("quell", "peak") / min(t)


def ratio(d, ours, theirs, scale=1.0):
    """How many times as fast we are: their time over ours."""
    a, b = d.per_rep(*ours), d.per_rep(*theirs)
    paired = statistics.median(y / x for x, y in zip(a, b)) * scale
    return min(b) / min(a) * scale, paired


def best_of(d, ours, rival, forms):
    """The ratio to a rival in whichever form it is fastest in."""
    d.per_rep(*ours)  # what we lack is told first
    return ratio(d, ours, (rival, min(forms, key=lambda f: min(d.per_rep(rival, f)))))


def share(d, process, subject):
    """Per cent of the multiply-add peak."""
    t = d.per_rep(process, subject)
    f = d.flops(process, subject)
    peaks = [d.flops("quell", "peak") / p for p in d.per_rep("quell", "peak")]
    paired = statistics.median(f / x / p for x, p in zip(t, peaks))
    return 100 * f / min(t) / d.peak(), 100 * paired


class Row:
    def __init__(self, figure, anchor, must, aim, value, unit="", lower=False, digits=2):
        """value returns the figure, or the figure and the median of the rounds'; or
        it raises Missing."""
        self.figure, self.anchor, self.must, self.aim = figure, anchor, must, aim
        self.unit, self.lower, self.digits = unit, lower, digits
        self.value = self.paired = None
        self.why = ""
        try:
            got = value()
            self.value, self.paired = got if isinstance(got, tuple) else (got, None)
            good = self.value <= must if lower else self.value >= must
            self.verdict = OK if good else MISSED
        except Missing as m:
            self.verdict, self.why = m.verdict, str(m)

    def format(self, v):
        if v is None:
            return ""
        if v and abs(v) < 1e-3:
            return f"{v:.1e}"
        return f"{v:.{self.digits}f}{self.unit}"

    def measured(self):
        if self.value is None:
            return self.verdict
        s = self.format(self.value)
        return s if self.paired is None else f"{s} ({self.format(self.paired)})"

    def target(self, v):
        return f"{'≤ ' if self.lower else ''}{v:g}{self.unit}" if not (0 < v < 1e-3) else f"≤ {v:.0e}"

    def json(self):
        return {k: getattr(self, k) for k in ("figure", "anchor", "must", "aim", "value", "paired", "unit", "verdict", "why")}


def rows(d):
    q = "quell"
    out = []
    add = lambda *a, **k: out.append(Row(*a, **k))
    per_cent = dict(unit=" %", digits=1)

    def in_tier(tier):
        """The process that ran a tier."""
        head = d.head(q)
        if tier == head["tier"]:
            return q
        if tier not in head["tiers"]:
            raise Missing(f"this build has no {tier} kernels for this CPU")
        return f"{q}-{tier}"

    def told(process, what, key):
        """A figure that a process told of itself."""
        if key not in d.head(process)[what]:
            raise Missing(f"{process} does not tell {what} of {key}")
        return d.head(process)[what][key]

    anchors = {"avx2": "95 % (prototype), archsimd 38", "avx512": "96 % (prototype), archsimd 13"}
    for tier, anchor in anchors.items():
        add(f"conv tile 252×32×96, {tier}", anchor, 85, 95, lambda t=tier: share(d, in_tier(t), "tile"), **per_cent)
    for m, must, aim, anchor in (("A", 75, 88, "ORT 37 %, ORT 2-D 58 %"), ("B", 80, 92, "ORT 57 %, ORT 2-D 76 %")):
        add(f"{m}, batch 1, share of FMA peak", anchor, must, aim, lambda m=m: share(d, q, f"{m}.b1"), **per_cent)
    for m, targets in (("A", ((2.0, 2.4), (1.3, 1.5), (1.7, 2.2))), ("B", ((1.4, 1.65), (1.0, 1.2), (1.0, 1.1)))):
        rivals = (("ORT 1-D", ("ort", f"{m}.1d.b1")), ("ORT 2-D", ("ort", f"{m}.2d.b1")), ("LiteRT", ("litert", f"{m}.b1")))
        for (name, rival), (must, aim) in zip(rivals, targets):
            add(f"{m} ÷ {name}", "1", must, aim, lambda m=m, r=rival: ratio(d, (q, f"{m}.b1"), r), unit=" ×")
    for m in "AB":
        add(f"{m}, batch 256 ÷ batch 1, per window", "ORT .5–.95", 0.95, 1.0,
            lambda m=m: ratio(d, (q, f"{m}.b256"), (q, f"{m}.b1"), 256))
    for m in "AB":
        add(f"{m}, int8 ÷ ORT int8", "1", 0.8, 1.2,
            lambda m=m: best_of(d, (q, f"{m}.int8.b1"), "ort", [f"{m}.int8_1d.b1", f"{m}.int8_2d.b1"]), unit=" ×")
    for hop, rerun, state in ((1, (80, 130), (25, 36)), (16, (14, 18), (5, 6))):
        ours = (q, f"B.stream.h{hop}")
        add(f"B streamed, hop {hop} ÷ ORT 2-D re-running the window", "1", *rerun, lambda o=ours: ratio(d, o, ("ort", "B.2d.b1")), unit=" ×", digits=1)
        add(f"B streamed, hop {hop} ÷ ORT graph with state", "1", *state, lambda o=ours, h=hop: ratio(d, o, ("ort", f"B.state.h{h}")), unit=" ×", digits=1)
    add("B, 16 streams in lock step, share of FMA peak", "75 % (C)", 55, 75, lambda: share(d, q, "B.lock16.h1"), **per_cent)
    for m, must, aim in (("A", 1.5, 2.0), ("B", 2.0, 2.5)):
        add(f"{m}, training step of 32 ÷ PyTorch, fused Adam, 1 thread", "1", must, aim,
            lambda m=m: ratio(d, (q, f"{m}.train.b32"), ("torch", f"{m}.train.b32")), unit=" ×")
    for m in "AB":
        add(f"{m}, training on 2 threads ÷ 1", "torch .98–1.25", 1.6, 1.8,
            lambda m=m: ratio(d, ("quell-2w", f"{m}.train.b32"), ("quell-1w", f"{m}.train.b32")), unit=" ×")
        if out[-1].verdict == MISSED and (busy := d.extra.get("busy", 0)) > 0.1:
            out[-1].why = f"others kept the second core busy, {100 * busy:.0f} % of the time just before"
    for what, subjects in (("inference", ("A.b1", "B.b1", "A.b256", "B.b256")), ("streamed sample", ("B.stream.h1", "B.stream.h16", "B.lock16.h1")),
                           ("training step", ("A.train.b32", "B.train.b32"))):
        add(f"allocations per {what}", "–", 0, 0, lambda s=subjects: max(told(q, "allocs", x) for x in s), lower=True, digits=0)

    def extra(key):
        if key not in d.extra:
            raise Missing(f"{key} was not measured")
        v = d.extra[key]
        if isinstance(v, str):
            raise Missing(v)
        return v

    mib = dict(unit=" MiB", lower=True, digits=1)
    add("resident memory with A and B loaded", "LiteRT 37, ORT 56, torch 530", 20, 12, lambda: extra("memory.quell") / 2**20, **mib)
    add("state per extra stream of B", "17 KiB minimum", 64, 24, lambda: d.head(q)["state_bytes"] / 1024, unit=" KiB", lower=True, digits=1)
    add("stripped binary", "Telegraf 30, eKuiper 28", 30, 20, lambda: extra("binary") / 1e6, unit=" MB", lower=True, digits=1)
    for m in "AB":
        add(f"pure-Go fallback, {m}, batch 1, share of FMA peak", "gomlx .2 %", 3.5, 5, lambda m=m: share(d, in_tier("generic"), f"{m}.b1"), **per_cent)
    tiers = d.heads[q]["tiers"] if q in d.heads else ["every tier"]
    for tier in tiers:
        for m, anchor in (("A", "ORT 3e-07"), ("B", "ORT 6e-06")):
            for how in ("whole", "streamed"):
                add(f"largest error of {m} against float64, {how}, {tier}", anchor, LIMIT, LIMIT,
                    lambda t=tier, m=m, h=how: told(in_tier(t), "errors", f"{m}.{h}"), lower=True, digits=7)
    return out


def aligned(table):
    widths = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in table)


def table(rows):
    head = ["figure", "anchor", "must", "aim", "measured (median)", "verdict"]
    body = [[r.figure, r.anchor, r.target(r.must), r.target(r.aim), r.measured(), r.verdict + (": " + r.why if r.why else "")] for r in rows]
    return aligned([head] + body)


# The work of a rival's repetition, which it does not tell: (FLOPs, windows, samples or steps).
WORK = {"A": 2_064_384, "B": 9_568_256}
COLUMN = 37_376


def work(subject):
    model, *form = subject.split(".")
    last = form[-1]
    if last.startswith("h"):
        return COLUMN * int(last[1:]), int(last[1:])
    n = int(last[1:])
    if "train" in form:
        return 3 * WORK[model] * n, n
    return WORK[model] * n, n


def subjects(d):
    """All that was timed: best and median, rate, share of the peak."""
    out = [["subject", "best µs", "median µs", "per second", "GFLOP/s", "% peak"]]
    try:
        peak = d.peak()
    except Missing:
        peak = None
    for process, subjects in d.runs.items():
        for name in subjects:
            t = d.per_rep(process, name)
            told = d.heads[process]["subjects"].get(name) or {}
            flops, count = (told["flops"], told["count"]) if told else work(name)
            best, median = min(t), statistics.median(t)
            rate = flops / best
            shown = "n/a" if peak is None or "int8" in name else f"{100 * rate / peak:.1f}"
            out.append([f"{process} {name}", f"{best / 1e3:.2f}", f"{median / 1e3:.2f}", f"{count * 1e9 / best:,.0f}", f"{rate:.1f}", shown])
    return aligned(out)


def int8(d):
    """How far the outputs of int8 networks are from the golden ones."""
    told = []
    for process, head in d.heads.items():
        for key, error in head.get("errors", {}).items():
            if "int8" in key:
                told.append(f"{process} {key} {100 * error:.2f} %")
    return "int8, RMS of the error ÷ RMS of the output: " + (", ".join(told) or "not measured")


BEGIN, END = "<!-- perf:begin -->", "<!-- perf:end -->"


def markdown(rows, about, command):
    """The figures for readers: without targets, and the errors as the largest of them."""
    lines = [f"`{command}`: {about}. A is a strided autoencoder of 15,332 weights, B a dilated residual network of 18,916, both over",
             "256 samples of 4 channels; N × means N times as fast.", "", "| figure | measured |", "|---|---|"]
    errors = [r for r in rows if r.figure.startswith("largest error") and r.value is not None]
    for r in rows:
        if not r.figure.startswith("largest error"):
            lines.append(f"| {r.figure} | {r.format(r.value) or r.verdict} |")
    if errors:
        worst = max(errors, key=lambda r: r.value)
        lines.append(f"| largest error against float64 on any kernels, whole or streamed | {worst.format(worst.value)} of the output's peak |")
    return "\n".join(lines)


def insert(text, table):
    """Puts the table between the markers of a document."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the document needs one {BEGIN} and after it one {END}")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1]
