"""Writes the golden networks as TFLite models, from the weights and the schema that
comes with LiteRT: what a converter would make of them (Conv2d of height 1, NHWC,
activations fused), without its 10 GB of dependencies.

A's strided layers are padded by 3 on both sides. TFLite's SAME has 2 and 3 there, so
that a converter would add a padding operation before each and a slice behind each
transposed convolution. Reversing time swaps the sides, and then SAME is just right:
the network here takes windows back to front, with its taps reversed, and needs
neither. That flatters LiteRT a little.

    tflite.py GOLDEN A|B > MODEL.tflite
"""

import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as s

import golden

SCHEMA_VERSION = 3


class Graph:
    def __init__(self, channels, steps):
        self.model = s.ModelT()
        self.model.version = SCHEMA_VERSION
        self.model.description = b"golden network"
        self.model.buffers = [s.BufferT()]  # the first is empty by convention
        self.model.operatorCodes = []
        self.graph = s.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]
        self.codes = {}
        self.input = self.tensor([1, 1, steps, channels])
        self.graph.inputs = [self.input]

    def tensor(self, shape, data=None):
        t = s.TensorT()
        t.shape, t.name = list(shape), f"t{len(self.graph.tensors)}".encode()
        t.type = s.TensorType.FLOAT32 if data is None or data.dtype == np.float32 else s.TensorType.INT32
        if data is not None:
            b = s.BufferT()
            b.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(b)
            t.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def constant(self, data):
        return self.tensor(data.shape, data)

    def op(self, name, inputs, shape, options=None, version=1):
        key = (name, version)
        if key not in self.codes:
            c = s.OperatorCodeT()
            c.builtinCode = getattr(s.BuiltinOperator, name)
            c.deprecatedBuiltinCode, c.version = min(c.builtinCode, 127), version
            self.model.operatorCodes.append(c)
            self.codes[key] = len(self.model.operatorCodes) - 1
        o = s.OperatorT()
        o.opcodeIndex, o.inputs = self.codes[key], inputs
        o.outputs = [self.tensor(shape)]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            o.builtinOptionsType, o.builtinOptions = getattr(s.BuiltinOptions, kind), options
        self.graph.operators.append(o)
        return o.outputs[0]

    def shape(self, t):
        return self.graph.tensors[t].shape

    def conv(self, x, w, b, stride=1, dilation=1, relu=False):
        """w is [out,in,k]; padding SAME."""
        o = s.Conv2DOptionsT()
        o.padding, o.strideH, o.strideW = s.Padding.SAME, 1, stride
        o.dilationHFactor, o.dilationWFactor = 1, dilation
        o.fusedActivationFunction = s.ActivationFunctionType.RELU if relu else s.ActivationFunctionType.NONE
        weights = self.constant(np.ascontiguousarray(w.transpose(0, 2, 1))[:, None])
        steps = -(-self.shape(x)[2] // stride)
        return self.op("CONV_2D", [x, weights, self.constant(b)], [1, 1, steps, w.shape[0]], o)

    def convt(self, x, w, b, stride, relu=False):
        """w is [in,out,k]; padding SAME, the output stride times as long."""
        shape = [1, 1, self.shape(x)[2] * stride, w.shape[1]]
        o = s.TransposeConvOptionsT()
        o.padding, o.strideH, o.strideW = s.Padding.SAME, 1, stride
        o.fusedActivationFunction = s.ActivationFunctionType.RELU if relu else s.ActivationFunctionType.NONE
        weights = self.constant(np.ascontiguousarray(w.transpose(1, 2, 0))[:, None])
        size = self.constant(np.array(shape, np.int32))
        # Version 3 has the bias, version 4 the activation.
        return self.op("TRANSPOSE_CONV", [size, weights, x, self.constant(b)], shape, o, 4 if relu else 3)

    def add(self, a, b):
        return self.op("ADD", [a, b], list(self.shape(a)), s.AddOptionsT())

    def bytes(self, output):
        self.graph.outputs = [output]
        b = flatbuffers.Builder(1 << 18)
        b.Finish(self.model.Pack(b), b"TFL3")
        return bytes(b.Output())


def model_a(w, steps):
    """Takes and returns windows back to front."""
    g = Graph(4, steps)
    flip = lambda name: w[name + ".weight"][:, :, ::-1]
    x = g.conv(g.input, flip("l0"), w["l0.bias"], stride=2, relu=True)
    x = g.conv(x, flip("l1"), w["l1.bias"], stride=2, relu=True)
    x = g.conv(x, flip("l2"), w["l2.bias"], relu=True)
    x = g.convt(x, flip("l3"), w["l3.bias"], 2, relu=True)
    return g.bytes(g.convt(x, flip("l4"), w["l4.bias"], 2))


def model_b(w, steps):
    g = Graph(4, steps)
    x = g.conv(g.input, w["in.weight"], w["in.bias"])
    for i in range(6):
        x = g.add(x, g.conv(x, w[f"b{i}.weight"], w[f"b{i}.bias"], dilation=1 << i, relu=True))
    return g.bytes(g.conv(x, w["out.weight"], w["out.bias"]))


if __name__ == "__main__":
    build = {"A": model_a, "B": model_b}[sys.argv[2]]
    sys.stdout.buffer.write(build(golden.tensors(sys.argv[1], sys.argv[2]), golden.WINDOW))
