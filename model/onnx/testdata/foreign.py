"""Makes testdata/foreign: small graphs in the forms that exporters write, with
an input and what ONNX Runtime computes, and graphs that are to be refused.

    python foreign.py foreign

Made with onnx 1.23.2 and onnxruntime 1.32.0. Weights come from a fixed seed.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as TP
from onnx import helper as h
from onnx import numpy_helper as nh

rng = np.random.default_rng(7)
OUT = pathlib.Path(sys.argv[1])
CASES = []
BIG = 2**63 - 1


def w(*shape, dtype=np.float32):
    return (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(dtype)


def i64(*v):
    return np.array(v, dtype=np.int64)


def f32(v):
    return np.array(v, dtype=np.float32)


class G:
    """A graph under construction: each call adds a node and returns its output."""

    def __init__(self, shape, opset=17, out_rank=None, ir=8):
        self.nodes, self.inits, self.extra_inputs = [], [], []
        self.shape, self.opset, self.ir = shape, opset, ir
        self.out_rank = out_rank or len(shape)

    def const(self, a):
        if isinstance(a, str):
            return a
        if not isinstance(a, onnx.TensorProto):
            a = nh.from_array(np.asarray(a))
        a.name = a.name or f"c{len(self.inits)}"
        self.inits.append(a)
        return a.name

    def __call__(self, op, *args, outs=1, domain="", **attrs):
        out = [f"v{len(self.nodes)}" + (f"_{k}" if k else "") for k in range(outs)]
        args = ["" if a is None else self.const(a) for a in args]
        self.nodes.append(h.make_node(op, args, out, name=f"{op}_{len(self.nodes)}", domain=domain, **attrs))
        return out[0]

    def model(self, y):
        dims = [d if d else f"d{k}" for k, d in enumerate(self.shape)]
        x = h.make_tensor_value_info("x", TP.FLOAT, dims)
        out = h.make_tensor_value_info(y, TP.FLOAT, [f"o{k}" for k in range(self.out_rank)])
        g = h.make_graph(self.nodes, "g", [x] + self.extra_inputs, [out], self.inits)
        return h.make_model(g, ir_version=self.ir, opset_imports=[h.make_opsetid("", self.opset)])


def short(a):
    """The values as the shortest decimals that give the same float32."""
    return [float(f"{v:.9g}") for v in a.ravel()]


def save(name, model, **case):
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (OUT / f"{name}.onnx").write_bytes(data)
    CASES.append({"name": name, **case})


def good(name, g, y, batch=1, t=32, layers=None, check=True):
    """A graph that is read: its input and ONNX Runtime's output, flat."""
    m = g.model(y)
    if check:
        onnx.checker.check_model(m, full_check=True) if g.ir > 3 else None
    shape = [batch if k == 0 else d or t for k, d in enumerate(g.shape)]
    x = rng.standard_normal(shape).astype(np.float32)
    out = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    save(name, m, shape=shape, x=short(x), y=short(out),
         out=list(out.shape), layers=layers)


def bad(name, g, y, *want):
    save(name, g.model(y) if isinstance(g, G) else g, refused=list(want))


# --- convolutions and what stands around them
def conv_2d(opset):
    g = G([None, 3, None], opset)
    ax = [i64(2)] if opset >= 13 else []
    at = {} if opset >= 13 else {"axes": [2]}
    x = g("Unsqueeze", "x", *ax, **at)
    x = g("Conv", x, w(5, 3, 1, 3), w(5), pads=[0, 1, 0, 1], kernel_shape=[1, 3])
    x = g("Relu", g("Squeeze", x, *ax, **at))
    return g, x


for opset in (9, 11, 13, 22):
    good(f"conv_unsqueezed_{opset}", *conv_2d(opset), layers="conv relu")

