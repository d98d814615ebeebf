"""LiteRT (TensorFlow Lite) with XNNPACK on one thread.

    rival_litert.py GOLDEN [--memory]
"""

import importlib.metadata
import pathlib
import subprocess
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import golden
from serve import memory, serve


def interpreter(content):
    i = Interpreter(model_content=content, num_threads=1)  # XNNPACK is applied by default
    i.allocate_tensors()
    return i


def exported(folder, model):
    """The model as a file has it. It is made elsewhere: writing takes more memory than running."""
    script = pathlib.Path(__file__).with_name("tflite.py")
    return subprocess.run([sys.executable, str(script), folder, model], check=True, capture_output=True).stdout


def main(folder, only_memory):
    x = golden.inputs(folder)
    subjects, errors = {}, {}
    for m, back in (("A", True), ("B", False)):
        i = interpreter(exported(folder, m))
        turn = (lambda v: v[:, ::-1]) if back else (lambda v: v)
        into, out = i.get_input_details()[0]["index"], i.get_output_details()[0]["index"]
        got = []
        for window in x:
            i.set_tensor(into, np.ascontiguousarray(turn(window).T)[None, None])
            i.invoke()
            got.append(turn(i.get_tensor(out)[0, 0].T))
        errors[m] = golden.check(m, got, golden.outputs(folder, m))

        def run(reps, invoke=i.invoke):
            for _ in range(reps):
                invoke()

        subjects[f"{m}.b1"] = run
    if only_memory:
        print(memory())
        return
    serve("litert", "LiteRT " + importlib.metadata.version("ai-edge-litert"), subjects, errors)


if __name__ == "__main__":
    main(sys.argv[1], "--memory" in sys.argv[2:])
