# SPDX-License-Identifier: MIT
"""Op-level golden values where PyTorch is the reference: kinks and ties, padding and alignment rules, degenerate inputs.

Every case: `case.input0..`, `case.output` (or `output0..`), `case.cotangent` (or `cotangent0..`), `case.grad0..` (only for inputs that
have a gradient), all f64; indices i64. The file's metadata holds, per case, the call that made it.
"""
import math

import torch
import torch.nn.functional as F

from golden import save


class Group:
    def __init__(self, seed):
        self.tensors, self.calls, self.g = {}, {}, torch.Generator().manual_seed(seed)

    def randn(self, *shape):
        return torch.randn(shape, generator=self.g, dtype=torch.float64)

    def add(self, case, call, f, *inputs):
        """call: the text of what f computes, with PyTorch's names; floating inputs are differentiated."""
        assert case not in self.calls, case
        self.calls[case] = call
        inputs = [i.detach().clone().requires_grad_(i.is_floating_point()) for i in inputs]
        out = f(*inputs)
        several = not torch.is_tensor(out)
        outs = tuple(out) if several else (out,)
        for k, i in enumerate(inputs):
            self.tensors[f'{case}.input{k}'] = i
        real = []
        for k, o in enumerate(outs):
            suffix = str(k) if several else ''
            self.tensors[f'{case}.output{suffix}'] = o
            if o.is_floating_point() and o.requires_grad:
                c = self.randn(*o.shape)
                self.tensors[f'{case}.cotangent{suffix}'] = c
                real.append((o, c))
        wanted = [(k, i) for k, i in enumerate(inputs) if i.requires_grad]
        if real and wanted:
            grads = torch.autograd.grad([o for o, _ in real], [i for _, i in wanted], [c for _, c in real])
            for (k, _), gr in zip(wanted, grads):
                self.tensors[f'{case}.grad{k}'] = gr

    def save(self, name):
        save(name, self.tensors, self.calls)


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def kinks():
    c, inf, nan = Group(40), math.inf, math.nan
    points = vector(-2, -1, -0.5, -0.0, 0.0, 0.5, 1, 2, inf, -inf, nan)
    for name, f in dict(abs=torch.abs, sign=torch.sign, relu=F.relu, leaky_relu=lambda x: F.leaky_relu(x, 0.1), elu=F.elu, silu=F.silu,
                        softplus=F.softplus, sqrt=torch.sqrt, floor=torch.floor, round=torch.round, square=torch.square,
                        gelu=F.gelu, gelu_tanh=lambda x: F.gelu(x, approximate='tanh'), tanh=torch.tanh, sigmoid=torch.sigmoid,
                        erf=torch.erf, log=torch.log, log1p=torch.log1p, exp=torch.exp, expm1=torch.expm1, rsqrt=torch.rsqrt,
                        reciprocal=torch.reciprocal).items():
        # Left out are accidents of PyTorch's formulas: silu and gelu of an infinity, leaky_relu's gradient at nan.
        x = points[torch.isfinite(points) | points.isnan()] if name in ('silu', 'gelu', 'gelu_tanh') else points
        c.add(f'unary.{name}', f'{name}(x)', f, x[~x.isnan()] if name == 'leaky_relu' else x)
    c.add('unary.round_half', 'round(x): halves go to even', torch.round, vector(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5))
    c.add('softplus.large', 'softplus(x)', F.softplus, vector(-800, -40, -25, -19, 15, 19, 40, 800))
    c.add('gelu.wide', 'gelu(x)', F.gelu, torch.linspace(-12, 12, 97, dtype=torch.float64))
    c.add('gelu_tanh.wide', "gelu(x, approximate='tanh')", lambda x: F.gelu(x, approximate='tanh'),
          torch.linspace(-12, 12, 97, dtype=torch.float64))
    a, b = vector(1, 2, 0, -0.0, 3, nan, 1, inf, -inf), vector(2, 1, 0, 0.0, 3, 1, nan, inf, -inf)
    c.add('maximum.ties', 'maximum(a, b)', torch.maximum, a, b)
    c.add('minimum.ties', 'minimum(a, b)', torch.minimum, a, b)
    c.add('clamp.edges', 'clamp(x, -1, 1)', lambda x: x.clamp(-1, 1), points)
    c.add('pow.scalar2', 'pow(x, 2)', lambda x: x.pow(2), vector(-2, 0, 3))
    c.add('pow.scalar_half', 'pow(x, 0.5)', lambda x: x.pow(0.5), vector(0, 1, 4))
    c.add('pow.scalar0', 'pow(x, 0)', lambda x: x.pow(0), vector(-2, 0, 3))
    c.add('pow.tensor', 'pow(a, b)', torch.pow, vector(2, 0, 0, 3, 0, 1.5), vector(3, 0, 2, -1, 1, 0.5))
    c.add('where.broadcast', 'where([[true], [false]], a, b)', lambda a, b: torch.where(torch.tensor([[True], [False]]), a, b),
          c.randn(1, 3), c.randn(2, 1))
    t = vector(3, 1, 3, 2, 3, 1).view(2, 3)
    t2 = torch.tensor([[5., 5, 1], [0, 7, 7], [2, 2, 2]], dtype=torch.float64)
    for name in ('amax', 'amin'):
        f = getattr(torch, name)
        c.add(f'{name}.ties_dim1', f'{name}(x, dim=1): gradient shared evenly among ties', lambda x, f=f: f(x, 1), t2)
        c.add(f'{name}.ties_dim01', f'{name}(x, dim=(0, 1))', lambda x, f=f: f(x, (0, 1)), t)
        c.add(f'{name}.all', f'{name}(x) over everything', lambda x, f=f: f(x), t)
        c.add(f'{name}.keepdim', f'{name}(x, dim=0, keepdim=True)', lambda x, f=f: f(x, 0, True), t2)
    for name in ('max', 'min'):
        f = getattr(torch, name)
        c.add(f'{name}.dim', f'{name}(x, dim=1): values and indices; gradient to the index returned', lambda x, f=f: f(x, 1), t2)
    c.add('argmax.ties', 'argmax(x, 1)', lambda x: x.argmax(1), t2)
    c.add('norm.zero', 'x.norm() at 0', lambda x: x.norm(), torch.zeros(4, dtype=torch.float64))
    c.add('norm.dim', 'x.norm(dim=1), second row 0', lambda x: x.norm(dim=1), torch.tensor([[3., 4], [0, 0]], dtype=torch.float64))
    c.save('ops_kinks.safetensors')


