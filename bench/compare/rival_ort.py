"""ONNX Runtime on one thread: the golden networks as they are (1-D), as Conv2d with
H=1 (its fastest form), quantised, and with explicit state.

    rival_ort.py GOLDEN [--memory]
"""

import pathlib
import sys

import numpy as np
import onnxruntime as ort

import golden
from serve import memory, serve

BATCHES = (1, 256)


def session(path):
    o = ort.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    o.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    o.add_session_config_entry("session.intra_op.allow_spinning", "0")
    o.log_severity_level = 3
    return ort.InferenceSession(str(path), o, providers=["CPUExecutionProvider"])


def bound(s, x):
    """A runner whose input and output are bound once: no copies between calls."""
    y = np.zeros([x.shape[0], *s.get_outputs()[0].shape[1:]], np.float32)
    b = s.io_binding()
    b.bind_ortvalue_input(s.get_inputs()[0].name, ort.OrtValue.ortvalue_from_numpy(x))
    value = ort.OrtValue.ortvalue_from_numpy(y)
    b.bind_ortvalue_output(s.get_outputs()[0].name, value)

    def run(reps, call=s.run_with_iobinding, b=b):
        for _ in range(reps):
            call(b)

    run.output = lambda: value.numpy()
    return run


def windows(x, n):
    return np.ascontiguousarray(np.resize(x, (n, *x.shape[1:])))


def stateful(s):
    """A runner that feeds the state of one call into the next, without copies."""
    ins, outs = s.get_inputs(), s.get_outputs()
    hop = ins[0].shape[2]
    x = ort.OrtValue.ortvalue_from_numpy(np.zeros(ins[0].shape, np.float32))
    y = ort.OrtValue.ortvalue_from_numpy(np.zeros(outs[0].shape, np.float32))
    sides = [[ort.OrtValue.ortvalue_from_numpy(np.zeros(i.shape, np.float32)) for i in ins[1:]] for _ in range(2)]
    bindings = []
    for k in range(2):
        b = s.io_binding()
        b.bind_ortvalue_input(ins[0].name, x)
        b.bind_ortvalue_output(outs[0].name, y)
        for i, v in zip(ins[1:], sides[k]):
            b.bind_ortvalue_input(i.name, v)
        for o, v in zip(outs[1:], sides[1 - k]):
            b.bind_ortvalue_output(o.name, v)
        bindings.append(b)
    turn = [0]

    def run(reps, call=s.run_with_iobinding, a=bindings[0], b=bindings[1]):
        n = reps
        if turn[0] == 1 and n:
            call(b)
            n -= 1
        for _ in range(n // 2):
            call(a)
            call(b)
        if n % 2:
            call(a)
        turn[0] = (turn[0] + reps) % 2

    def step(column):
        x.update_inplace(np.ascontiguousarray(column))
        run(1)
        return y.numpy().copy()

    return run, step, hop


def check_stateful(step, hop, x, want):
    """State of zeros is not padding: the first 126 outputs are warm-up, and the
    output of a column comes 63 columns later."""
    y = np.concatenate([step(x[None, :, t : t + hop]) for t in range(0, golden.WINDOW, hop)], axis=2)[0]
    return golden.check(f"B with state, hop {hop}", y[:, 126:], want[:, 63 : golden.WINDOW - 63])


def main(folder, only_memory):
    folder = pathlib.Path(folder)
    x = golden.inputs(folder)
    if only_memory:
        for m in "AB":
            bound(session(folder / f"{m}_2d.onnx"), x[:1, :, None, :].copy())(10)
        print(memory())
        return
    subjects, errors = {}, {}
    for m in "AB":
        want = golden.outputs(folder, m)
        for form, file in (("1d", f"{m}.onnx"), ("2d", f"{m}_2d.onnx"), ("int8_1d", f"{m}_int8.onnx"), ("int8_2d", f"{m}_2d_int8.onnx")):
            s = session(folder / file)
            xs = x[:, :, None, :] if "2d" in form else x
            exact = bound(s, windows(xs, len(xs)))
            exact(1)
            got = exact.output().reshape(want.shape)
            name = f"{m}.{form}"
            # The noise of quantisation is a matter of accuracy, not of a broken export.
            errors[name] = golden.nrmse(got, want) if "int8" in form else golden.check(name, got, want)
            for n in BATCHES[:1] if "int8" in form else BATCHES:
                subjects[f"{name}.b{n}"] = bound(s, windows(xs, n))
    want = golden.outputs(folder, "B")[0]
    for hop in (1, 16):
        run, step, h = stateful(session(folder / f"B_stream_h{hop}.onnx"))
        errors[f"B.state.h{hop}"] = check_stateful(step, h, x[0], want)
        subjects[f"B.state.h{hop}"] = run
    serve("ort", f"ONNX Runtime {ort.__version__}", subjects, errors)


if __name__ == "__main__":
    main(sys.argv[1], "--memory" in sys.argv[2:])