g = G([None, 3, 1, None])
x = g("Conv", "x", w(4, 3, 3, 5), w(4), pads=[1, 2, 1, 2])
x = g("ConvTranspose", g("Relu", x), w(4, 2, 3, 4), w(2), pads=[1, 1, 1, 1], strides=[1, 2])
good("conv_3x5", g, x, layers="conv relu convt")

g = G([None, 3, None, 1])
x = g("Conv", "x", w(4, 3, 5, 1), w(4), pads=[2, 0, 2, 0], strides=[2, 1])
x = g("ConvTranspose", x, w(4, 3, 5, 1), pads=[2, 0, 2, 0], strides=[2, 1], output_padding=[1, 0])
good("conv_5x1", g, x, layers="conv convt")

g = G([None, 4, None])
x = g("Conv", "x", w(8, 1, 3), w(8), group=4, pads=[1, 1])
x = g("Conv", x, w(6, 4, 3), w(6), group=2, pads=[2, 2], dilations=[2])
x = g("ConvTranspose", x, w(6, 2, 4), w(4), group=2, strides=[2], pads=[1, 1])
good("grouped", g, x, layers="conv conv convt")

for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    g = G([None, 2, 33])
    x = g("Conv", "x", w(3, 2, 4), w(3), auto_pad=mode)
    x = g("Conv", x, w(3, 3, 4), w(3), auto_pad=mode, strides=[3])
    x = g("ConvTranspose", x, w(3, 2, 4), w(2), auto_pad=mode, strides=[3])
    good(f"auto_pad_{mode.lower()}", g, x, layers="conv conv convt")

g = G([None, 2, 16])
x = g("ConvTranspose", "x", w(2, 3, 5), w(3), strides=[2], output_shape=[32])
good("output_shape", g, x, layers="convt")

g = G([None, 2, None])
x = g("Pad", "x", i64(0, 0, 4, 0, 0, 0))
x = g("Conv", x, w(3, 2, 3), w(3), dilations=[2])
x = g("Pad", g("Relu", x), i64(0, 0, 3, 0, 0, 1), f32(0), mode="constant")
x = g("Conv", x, w(3, 3, 3), w(3), pads=[0, 1], strides=[2])
good("causal_pad", g, x, layers="conv relu conv")

g = G([None, 2, None], 10)
x = g("Conv", g("Pad", "x", pads=[0, 0, 4, 0, 0, 0], mode="constant", value=0.0), w(3, 2, 5), w(3))
good("causal_pad_10", g, x, layers="conv")

g = G([None, 2, None], 18)
x = g("Conv", g("Pad", "x", i64(4, 0), None, i64(-1)), w(3, 2, 5), w(3))
good("causal_pad_18", g, x, layers="conv")

# As PyTorch's tracing exporter writes F.pad: the list of pads is turned over by
# nodes. (0,0,…) behind, Reshape to pairs, reversed, transposed.
g = G([None, 2, None])
zeros = g("ConstantOfShape", i64(4), value=h.make_tensor("v", TP.INT64, [1], [0]))
pads = g("Concat", i64(4, 0), zeros, axis=0)
pads = g("Slice", g("Reshape", pads, i64(-1, 2)), i64(-1), i64(-BIG), i64(0), i64(-1))
pads = g("Cast", g("Reshape", g("Transpose", pads, perm=[1, 0]), i64(-1)), to=TP.INT64)
x = g("Conv", g("Pad", "x", pads, f32(0), mode="constant"), w(3, 2, 5), w(3))
good("causal_pad_traced", g, x, layers="conv")


def block(g, x, c, d, ends, relu_first=False):
    y = g("Conv", x, w(c, c, 3), w(c), pads=[2 * d, 2 * d], dilations=[d])
    if relu_first:
        y = g("Relu", y)
    y = g("Slice", y, i64(0), ends(y, 2 * d), i64(2), i64(1))
    if not relu_first:
        y = g("Relu", y)
    y = g("Dropout", y)
    return g("Relu", g("Add", g("Conv", y, w(c, c, 1), w(c)), x))


