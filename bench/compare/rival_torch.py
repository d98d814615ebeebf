"""PyTorch on the CPU: a training step (forward, mean squared error, backward, fused
Adam) over 32 windows.

    rival_torch.py GOLDEN [--threads N] [--memory]
"""

import sys

import torch
from torch import nn

import golden
from serve import memory, serve

BATCH = 32


class A(nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda i, o, s: nn.Conv1d(i, o, 7, stride=s, padding=3)
        up = lambda i, o: nn.ConvTranspose1d(i, o, 7, stride=2, padding=3, output_padding=1)
        self.l0, self.l1, self.l2, self.l3, self.l4 = conv(4, 16, 2), conv(16, 32, 2), conv(32, 32, 1), up(32, 16), up(16, 4)

    def forward(self, x):
        for l in (self.l0, self.l1, self.l2, self.l3):
            x = torch.relu(l(x))
        return self.l4(x)


class B(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module("in", nn.Conv1d(4, 32, 1))
        self.blocks = [f"b{i}" for i in range(6)]
        for i, name in enumerate(self.blocks):
            self.add_module(name, nn.Conv1d(32, 32, 3, padding=1 << i, dilation=1 << i))
        self.out = nn.Conv1d(32, 4, 1)

    def forward(self, x):
        x = getattr(self, "in")(x)
        for name in self.blocks:
            x = x + torch.relu(getattr(self, name)(x))
        return self.out(x)


def load(folder, name):
    net = {"A": A, "B": B}[name]()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in golden.tensors(folder, name).items()})
    return net


def trainer(net, x):
    x = x.repeat(-(-BATCH // len(x)), 1, 1)[:BATCH].contiguous()
    target = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    adam = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)

    def run(reps):
        for _ in range(reps):
            adam.zero_grad(set_to_none=True)
            nn.functional.mse_loss(net(x), target).backward()
            adam.step()

    return run


def main(folder, args):
    threads = int(args[args.index("--threads") + 1]) if "--threads" in args else 1
    torch.set_num_threads(threads)
    x = torch.from_numpy(golden.inputs(folder))
    subjects, errors = {}, {}
    for m in "AB":
        net = load(folder, m)
        with torch.no_grad():
            errors[m] = golden.check(m, net(x).numpy(), golden.outputs(folder, m))
        if "--memory" not in args:
            subjects[f"{m}.train.b{BATCH}"] = trainer(net, x)
    if "--memory" in args:
        print(memory())
        return
    serve("torch", f"PyTorch {torch.__version__}", subjects, errors)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
