"""Times Quell beside ONNX Runtime, LiteRT and PyTorch, and prints every figure of the
targets. `make compare` builds and installs what it needs.

Each subject lives in a process of its own (serve.py tells how they talk). All of them
are pinned to one core, and in each round every subject is timed once for a few
milliseconds, the multiply-add peak among them. Training on two threads is compared
with one on two cores, in rounds of its own.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import report

HERE = pathlib.Path(__file__).parent
PER_TIER = "tile,A.b1,B.b1"
TRAINING = "A.train.b32,B.train.b32"
TWO_CORES_MS = 40  # a second core takes a while to wake up


class Process:
    """A server, pinned to cores."""

    def __init__(self, name, command, cores, env=None):
        self.name, self.log = name, tempfile.TemporaryFile("w+")
        settings = {**os.environ, "OMP_NUM_THREADS": str(len(cores)), "CUDA_VISIBLE_DEVICES": "", **(env or {})}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=HERE,
                                        env=settings, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.log.seek(0)
            said = [l for l in self.log.read().strip().splitlines() if l.strip()]
            raise RuntimeError(said[-1] if said else f"ended with code {self.process.returncode}")
        self.head = json.loads(line)
        self.reps = {}

    def time(self, subject, reps):
        self.process.stdin.write(f"{subject} {reps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("!"):
            raise RuntimeError(f"{self.name}: {subject}: {answer or 'no answer'}")
        return int(answer)

    def calibrate(self, slice_ns):
        """Finds how many repetitions fill a slice."""
        for subject in self.head["subjects"]:
            self.time(subject, 1)
            reps = 1
            while (t := self.time(subject, reps)) < slice_ns / 2 and reps < 1 << 24:
                reps *= 2
            self.reps[subject] = max(1, round(reps * slice_ns / max(t, 1)))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def measure(processes, rounds, slice_ns, tell):
    """Rounds over all subjects of all processes, in another order each time."""
    for p in processes:
        tell(f"calibrating {p.name}")
        p.calibrate(slice_ns)
    plan = [(p, s) for p in processes for s in p.reps]
    samples = {p.name: {s: {"reps": n, "ns": []} for s, n in p.reps.items()} for p in processes}
    for r in range(rounds):
        tell(f"round {r + 1} of {rounds}, {len(plan)} subjects")
        at = r * 7 % len(plan)
        for p, s in plan[at:] + plan[:at]:
            samples[p.name][s]["ns"].append(p.time(s, p.reps[s]))
    return samples


def run(args, tell):
    cores = sorted(os.sched_getaffinity(0))
    core = args.core if args.core is not None else cores[-1]
    py = sys.executable
    server = [args.server, "-golden", args.golden]
    heads, runs, dead, extra, started = {}, {}, {}, {}, []

    def start(name, command, on, env=None):
        tell(f"starting {name}")
        try:
            p = Process(name, command, on, env)
        except (RuntimeError, OSError, ValueError) as e:
            dead[name] = (str(e), report.NA)
            return None
        started.append(p)
        heads[name] = p.head
        return p

    def together(processes, slice_ms):
        processes = [p for p in processes if p]
        if processes:
            runs.update(measure(processes, args.rounds, slice_ms * 1_000_000, tell))
        for p in processes:
            started.remove(p)
            p.close()

    try:
        quell = start("quell", server, {core})
        if quell is None:
            raise SystemExit(f"drive.py: {args.server}: {dead['quell'][0]}")
        group = [quell]
        for tier in quell.head["tiers"]:
            if tier != quell.head["tier"]:
                group.append(start(f"quell-{tier}", [*server, "-only", PER_TIER], {core}, {"QUELL_KERNEL": tier}))
        for rival in ("ort", "litert", "torch"):
            group.append(start(rival, [py, f"rival_{rival}.py", args.golden], {core}))
        before = ticks(cores, core)
        together(group, args.slice_ms)
        if before:
            idle, total = (b - a for a, b in zip(before, ticks(cores, core)))
            extra["busy"] = 1 - idle / max(total, 1)
        if len(cores) < 2:
            for name in ("quell-1w", "quell-2w"):
                dead[name] = ("this needs two cores", report.NA)
        else:
            pair = set(([core] + [c for c in cores if c != core])[:2])
            ours = [start(f"quell-{n}w", [*server, "-only", TRAINING, "-workers", str(n)], pair) for n in (1, 2)]
            together(ours, max(args.slice_ms, TWO_CORES_MS))
    finally:
        for p in started:
            p.process.kill()
            p.process.wait()
    memory = {"quell": [*server, "-memory"]}
    memory.update({r: [py, f"rival_{r}.py", args.golden, "--memory"] for r in ("ort", "litert", "torch")})
    for name, command in memory.items():
        tell(f"memory of {name}")
        done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
        words = done.stdout.split()
        extra[f"memory.{name}"] = int(words[-1]) if done.returncode == 0 and words else f"{name} could not be started"
    if args.quell and os.path.exists(args.quell):
        extra["binary"] = os.path.getsize(args.quell)
    return {"date": time.strftime("%Y-%m-%d"), "cpu": cpu(), "core": core, "rounds": args.rounds, "slice_ms": args.slice_ms,
            "heads": heads, "dead": dead, "extra": extra, "samples": runs}


def ticks(cores, core):
    """Idle and all ticks so far of the core that training on two cores takes as well."""
    others = [c for c in cores if c != core]
    if not others:
        return None
    with open("/proc/stat") as f:
        for line in f:
            name, *counts = line.split()
            if name == f"cpu{others[0]}":
                counts = [int(c) for c in counts[:8]]
                return counts[3] + counts[4], sum(counts)
    return None


def cpu():
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def about(result):
    head = result["heads"]["quell"]
    rivals = ", ".join(h["version"] for n, h in result["heads"].items() if not n.startswith("quell"))
    return (f"{result['cpu']}, kernel {head['tier']}, {head['version'].split(', ')[-1]}, one pinned core, "
            f"best of {result['rounds']} interleaved rounds, beside {rivals or 'nobody'}; {result['date']}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", help="folder of the golden networks")
    p.add_argument("--server", help="Quell's server, built from bench/compare/server")
    p.add_argument("--quell", help="the stripped binary, to be weighed")
    p.add_argument("--rounds", type=int, default=60)
    p.add_argument("--slice-ms", type=int, default=8)
    p.add_argument("--core", type=int, help="core to pin to; default: the last one")
    p.add_argument("--out", help="file for all samples and rows, as JSON")
    p.add_argument("--from", dest="source", help="report on such a file instead of measuring")
    p.add_argument("--markdown", help="document whose table, between its two markers, is written anew")
    args = p.parse_args()
    live = sys.stderr.isatty()
    tell = lambda what: print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True) if live else None
    if args.source:
        result = json.loads(pathlib.Path(args.source).read_text())
    else:
        if not args.golden or not args.server:
            p.error("--golden and --server are needed to measure")
        if args.rounds < 1 or args.slice_ms < 1:
            p.error("--rounds and --slice-ms must be positive")
        args.golden, args.server = os.path.abspath(args.golden), os.path.abspath(args.server)
        if not os.path.isdir(args.golden):
            raise SystemExit(f"drive.py: no data: there is no folder {args.golden}")
        result = run(args, tell)
        tell("")
    d = report.Data(result["samples"], result["heads"], {k: tuple(v) for k, v in result["dead"].items()}, result["extra"])
    rows = report.rows(d)
    result["rows"] = [r.json() for r in rows]
    print(about(result))
    if "busy" in result["extra"]:
        print(f"others kept the next core busy for {100 * result['extra']['busy']:.0f} % of the time")
    print()
    print(report.subjects(d), end="\n\n")
    rss = {k.removeprefix("memory."): v for k, v in result["extra"].items() if k.startswith("memory.")}
    print("resident MiB:", ", ".join(f"{k} {v / 2**20:.1f}" if isinstance(v, int) else v for k, v in rss.items()), end="\n\n")
    print(report.int8(d), end="\n\n")
    print(report.table(rows))
    if args.out and not args.source:
        pathlib.Path(args.out).write_text(json.dumps(result) + "\n")
    if args.markdown:
        doc = pathlib.Path(args.markdown)
        doc.write_text(report.insert(doc.read_text(), report.markdown(rows, about(result), "make perf-table")))


if __name__ == "__main__":
    main()