g = G([None, 3, None])
x = block(g, block(g, "x", 3, 1, lambda y, p: i64(-p)), 3, 2, lambda y, p: i64(-p), True)
good("chomp", g, x, layers="residual relu residual relu")

g = G([None, 3, 40])
x = block(g, "x", 3, 2, lambda y, p: i64(40))
good("chomp_fixed", g, x, layers="residual relu")


def dynamic(y, p):
    n = g("Gather", g("Shape", y), np.array(2, dtype=np.int64), axis=0)
    n = g("Sub", n, np.array(p, dtype=np.int64))
    return g("Unsqueeze", n, i64(0))


g = G([None, 3, None])
good("chomp_dynamic", g, block(g, "x", 3, 1, dynamic), layers="residual relu")

g = G([None, 2, None])
x = g("ConvTranspose", "x", w(2, 3, 6), w(3), strides=[2])
x = g("Slice", x, i64(2), i64(BIG), i64(-1))
x = g("Slice", x, i64(0), i64(-2), i64(2))
x = g("Conv", x, w(2, 3, 4), w(2), pads=[4, 3], strides=[2])
x = g("Slice", x, i64(2), i64(-1), i64(2))
good("crop", g, x, layers="convt conv")

# --- normalisation, constants
def bn(g, x, c, **attrs):
    return g("BatchNormalization", x, w(c), w(c), w(c), np.abs(w(c)) + f32(0.5), **attrs)


g = G([None, 3, None])
x = bn(g, "x", 3)
x = bn(g, g("Conv", x, w(4, 3, 3), w(4), pads=[1, 1]), 4, epsilon=1e-3)
x = bn(g, g("Relu", x), 4)
x = bn(g, g("ConvTranspose", x, w(4, 2, 3), pads=[1, 1]), 2)
good("batchnorm", g, x, layers="conv conv relu conv convt")

g = G([None, 3, None], 13)
x = g("Mul", "x", f32([[2.0], [0.5], [-1.0]]))
x = g("Add", g("Conv", x, w(4, 3, 3), pads=[1, 1]), w(1, 4, 1))
x = g("Sub", g("Mul", x, f32(0.5)), w(4, 1))
x = g("Div", g("Neg", x), f32([4.0]))
x = g("Sub", f32(1), g("Tanh", x))
x = g("Conv", x, w(3, 4, 3), w(3), pads=[1, 1])
good("constants", g, x, layers="conv conv tanh conv conv")

g = G([None, 3, None])
f = g("Conv", g("Sigmoid", g("Conv", "x", w(4, 3, 3), w(4), pads=[1, 1])), w(3, 4, 1), w(3))
good("subtracted", g, g("Sub", "x", f), layers="residual")

g = G([None, 3, None])
c = g("Conv", "x", w(3, 3, 1), w(3))
r = g("Relu", c)
a = g("Sum", c, g("Add", r, g("Conv", r, w(3, 3, 3), pads=[1, 1])))
good("nested", g, g("Add", a, a), layers="conv residual conv")

for name, dt in (("float16", np.float16), ("double", np.float64)):
    g = G([None, 3, None], 13)
    k = g("Cast", w(4, 3, 3, dtype=dt), to=TP.FLOAT)
    b = g("Cast", h.make_tensor("typed", nh.from_array(np.zeros(1, dt)).data_type, [4], w(4)), to=TP.FLOAT)
    good(name, g, g("Conv", "x", k, b, pads=[1, 1]), layers="conv")

g = G([None, 3, None], 13)
raw = (w(4, 3, 3).view(np.uint32) >> 16).astype(np.uint16).tobytes()
k = h.make_tensor("brain", TP.BFLOAT16, [4, 3, 3], raw, raw=True)
b = h.make_tensor("brain_typed", TP.BFLOAT16, [4], [float(v) for v in f32([1, -0.5, 0.25, 3])])
good("bfloat16", g, g("Conv", "x", g("Cast", k, to=TP.FLOAT), g("Cast", b, to=TP.FLOAT)), layers="conv")