def reductions():
    c = Group(41)
    x = c.randn(3, 4, 5)
    for name in ('sum', 'mean', 'var', 'std', 'logsumexp', 'prod'):
        f = getattr(torch, name)
        c.add(f'{name}.dim1', f'{name}(x, 1)', lambda x, f=f: f(x, 1), x)
        c.add(f'{name}.last_keepdim', f'{name}(x, -1, keepdim=True)', lambda x, f=f: f(x, -1, keepdim=True), x)
    for name in ('sum', 'mean', 'var', 'std', 'logsumexp'):
        f = getattr(torch, name)
        c.add(f'{name}.dims02', f'{name}(x, (0, 2))', lambda x, f=f: f(x, (0, 2)), x)
    for name in ('var', 'std'):
        f = getattr(torch, name)
        c.add(f'{name}.biased', f'{name}(x, 1, correction=0)', lambda x, f=f: f(x, 1, correction=0), x)
        c.add(f'{name}.constant', f'{name}(x, 1) of equal entries', lambda x, f=f: f(x, 1), torch.ones(2, 3, dtype=torch.float64))
    c.add('logsumexp.inf', 'logsumexp(x, 1), one row all -inf', lambda x: torch.logsumexp(x, 1),
          torch.tensor([[0., 1000, -1000], [-math.inf] * 3, [-math.inf, 0, 0]], dtype=torch.float64))
    c.add('norm.fro', 'x.norm(dim=(1, 2))', lambda x: x.norm(dim=(1, 2)), x)
    for case, values in dict(no_zero=(2, -3, 0.5, 4), one_zero=(2, 0, 0.5, 4), two_zeros=(2, 0, 0, 4)).items():
        c.add(f'prod.{case}', 'prod(x)', lambda x: x.prod(), vector(*values))
        c.add(f'prod.dim_{case}', 'prod(x, 1)', lambda x: x.prod(1), vector(*values, 1, 2, 3, 5).view(2, 4))
        c.add(f'cumsum.{case}', 'cumsum(x, 0)', lambda x: x.cumsum(0), vector(*values))
    c.add('cumsum.dim1', 'cumsum(x, 1)', lambda x: x.cumsum(1), x)
    c.add('cumsum.negative', 'cumsum(x, -1)', lambda x: x.cumsum(-1), x)
    c.add('sum.empty', 'sum(x, 1) of (2, 0, 3)', lambda x: x.sum(1), torch.zeros(2, 0, 3, dtype=torch.float64))
    c.add('prod.empty', 'prod(x, 1) of (2, 0, 3)', lambda x: x.prod(1), torch.zeros(2, 0, 3, dtype=torch.float64))
    ties = torch.tensor([[3., 1, 2, 1, 3], [0, -0.0, math.inf, -math.inf, 5], [1, math.nan, 0, 2, 1]], dtype=torch.float64)
    c.add('sort.ascending', 'sort(x, 1, stable=True): values and indices, nan last', lambda x: x.sort(dim=1, stable=True), ties)
    c.add('sort.descending', 'sort(x, 1, descending=True, stable=True), nan first',
          lambda x: x.sort(dim=1, descending=True, stable=True), ties)
    c.add('sort.dim0', 'sort(x, 0, stable=True)', lambda x: x.sort(dim=0, stable=True), c.randn(4, 3))
    c.save('ops_reductions.safetensors')


