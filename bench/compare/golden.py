"""The golden networks: weights, inputs, and outputs in float64."""

import json
import pathlib
import struct

import numpy as np

WINDOW = 256
LIMIT = 1e-5  # of max(1, peak of the output)


def tensors(folder, model):
    """The weights of A or B by name, from X.safetensors."""
    raw = (pathlib.Path(folder) / f"{model}.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    data = raw[8 + size :]
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        if t["dtype"] != "F32":
            raise ValueError(f"{model}.safetensors: {name} is {t['dtype']}, want F32")
        a, b = t["data_offsets"]
        out[name] = np.frombuffer(data[a:b], "<f4").reshape(t["shape"]).copy()
    return out


def inputs(folder):
    """x, [N,4,256] float32."""
    return np.load(pathlib.Path(folder) / "x.npy")


def outputs(folder, model):
    """y, [N,4,256] float64."""
    return np.load(pathlib.Path(folder) / f"y_{model}.npy")


def error(got, want):
    """The largest error, as a share of max(1, peak of want)."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        raise ValueError(f"shape {got.shape}, want {want.shape}")
    return float(np.abs(got - want).max() / max(1.0, np.abs(want).max()))


def nrmse(got, want):
    """The root mean square of the error, as a share of that of want."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return float(np.sqrt(np.mean((got - want) ** 2) / np.mean(want**2)))


def check(what, got, want, limit=LIMIT):
    """Returns the error, or raises: a fast wrong answer is no rival."""
    e = error(got, want)
    if not e <= limit:
        raise ValueError(f"{what}: off by {e:.2g} of the peak, {limit:.0e} is allowed")
    return e