g = G([None, 2, None], 9, ir=3)  # initializers among the inputs
x = g("Conv", "x", w(2, 2, 3), w(2), pads=[1, 1])
k = g("Constant", value=h.make_tensor("two", TP.FLOAT, [1], [2.0]))
x = g("Identity", g("Mul", k, g("Relu", x)))
g.extra_inputs = [h.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in g.inits]
good("old", g, x, layers="conv relu conv")

# --- GELU
S = f32(np.sqrt(2))


def gelu_torch(g, x):
    e = g("Add", g("Erf", g("Div", x, S)), f32(1))
    return g("Mul", g("Mul", x, e), f32(0.5))


def gelu_half_first(g, x):
    return g("Mul", g("Mul", x, f32(0.5)), g("Add", f32(1), g("Erf", g("Mul", f32([np.sqrt(0.5)]), x))))


def gelu_cdf(g, x):
    return g("Mul", g("Mul", f32(0.5), g("Add", g("Erf", g("Div", x, S)), f32(1))), x)


def gelu_sum_of_halves(g, x):
    return g("Mul", x, g("Add", g("Mul", g("Erf", g("Div", x, g("Constant", value_float=1.4142135))), f32(0.5)), f32(0.5)))


def gelu_div(g, x):
    return g("Div", g("Mul", g("Add", g("Erf", g("Div", x, S)), f32(1)), x), f32(2))


for fn in (gelu_torch, gelu_half_first, gelu_cdf, gelu_sum_of_halves, gelu_div):
    g = G([None, 2, None])
    x = fn(g, g("Conv", "x", w(4, 2, 3), w(4), pads=[1, 1]))
    x = g("Add", x, fn(g, g("Conv", x, w(4, 4, 1), w(4))))
    good(fn.__name__, g, x, layers="conv gelu residual")
g = G([None, 2, None], 20)
good("gelu_20", g, g("Gelu", g("Gelu", "x", approximate="none")), layers="gelu gelu")

# --- dense layers
g = G([None, 2, 8])
x = g("Relu", g("Conv", "x", w(3, 2, 3), w(3), strides=[2], pads=[1, 1]))
x = g("Relu", g("Gemm", g("Flatten", x), w(5, 12), w(5), transB=1))
x = g("Gemm", x, w(5, 12), w(1, 12), alpha=0.5, beta=2.0)
x = g("ConvTranspose", g("Relu", g("Reshape", x, i64(-1, 3, 4))), w(3, 2, 4), w(2), strides=[2], pads=[1, 1])
good("autoencoder", g, x, batch=2, layers="conv relu dense relu dense relu convt")

g = G([None, 2, 8])
x = g("Reshape", g("Gemm", g("Flatten", "x"), w(12, 16), w(12), transB=1), i64(-1, 3, 4))
x = bn(g, g("Mul", g("Add", x, w(3, 1)), w(1, 3, 1)), 3)
x = g("Reshape", g("MatMul", g("Flatten", g("Relu", x)), w(12, 16)), i64(0, 8, 2))
x = g("Transpose", g("Add", x, w(2)), perm=[0, 2, 1])
good("dense_per_channel", g, x, batch=2, layers="dense relu dense")

g = G([None, 2, 8])
n = g("Unsqueeze", g("Gather", g("Shape", "x"), np.array(0, dtype=np.int64)), i64(0))
x = g("Reshape", "x", g("Concat", n, i64(-1), axis=0))
x = g("Add", g("MatMul", x, w(16, 6)), w(6))
x = bn(g, x, 6)
x = g("Add", x, g("Tanh", g("MatMul", x, w(6, 6))))
x = g("Reshape", g("MatMul", x, w(6, 16)), g("Concat", n, i64(2), i64(8), axis=0))
good("matmul", g, x, batch=3, layers="dense residual dense")

