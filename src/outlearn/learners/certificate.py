"""Bound how far convex heads are from their minima, in float64, after solving for the intercepts.

Let h(W) be the minimum of f over the intercept b. h is lambda-strongly convex, so it exceeds its minimum by at most
|grad h|^2 / (2 lambda), and where b is the minimiser, grad h is the gradient of f with respect to W. A few Newton steps
bring b there up to rounding, and what is left is bounded too. Let g be the intercept's gradient and m the least
eigenvalue of its Hessian (on vectors that sum to 0). Third derivatives of the log-partition function are at most c
times the second along any unit vector, c = sqrt(2), or 1 for a margin. Hence the minimiser is within
t = -log(1 - c |g| / m) / c, f exceeds h(W) by at most |g| t, and the gradient in W moves by at most t times the mean of
|x| times 1/2 (margin: 1/4).

A stop on the preconditioned gradient, or on the change of f, has no such guarantee.
"""

from __future__ import annotations

import torch
from torch import Tensor

from outlearn.learners.objective import Objective, probabilities

__all__ = ["certify"]

NEWTON_STEPS = 8
SOLVED = 1e-12  # an intercept's gradient that is 0 up to rounding
ROWS = 512  # examples converted to float64 at once
HEADS = 128  # heads checked at once: their float64 logits are kept


def certify(objective: Objective, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Solve for the intercepts and bound the gap of every head, taking the objective's numbers as exact.

    Parameters are `[inputs x logits, heads]`, float64. Returns them with the new intercepts, and the bounds on
    f - min f, `[heads]`.
    """
    penalised = objective.x[:, : objective.x.shape[1] - objective.bias]
    norms = torch.cat([block.double().square().sum(1).sqrt() for block in torch.split(penalised, ROWS)])
    solved, gaps = parameters.clone(), parameters.new_empty(objective.n_heads)
    for start in range(0, objective.n_heads, HEADS):
        heads = slice(start, start + HEADS)
        part = parameters[:, heads].contiguous()
        gaps[heads] = _certify(objective, heads, part, norms)
        solved[:, heads] = part
    return solved, gaps


def _certify(objective: Objective, heads: slice, parameters: Tensor, norms: Tensor) -> Tensor:
    """Bound the gaps of a few heads, after moving their intercepts in place."""
    k = objective.n_logits
    weights, pulls = objective.weights[:, :, heads].double(), objective.pulls[:, :, heads].double()
    ridge = objective.ridge[heads].double()
    logits = _exact_product(objective.x, parameters).view(len(objective.x), k, -1)
    p, residual = torch.empty_like(logits), torch.empty_like(logits)
    steps = 0
    while True:
        probabilities(logits, out=p)
        torch.mul(p, weights, out=residual).sub_(pulls)
        if not objective.bias:
            least = shift = ridge.new_zeros(len(ridge))
            break
        intercept_gradient, hessian = residual.sum(0), _intercept_hessian(p, weights)
        shift = intercept_gradient.square().sum(0).sqrt()
        steps += 1
        if steps > NEWTON_STEPS or bool((shift < SOLVED).all()):
            least = torch.linalg.eigvalsh(_grounded(hessian))[:, 0]
            break
        step = _newton_step(intercept_gradient, hessian)
        logits += step
        parameters[-k:] += step
    gradient = _exact_product_back(objective.x, residual).view(parameters.shape)
    penalised = objective.n_penalised
    gradient[:penalised].addcmul_(parameters[:penalised], ridge)
    norm = gradient[:penalised].square().sum(0).sqrt()
    if not objective.bias:
        return norm.square() / (2.0 * ridge)
    c, bend = (1.0, 0.25) if k == 1 else (2.0**0.5, 0.5)
    ratio = c * shift / least
    # Far from the solution, where the logarithm would not do, there is no bound.
    distance = torch.where(ratio < 0.5, -torch.log1p(-ratio.clamp(max=0.5)) / c, torch.inf)
    drift = bend * (norms @ weights[:, 0])
    return shift * distance + (norm + drift * distance).square() / (2.0 * ridge)


def _exact_product(x: Tensor, parameters: Tensor) -> Tensor:
    """Compute x W in float64, converting x block by block."""
    wide = parameters.view(x.shape[1], -1)
    out = wide.new_empty(len(x), wide.shape[1])
    for start in range(0, len(x), ROWS):
        torch.mm(x[start : start + ROWS].double(), wide, out=out[start : start + ROWS])
    return out


def _exact_product_back(x: Tensor, residual: Tensor) -> Tensor:
    """Compute x^T r in float64."""
    wide = residual.view(len(x), -1)
    out = wide.new_zeros(x.shape[1], wide.shape[1])
    for start in range(0, len(x), ROWS):
        out.addmm_(x[start : start + ROWS].double().t(), wide[start : start + ROWS])
    return out


def _intercept_hessian(p: Tensor, weights: Tensor) -> Tensor:
    """Compute sum_i w_i (diag(p_i) - p_i p_i^T), or sum_i w_i p_i (1 - p_i) for a margin; `[heads, logits, logits]`."""
    if p.shape[1] == 1:
        return (p * (1.0 - p) * weights).sum(0).T[:, :, None]
    weighted = (p * weights).permute(2, 1, 0)  # [heads, classes, examples]
    return torch.diag_embed(weighted.sum(2)) - weighted @ p.permute(2, 0, 1)


def _grounded(hessian: Tensor) -> Tensor:
    """Lift the direction that changes no probability, all classes alike, out of the way of the least eigenvalue."""
    k = hessian.shape[1]
    return hessian if k == 1 else hessian + 1.0 / k


def _newton_step(gradient: Tensor, hessian: Tensor) -> Tensor:
    """Compute the Newton step of the intercepts, at most 1 in size; `[logits, heads]`."""
    step = -torch.linalg.solve(_grounded(hessian), gradient.T[:, :, None])[:, :, 0].T
    limited: Tensor = step / step.abs().amax(0).clamp(min=1.0)
    return limited
