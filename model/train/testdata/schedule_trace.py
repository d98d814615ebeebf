"""Writes schedule_trace.json: the trace of PyTorch's AdamW under each schedule.

    pip install torch==2.9.1
    python schedule_trace.py > schedule_trace.json

Three values fall into the bowl sum (i+1)/2 (p_i-1)^2; all in float64.
"""

import json

import torch
from torch.optim import lr_scheduler as s

STEPS, PEAK, DECAY = 60, 3e-2, 1e-2
WARM = STEPS // 10


def warm_up(opt):
    return s.LinearLR(opt, start_factor=1 / (WARM + 1), total_iters=WARM)


SCHEDULES = {
    "onecycle": lambda opt: s.OneCycleLR(opt, max_lr=PEAK, total_steps=STEPS, pct_start=0.1),
    "cosine": lambda opt: s.SequentialLR(
        opt, [warm_up(opt), s.CosineAnnealingLR(opt, T_max=STEPS - WARM)], [WARM]
    ),
    "constant": warm_up,
}

out = {"torch": torch.__version__, "steps": STEPS, "peak": PEAK, "decay": DECAY, "traces": {}}
for kind, schedule in SCHEDULES.items():
    p = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    opt = torch.optim.AdamW([p], lr=PEAK, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY)
    sched = schedule(opt)
    rows = []
    for _ in range(STEPS):
        opt.zero_grad()
        (0.5 * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64) * (p - 1) ** 2).sum().backward()
        rate = opt.param_groups[0]["lr"]
        opt.step()
        sched.step()
        rows.append([rate, *p.tolist()])
    out["traces"][kind] = rows
print(json.dumps(out).replace("]], ", "]],\n").replace("], [", "],\n["))