g = G([None, 12])
x = g("Gemm", g("Relu", g("Gemm", "x", w(4, 12), w(4), transB=1)), w(12, 4), w(12), transB=1)
good("flat", g, x, batch=2, layers="dense relu dense")

g = G([None, 12])
x = g("Conv", g("Unsqueeze", "x", i64(1)), w(3, 1, 3), w(3), pads=[1, 1])
x = g("Squeeze", g("Conv", g("Relu", x), w(1, 3, 3), w(1), pads=[1, 1]), i64(1))
good("one_channel", g, x, batch=2, layers="conv relu conv")

# --- channels last, as Keras and channels-last layers are exported
g = G([None, 10, 3])
x = g("Transpose", "x", perm=[0, 2, 1])
x = g("Conv", x, w(4, 3, 3), w(4), pads=[1, 1])
x = g("Transpose", g("Relu", x), perm=[0, 2, 1])
x = g("Add", g("MatMul", x, w(4, 3)), w(3))
good("channels_last", g, x, batch=2, layers="conv relu conv")

g = G([None, 3, 6])
x = g("Transpose", "x", perm=[0, 2, 1])
x = g("Gemm", g("Flatten", x), w(5, 18), w(5), transB=1)
x = g("Reshape", g("Gemm", g("Relu", x), w(18, 5), w(18), transB=1), i64(-1, 6, 3))
x = g("Conv", g("Transpose", x, perm=[0, 2, 1]), w(3, 3, 3), w(3), pads=[1, 1])
good("channels_last_dense", g, x, batch=2, layers="dense relu dense conv")

g = G([None, 4, None])
y = g("Conv", "x", w(4, 1, 7), w(4), group=4, pads=[3, 3])
y = g("Transpose", y, perm=[0, 2, 1])
y = g("Add", g("MatMul", y, w(4, 8)), w(8))
y = g("Add", g("MatMul", gelu_torch(g, y), w(8, 4)), w(4))
y = g("Transpose", g("Mul", y, w(4)), perm=[0, 2, 1])
good("convnext", g, g("Add", "x", y), layers="residual")

# --- what is refused
g = G([None, 3, None])
x = g("LeakyRelu", g("Conv", "x", w(3, 3, 1)), alpha=0.1)
bad("bad_operators", g, g("MaxPool", g("Custom", x, domain="acme"), kernel_shape=[2]),
    "operator LeakyRelu, supported activations are Relu, Gelu, Sigmoid and Tanh (node \"LeakyRelu_1\")",
    "operator Custom of the domain acme", "operator MaxPool, use a Conv with a stride (node \"MaxPool_3\")")
g = G([None, 3, None])
bad("bad_attribute", g, g("Conv", "x", w(3, 3, 1), dilation=[2]), "attribute dilation of Conv (node \"Conv_0\")")
g = G([None, 3, None], 20)
bad("bad_gelu", g, g("Gelu", "x", approximate="tanh"), "approximate=\"tanh\"; supported is none")
g = G([None, 3, None], 14)
x = g("BatchNormalization", "x", w(3), w(3), w(3), w(3), outs=3, training_mode=1)
bad("bad_batchnorm", g, x, "supported is the form for inference")
g = G([None, 1, None])
x = "x"
for _ in range(600):
    x = g("Relu", x)
