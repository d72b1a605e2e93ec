"""Bound how far convex heads are from their minima, in float64: the duality gap, after solving for the intercepts.

For targets t_i, weights w_i that sum to 1, and predictions p_i = softmax(W x_i + b), the dual of the objective f is

    d(q) = sum_i w_i H(q_i) - |G(q)|^2 / (2 lambda),        G(q) = sum_i w_i (q_i - t_i) x_i^T,

over distributions q_i whose mean is that of the targets, sum_i w_i q_i = sum_i w_i t_i: the condition of a free
intercept. Every such q bounds the minimum from below, and

    f - min f <= f - d(q) = |G(q) + lambda W|^2 / (2 lambda) + sum_i w_i KL(q_i || p_i),

two terms that cannot be negative. A few Newton steps on the intercepts make the means of p and t nearly equal, and
q_i = (1 - e) p_i + e r makes them equal: r = p + (t - p) / e of the means is a distribution for the e taken here, and e
is as small as the means are alike. Nothing divides by a curvature, so that classes of few examples, or of none but
certain ones, leave the bound what it is.

A stop on the preconditioned gradient, or on the change of f, has no such guarantee.
"""

from __future__ import annotations

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.objective import Objective, probabilities
from outlearn.learners.rows import Rows

__all__ = ["certify"]

NEWTON_STEPS = 8
SOLVED = 1e-12  # an intercept's gradient that is 0 up to rounding
ROWS = 512  # examples converted to float64 at once
LOGITS = 2**24  # kept in float64 at once, for a few heads: 128 MiB a table
DAMPING = 1e-10  # of the intercepts' Hessian, relative to its mean: classes that are certain have no curvature


def certify(objective: Objective, parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Solve for the intercepts and bound the gap of every head, taking the objective's numbers as exact.

    Parameters are `[inputs x logits, heads]`, float64. Returns them with the new intercepts, and the bounds on
    f - min f, `[heads]`.
    """
    solved, gaps = parameters.clone(), parameters.new_empty(objective.n_heads)
    x, at_once = objective.rows.exact(), max(1, LOGITS // (len(objective.x) * objective.n_logits))
    for start in range(0, objective.n_heads, at_once):
        heads = slice(start, start + at_once)
        part = parameters[:, heads].contiguous()
        gaps[heads] = _certify(objective, x, heads, part)
        solved[:, heads] = part
    return solved, gaps


def _certify(objective: Objective, x: Rows, heads: slice, parameters: Tensor) -> Tensor:
    """Bound the gaps of a few heads, after moving their intercepts in place."""
    weights, pulls = objective.weights[:, :, heads].double(), objective.pulls[:, :, heads].double()
    ridge = objective.ridge[heads].double()
    logits = _exact_product(x, parameters).view(len(x), objective.n_logits, -1)
    if objective.bias:
        _solve_intercepts(logits, parameters, weights, pulls)
    p = probabilities(logits)
    residual = p * weights
    beyond = ridge.new_zeros(len(ridge))
    if objective.bias:
        q, divergence = _with_means_of(p, logits, weights, pulls)
        residual = q * weights
        beyond = (divergence * weights[:, 0]).sum(0)
    gradient = _exact_product_back(x, residual.sub_(pulls)).view(parameters.shape)[: objective.n_penalised]
    gradient.addcmul_(parameters[: objective.n_penalised], ridge)
    return gradient.square().sum(0) / (2.0 * ridge) + beyond


def _solve_intercepts(logits: Tensor, parameters: Tensor, weights: Tensor, pulls: Tensor) -> None:
    """Move logits and intercepts in place until the mean prediction is the mean target."""
    k = logits.shape[1]
    for _ in range(NEWTON_STEPS):
        p = probabilities(logits)
        gradient = (p * weights - pulls).sum(0)
        if bool((gradient.square().sum(0).sqrt() < SOLVED).all()):
            return
        step = _newton_step(gradient, _intercept_hessian(p, weights))
        logits += step
        parameters[-k:] += step


def _with_means_of(p: Tensor, logits: Tensor, weights: Tensor, pulls: Tensor) -> tuple[Tensor, Tensor]:
    """Return q, `[examples, logits, heads]`, whose weighted mean is that of the targets, and KL(q || p) by example."""
    margin = p.shape[1] == 1
    # A margin has two classes: their log-probabilities, and means that sum to 1.
    log_p = torch.nn.functional.logsigmoid(torch.cat([-logits, logits], 1)) if margin else torch.log_softmax(logits, 1)
    p = log_p.exp()
    mean, wanted = (p * weights).sum(0), pulls.sum(0)
    if margin:
        wanted = torch.cat([1.0 - wanted, wanted])
    share = ((mean - wanted) / mean).amax(0).clamp(min=0.0)  # e
    used = share > 0.0
    r = mean + torch.where(used, (wanted - mean) / torch.where(used, share, 1.0), 0.0)
    moved = share * (r.clamp(min=0.0) - p)  # q - p
    q = p + moved
    # KL = sum p ((1 + u) log(1 + u) - u) with u = q / p - 1, where small u would cancel.
    u = moved / p
    exact = torch.special.xlogy(q, q) - q * log_p - moved
    divergence = torch.where(u.abs() < 0.5, p * ((1.0 + u) * torch.log1p(u) - u), exact).sum(1)
    return (q[:, 1:] if margin else q), divergence


def _exact_product(x: Rows, parameters: Tensor) -> Tensor:
    """Compute x W in float64, block by block."""
    wide = parameters.view(x.shape[1], -1)
    out = wide.new_empty(len(x), wide.shape[1])
    for start in range(0, len(x), ROWS):
        stop = min(start + ROWS, len(x))
        x.product(start, stop, wide, out[start:stop])
    return out


def _exact_product_back(x: Rows, residual: Tensor) -> Tensor:
    """Compute x^T r in float64."""
    wide = residual.view(len(x), -1)
    out = wide.new_zeros(x.shape[1], wide.shape[1])
    for start in range(0, len(x), ROWS):
        stop = min(start + ROWS, len(x))
        x.add_back(start, stop, wide[start:stop], out)
    return out


def _intercept_hessian(p: Tensor, weights: Tensor) -> Tensor:
    """Compute sum_i w_i (diag(p_i) - p_i p_i^T), or sum_i w_i p_i (1 - p_i) for a margin; `[heads, logits, logits]`."""
    if p.shape[1] == 1:
        return (p * (1.0 - p) * weights).sum(0).T[:, :, None]
    weighted = (p * weights).permute(2, 1, 0)  # [heads, classes, examples]
    return torch.diag_embed(weighted.sum(2)) - weighted @ p.permute(2, 0, 1)


def _newton_step(gradient: Tensor, hessian: Tensor) -> Tensor:
    """Compute the damped Newton step of the intercepts, at most 1 in size; `[logits, heads]`."""
    k = hessian.shape[1]
    # The direction that changes no probability, all classes alike, is lifted out of the way.
    grounded = hessian if k == 1 else hessian + 1.0 / k
    damped = grounded + DAMPING * grounded.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(k)
    factor, failed = torch.linalg.cholesky_ex(damped)
    step = -torch.cholesky_solve(gradient.T[:, :, None], factor)[:, :, 0].T
    step = torch.where((failed == 0) & step.isfinite().all(0), step, 0.0)
    limited: Tensor = step / step.abs().amax(0).clamp(min=1.0)
    return limited