def network():
    c = Group(42)
    convs = dict(plain=((2, 3, 7, 6), (4, 3, 3, 3), {}), same=((2, 3, 7, 6), (4, 3, 3, 3), dict(padding=1)),
                 stride=((2, 3, 7, 8), (4, 3, 3, 3), dict(stride=2, padding=1)),
                 dilation=((2, 3, 9, 10), (4, 3, 3, 3), dict(padding=2, dilation=2)),
                 rectangular=((1, 2, 9, 8), (3, 2, 3, 2), dict(stride=2, padding=1)),
                 groups=((2, 4, 6, 6), (6, 2, 3, 3), dict(padding=1, groups=2)),
                 depthwise=((2, 4, 6, 5), (8, 1, 3, 3), dict(padding=1, groups=4, stride=2)),
                 pointwise=((2, 5, 4, 4), (3, 5, 1, 1), {}),
                 everything=((2, 4, 11, 9), (4, 2, 3, 2), dict(stride=3, padding=2, dilation=2, groups=2)),
                 leftover=((1, 1, 8, 8), (1, 1, 3, 3), dict(stride=3)))  # last column and row are never read
    for case, (xs, ws, options) in convs.items():
        c.add(f'conv2d.{case}', f'conv2d(x, w, b, **{options})', lambda x, w, b, o=options: F.conv2d(x, w, b, **o),
              c.randn(*xs), c.randn(*ws), c.randn(ws[0]))
    transposed = dict(plain=((2, 3, 4, 5), (3, 4, 3, 3), {}),
                      stride=((2, 3, 4, 5), (3, 4, 3, 3), dict(stride=2, padding=1)),
                      output_padding=((2, 3, 4, 5), (3, 4, 3, 3), dict(stride=2, padding=1, output_padding=1)),
                      groups=((2, 4, 4, 4), (4, 3, 3, 3), dict(stride=2, groups=2)),
                      dilation=((1, 2, 4, 4), (2, 3, 3, 3), dict(dilation=2, padding=1)))
    for case, (xs, ws, options) in transposed.items():
        c.add(f'conv_transpose2d.{case}', f'conv_transpose2d(x, w, b, **{options})',
              lambda x, w, b, o=options: F.conv_transpose2d(x, w, b, **o),
              c.randn(*xs), c.randn(*ws), c.randn(ws[1] * options.get('groups', 1)))
    image = c.randn(2, 3, 7, 8)
    for case, options in dict(plain=dict(kernel_size=2), stride=dict(kernel_size=3, stride=2),
                              padded=dict(kernel_size=3, stride=2, padding=1),
                              crp=dict(kernel_size=5, stride=1, padding=2)).items():
        for count in (True, False):
            c.add(f"avg_pool2d.{case}.{'include' if count else 'exclude'}", f'avg_pool2d(x, **{options}, count_include_pad={count})',
                  lambda x, o=options, k=count: F.avg_pool2d(x, **o, count_include_pad=k), image)
        c.add(f'max_pool2d.{case}', f'max_pool2d(x, **{options}, return_indices=True): indices are into the H*W plane',
              lambda x, o=options: F.max_pool2d(x, **o, return_indices=True), image)
    ties = torch.tensor([[1., 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [-1, -1, -1, -1, -1], [3, 0, 3, 0, 3]],
                        dtype=torch.float64)[None, None]
    c.add('max_pool2d.ties', 'max_pool2d(x, 2, 1, return_indices=True): the first in row order wins',
          lambda x: F.max_pool2d(x, 2, 1, return_indices=True), ties)
    c.add('max_pool2d.negative_padded', 'max_pool2d(x, 3, 1, 1): padding is -inf, not 0', lambda x: F.max_pool2d(x, 3, 1, 1),
          -1 - image.abs())
    x = c.randn(2, 2, 5, 4)
    for size in ((10, 8), (9, 7), (3, 2), (5, 4), (1, 1)):
        tag = f'{size[0]}x{size[1]}'
        c.add(f'upsample_nearest.{tag}', f"interpolate(x, size={size}, mode='nearest')",
              lambda x, s=size: F.interpolate(x, size=s, mode='nearest'), x)
        for align in (True, False):
            c.add(f"upsample_bilinear.{tag}.{'align' if align else 'half_pixel'}",
                  f"interpolate(x, size={size}, mode='bilinear', align_corners={align})",
                  lambda x, s=size, a=align: F.interpolate(x, size=s, mode='bilinear', align_corners=a), x)
    h = c.randn(3, 6, 4, 5)
    c.add('instance_norm.plain', 'instance_norm(x), eps 1e-5', lambda x: F.instance_norm(x), h)
    c.add('instance_norm.constant', 'instance_norm(x) of constant planes', lambda x: F.instance_norm(x),
          torch.full((1, 2, 3, 3), 2.0, dtype=torch.float64))
    c.add('group_norm.affine', 'group_norm(x, 3, w, b)', lambda x, w, b: F.group_norm(x, 3, w, b), h, c.randn(6), c.randn(6))
    c.add('group_norm.one_group', 'group_norm(x, 1)', lambda x: F.group_norm(x, 1), h)
    c.add('layer_norm.affine', 'layer_norm(x, (4, 5), w, b)', lambda x, w, b: F.layer_norm(x, (4, 5), w, b), h, c.randn(4, 5),
          c.randn(4, 5))
    c.add('layer_norm.vector', 'layer_norm(x, (7,))', lambda x: F.layer_norm(x, (7,)), c.randn(4, 7))
    c.save('ops_network.safetensors')


def attention():
    c = Group(43)
    x = 3 * c.randn(4, 6)
    for dim in (0, 1):
        c.add(f'softmax.dim{dim}', f'softmax(x, {dim})', lambda x, d=dim: x.softmax(d), x)
        c.add(f'log_softmax.dim{dim}', f'log_softmax(x, {dim})', lambda x, d=dim: x.log_softmax(d), x)
    extreme = torch.tensor([[1000., 0, -1000], [-math.inf, 0, 1], [88, 88, 88]], dtype=torch.float64)
    c.add('softmax.extreme', 'softmax(x, 1)', lambda x: x.softmax(1), extreme)
    c.add('log_softmax.extreme', 'log_softmax(x, 1)', lambda x: x.log_softmax(1), extreme)
    target = torch.tensor([0, 5, 2, 2])
    c.add('cross_entropy.mean', 'cross_entropy(logits, target)', F.cross_entropy, x, target)
    q, k, v = c.randn(2, 3, 5, 4), c.randn(2, 3, 7, 4), c.randn(2, 3, 7, 6)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        c.add('sdpa.plain', 'scaled_dot_product_attention(q, k, v)', F.scaled_dot_product_attention, q, k, v)
        c.add('sdpa.causal', 'scaled_dot_product_attention(q, k, v, is_causal=True)', lambda q, k,
              v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
              c.randn(2, 2, 5, 4), c.randn(2, 2, 5, 4), c.randn(2, 2, 5, 4))
        mask = torch.rand(5, 7, generator=c.g) < 0.6
        mask[:, 2] = True  # no query without a key
        c.add('sdpa.mask', 'scaled_dot_product_attention(q, k, v, attn_mask=m), m bool: true takes part', F.scaled_dot_product_attention,
              q, k, v, mask)
    ids = torch.tensor([[0, 2, 2], [4, 0, 2]])
    c.add('embedding.repeats', 'embedding(ids, w): repeated rows add up', F.embedding, ids, c.randn(5, 3))
    source, index = c.randn(4, 3), torch.tensor([[0, 1, 2], [3, 3, 3]])
    c.add('gather.dim0', 'gather(x, 0, index)', lambda x, i: x.gather(0, i), source, index)
    c.add('index_select.repeats', 'index_select(x, 0, index)', lambda x, i: x.index_select(0, i), source, torch.tensor([2, 0, 2]))
    c.add('scatter_add.repeats', 'scatter_add(zeros(4, 3), 0, index, src)',
          lambda i, s: torch.zeros(4, 3, dtype=s.dtype).scatter_add(0, i, s), index, c.randn(2, 3))
    c.save('ops_attention.safetensors')


def linalg():
    c = Group(44)
    a = c.randn(2, 4, 4)
    c.add('cholesky.aat', 'cholesky(a a^T + I)', lambda a: torch.linalg.cholesky(a @ a.mT + torch.eye(4, dtype=a.dtype)), a)
    well = a + 3 * torch.eye(4, dtype=torch.float64)
    c.add('solve.batched', 'solve(a, b)', torch.linalg.solve, well, c.randn(2, 4, 3))
    for upper in (False, True):
        c.add(f"triangular_solve.{'upper' if upper else 'lower'}", f'solve_triangular(a, b, upper={upper}): the other triangle is not read',
              lambda a, b, u=upper: torch.linalg.solve_triangular(a, b, upper=u), well, c.randn(2, 4, 3))
    c.add('triangular_solve.transposed', 'solve_triangular(a^T, b, upper=True), a lower',
          lambda a, b: torch.linalg.solve_triangular(a.mT, b, upper=True), well, c.randn(2, 4, 3))
    for case, shape in dict(square=(3, 3), tall=(2, 5, 3)).items():
        c.add(f'qr.{case}', 'qr(a), reduced; signs are LAPACK\'s: compare q r, q^T q, and gradients after fixing signs',
              torch.linalg.qr, c.randn(*shape))
    c.add('matmul.broadcast', 'matmul(a, b)', torch.matmul, c.randn(2, 1, 3, 4), c.randn(5, 4, 2))
    c.add('matmul.vector', 'matmul(a, b)', torch.matmul, c.randn(2, 3, 4), c.randn(4))
    c.add('matmul.inner0', 'matmul(a, b) over an empty axis', torch.matmul, torch.zeros(2, 0, dtype=torch.float64),
          torch.zeros(0, 3, dtype=torch.float64))
    for text, shapes in {'bij,bjk->bik': ((2, 3, 4), (2, 4, 5)), 'ij,kj->ik': ((3, 4), (5, 4)), 'bi,bij,bj->b': ((2, 3), (2, 3, 4),
                                          (2, 4)),
                         'ii->i': ((3, 3),), 'ii': ((3, 3),), 'ij->ji': ((2, 3),), 'i,j->ij': ((3,),
                                   (2,)), 'abc,cd->dab': ((2, 3, 4), (4, 5))}.items():
        c.add(f'einsum.{text}', f"einsum('{text}', ...)", lambda *o, t=text: torch.einsum(t, *o), *[c.randn(*s) for s in shapes])
    c.save('ops_linalg.safetensors')


def make_all():
    for group in (kinks, reductions, network, attention, linalg):
        group()