bad("bad_length", g, x, "more than 512 layers")
g = G([None, 3, None])
bad("bad_erf", g, g("Erf", "x"), "supported within GELU only")
g = G([None, 3, None])
bad("bad_pad_mode", g, g("Conv", g("Pad", "x", i64(0, 0, 1, 0, 0, 1), mode="reflect"), w(3, 3, 3)), "mode=\"reflect\"")
g = G([None, 3, None])
bad("bad_pad_value", g, g("Conv", g("Pad", "x", i64(0, 0, 1, 0, 0, 1), f32(1)), w(3, 3, 3)), "pads with 1; supported are zeros")
g = G([None, 3, None])
bad("bad_pad_use", g, g("Sigmoid", g("Pad", "x", i64(0, 0, 1, 0, 0, 1))), "what Pad node \"Pad_0\" pads")
g = G([None, 3, None])
bad("bad_pad_axis", g, g("Conv", g("Pad", "x", i64(0, 0, 0, 0, 1, 0)), w(3, 4, 1)), "pads axis 1")
g = G([None, 3, None])
bad("bad_crop", g, g("Slice", g("Conv", "x", w(3, 3, 3), pads=[1, 1]), i64(2), i64(BIG), i64(2)),
    "crops 2 and 0 columns; supported is up to the padding before the Conv, [1 1]")
g = G([None, 3, None])
bad("bad_crop_input", g, g("Slice", "x", i64(2), i64(BIG), i64(2)), "what no convolution makes")
g = G([None, 3, None])
bad("bad_branches", g, g("Add", g("Conv", "x", w(3, 3, 1)), g("Conv", "x", w(3, 3, 1))), "what node \"Add_2\" adds are two branches")
g = G([None, 3, None])
a = g("Relu", g("Conv", "x", w(3, 3, 1)))
b = g("Relu", g("Conv", a, w(3, 3, 1)))
bad("bad_crossing", g, g("Add", a, g("Add", "x", b)), "cross")
g = G([None, 3, None])
bad("bad_gate", g, g("Mul", g("Sigmoid", "x"), g("Tanh", "x")), "a product of two signals")
g = G([None, 3, 8])
bad("bad_along_time", g, g("MatMul", "x", w(8, 8)), "supported is the whole window (flattened before), or channels")
g = G([None, 3, 8])
bad("bad_position", g, g("Add", "x", w(1, 3, 8)), "supported are one value, or one per channel")
g = G([None, 3, None], out_rank=2)
bad("bad_open_dense", g, g("Gemm", g("Flatten", "x"), w(24, 4)), "left open; export the model with a fixed one")
g = G([None, None, 8])
bad("bad_open_channels", g, g("Conv", "x", w(3, 3, 1)), "the number of channels is left open")
g = G([None, 3, 4, 8])
bad("bad_image", g, g("Conv", "x", w(3, 3, 3, 3)), "of four axes the third must be 1")
g = G([None, 3, None], 8)
bad("bad_opset", g, g("Relu", "x"), "operator set 8; supported are 9 to 22")
g = G([None, 3, None])
k = w(3, 3, 1)
k[1, 1] = np.inf
bad("bad_weight", g, g("Conv", "x", k), "has a value that is not finite")
g = G([None, 3, None])
k = nh.from_array(w(3, 3, 1))
k.ClearField("raw_data")
k.name, k.data_location = "far", TP.EXTERNAL
k.external_data.add(key="location", value="weights.bin")
bad("bad_external", g, g("Conv", "x", k), "tensor \"far\": its values are in another file (external data)")
g = G([None, 3, None])
bad("bad_integers", g, g("Conv", "x", nh.from_array(np.ones((3, 3, 1), np.int8), "eight")), "tensor \"eight\": element type int8")
g = G([None, 3, None])
bad("bad_stride", g, g("Add", "x", g("ConvTranspose", g("Conv", "x", w(3, 3, 2), strides=[2]), w(3, 3, 2), strides=[2])),
    "adds a signal of")
g = G([None, 3, 8])
bad("bad_stride_in_block", g, g("Add", "x", g("ConvTranspose", g("Conv", "x", w(3, 3, 2), strides=[2]), w(3, 3, 2), strides=[2])),
    "stride 2 inside a residual block")

(OUT / "cases.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
print(len(CASES), "cases")
