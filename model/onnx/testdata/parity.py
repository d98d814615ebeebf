"""Checks the models of a folder, as written by TestParity, against ONNX Runtime.

    python parity.py FOLDER

Each NAME.onnx has beside it NAME.json, {"x": shape, "y": shape}, and NAME.x and
NAME.y, the input and what Quell makes of it, [N,C,T] as little-endian float32.
Prints one line for each: its name and the largest error over the peak, or 1 if
that is less.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    onnx.checker.check_model(str(path), full_check=True)
    shapes = json.loads(path.with_suffix(".json").read_text())
    x = np.fromfile(path.with_suffix(".x"), "<f4").reshape(shapes["x"])
    want = np.fromfile(path.with_suffix(".y"), "<f4").reshape(shapes["y"])
    got = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["y"], {"x": x})[0]
    if got.shape != want.shape:
        sys.exit(f"{path.name}: ONNX Runtime makes {got.shape}, Quell {want.shape}")
    print(path.stem, np.abs(got - want).max() / max(1.0, np.abs(want).max()))
