"""Minimise many convex objectives together: L-BFGS for each head, preconditioned by one Hessian for all.

At W = 0 the Hessian of every head is X^T diag(w) X p(1 - p) + lambda with the same p, so the first step with the shared
factor is nearly Newton's; after a few steps the average of the heads' own Hessians replaces it. Heads whose lambdas
are far apart have eigenvalues of their own instead. What a head's Hessian
has of its own, its pairs of steps and gradient changes learn. A step needs one gradient, two wide products for all
heads: the function is convex, so the slopes at both ends of a step say whether it went too far, and values are not
needed. Heads that have converged leave, and the products get narrower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.objective import Objective, OwnHessians

__all__ = ["minimise"]

MEMORY = 10  # pairs of step and gradient change kept for each head
OVERSHOOT = (
    0.5  # a step is shortened if the slope at its end is uphill by more than this part of the slope at its start
)
SHORTENINGS = 12
LEAVE = 0.8  # rebuild the batch when at most this share of it is still running


def minimise(
    objective: Objective,
    start: Tensor,
    *,
    target: float,
    max_iterations: int,
    refresh: Callable[[int], bool],
    own: OwnHessians | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> tuple[Tensor, int]:
    """Move every head towards its minimum until |g|^2 / (2 lambda) over the penalised parameters is small.

    Returns the parameters, converged or not, and the number of steps taken.

    Args:
        objective: of all heads.
        start: parameters to start from, `[inputs x logits, heads]`; not changed.
        target: stop a head when the bound is at most this.
        max_iterations: stop all heads after this many steps.
        refresh: whether to renew the preconditioner after this many steps; the shared one is made at 0 in any case.
        own: each head's own eigenvalues (`Objective.own_preconditioner`), so that no head depends on another; then the
            intercepts are brought near their minimum too. None shares one Hessian.
        report: called with the number of heads that have converged.
    """
    result = start.clone()
    running = torch.arange(objective.n_heads)
    parameters = start.clone()
    curvature = objective.pulls.new_empty(len(objective.x))
    spread = None if own is None or not refresh(0) else torch.empty_like(objective.ridge)
    gradient = objective.gradient(
        parameters, torch.empty_like(start), curvature=curvature if own is None else None, own=spread
    )
    hessians = own if own is None or spread is None else replace(own, curvature=objective.own_curvature(spread))
    solve: Callable[[Tensor], Tensor] = objective.preconditioner(curvature) if hessians is None else hessians
    history: list[tuple[Tensor, Tensor, Tensor]] = []
    for iteration in range(1, max_iterations + 1):
        short = objective.penalised_bound(gradient)
        unfinished = (short if hessians is None else short + objective.intercept_bound(gradient)) > target
        n_left = int(unfinished.sum())
        if n_left <= LEAVE * len(running):
            result[:, running] = parameters
            report(objective.n_heads - n_left)
            if n_left == 0:
                return result, iteration - 1
            keep = unfinished.nonzero().squeeze(1)
            running, objective = running[keep], objective.select(keep)
            parameters, gradient = parameters[:, keep], gradient[:, keep]
            history = [(s[:, keep], y[:, keep], rho[keep]) for s, y, rho in history]
            if hessians is not None:
                solve = hessians = hessians.select(keep)
        step = _direction(objective, gradient, solve, history)
        renew = refresh(iteration)
        spread = None if hessians is None or not renew else torch.empty_like(objective.ridge)
        moved = _line_search(
            objective,
            parameters,
            gradient,
            step,
            curvature=curvature if renew and hessians is None else None,
            spread=spread,
        )
        change = moved - gradient
        product = (step * change).sum(0)
        # A head whose step is lost in rounding teaches nothing: its pair is left out.
        useful = product > torch.finfo(step.dtype).tiny
        rho = torch.where(useful, 1.0 / torch.where(useful, product, 1.0), 0.0)
        history = [*history, (step, change, rho)][-MEMORY:]
        parameters = parameters + step
        gradient = moved
        if hessians is None:
            solve = objective.preconditioner(curvature) if renew else solve
        elif renew:
            solve = hessians = replace(hessians, curvature=objective.own_curvature(spread))
    result[:, running] = parameters
    return result, max_iterations


def _direction(
    objective: Objective,
    gradient: Tensor,
    solve: Callable[[Tensor], Tensor],
    history: list[tuple[Tensor, Tensor, Tensor]],
) -> Tensor:
    """Compute minus the L-BFGS inverse Hessian times the gradient, by the two loops."""
    q = gradient.clone()
    alphas = []
    for s, y, rho in reversed(history):
        alpha = rho * (s * q).sum(0)
        q.addcmul_(y, alpha, value=-1.0)
        alphas.append(alpha)
    p = solve(q.view(objective.x.shape[1], -1)).reshape(q.shape)
    for (s, y, rho), alpha in zip(history, reversed(alphas), strict=True):
        p.addcmul_(s, alpha - rho * (y * p).sum(0))
    return p.neg_()


def _line_search(
    objective: Objective,
    parameters: Tensor,
    gradient: Tensor,
    step: Tensor,
    *,
    curvature: Tensor | None,
    spread: Tensor | None,
) -> Tensor:
    """Shorten `step` in place where it overshoots its minimum along the line; return the gradient at its end."""
    moved = objective.gradient(parameters + step, torch.empty_like(gradient), curvature=curvature, own=spread)
    slope = (gradient * step).sum(0)
    for _ in range(SHORTENINGS):
        end_slope = (moved * step).sum(0)
        long = end_slope > OVERSHOOT * slope.abs()
        if not bool(long.any()):
            break
        heads = long.nonzero().squeeze(1)
        factor = slope[heads] / (slope[heads] - end_slope[heads])  # the secant's zero of the slope
        step[:, heads] *= factor
        slope[heads] *= factor
        part = objective.select(heads)
        shorter = (parameters + step)[:, heads].contiguous()
        moved[:, heads] = part.gradient(shorter, torch.empty_like(shorter))
    return moved
