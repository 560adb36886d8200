# SPDX-License-Identifier: MIT
"""Optimisers: parameters after each of eight updates from given gradients, and clipping by norm, in f64."""
import torch

from golden import draw, save

STEPS = 8
CASES = {
    'sgd': lambda p: torch.optim.SGD(p, lr=0.05),
    'sgd_decay': lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1),
    'sgd_momentum': lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.01),
    'sgd_nesterov': lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.02),
    'adam': lambda p: torch.optim.Adam(p, lr=0.01),
    'adam_options': lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    'adamw': lambda p: torch.optim.AdamW(p, lr=0.01),
    'adamw_groups': lambda p: torch.optim.AdamW([dict(params=p[:1], weight_decay=0.3), dict(params=p[1:], lr=0.1, weight_decay=0.0)], lr=0.02),
    'adam_cosine': lambda p: torch.optim.Adam(p, lr=0.01),
}


def make_all():
    g = torch.Generator().manual_seed(40)
    shapes = {'a': (3, 5), 'b': (7,)}
    start = {k: draw(g, s) for k, s in shapes.items()}
    gradients = [{k: draw(g, s) for k, s in shapes.items()} for _ in range(STEPS)]
    out = {f'start.{k}': v for k, v in start.items()}
    for i, step in enumerate(gradients):
        out |= {f'gradient{i}.{k}': v for k, v in step.items()}
    for case, make in CASES.items():
        parameters = {k: v.double().clone().requires_grad_() for k, v in start.items()}
        optimizer = make(list(parameters.values()))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.001) if 'cosine' in case else None
        for i, step in enumerate(gradients):
            for k, p in parameters.items():
                p.grad = None if (i, k) == (3, 'b') else step[k].double()  # one parameter misses one update
            optimizer.step()
            if schedule:
                schedule.step()
            out |= {f'{case}.{i}.{k}': p.detach().clone() for k, p in parameters.items()}
    parameters = [v.double().clone().requires_grad_() for v in start.values()]
    for p, v in zip(parameters, gradients[0].values()):
        p.grad = v.double()
    out['clip.norm'] = torch.nn.utils.clip_grad_norm_(parameters, 1.5)
    out |= {f'clip.{k}': p.grad for k, p in zip(shapes, parameters)}
    save('optim.safetensors', out, dict(cases='b gets no gradient in update 3; adam_cosine: CosineAnnealingLR to 0.001'))
