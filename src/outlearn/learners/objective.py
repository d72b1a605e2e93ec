"""The convex objective of many logistic heads at once, and its gradient by two wide products.

For each head, with weights w_i that sum to 1 over the examples and lambda = 1 / (C sum of the weights as given),

    f(W, b) = sum_i w_i CE(t_i, softmax(W x_i + b)) + lambda |W|^2 / 2:

scikit-learn's objective divided by the total weight. The intercept b is not penalised. Two classes have one weight
vector, the margin's, as in scikit-learn; more classes have one each. Parameters are `[inputs x logits, heads]`, heads
innermost, the intercepts in the last rows; tables are `[examples, logits, heads]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from outlearn.lazy_torch import Tensor, torch
from outlearn.learners.rows import DenseRows, Products, Rows

__all__ = ["Objective", "OwnHessians", "probabilities"]

# Numbers of a table worked on at once: they stay in the cache between the two products.
BLOCK = 2**18
STRIP = 96  # columns of a Hessian computed at once
ROWS = 1024  # examples of a Hessian's product taken at once
# Of the curvature at 0, to which a head's own may fall: a step of predictions that are certain has no end.
LEAST_CURVATURE = 0.03
WIDEST_FACTOR = 4096  # inputs up to which a Hessian is factorised: 64 MiB, and a second


@dataclass(frozen=True)
class Objective:
    """Hold the data of a batch of heads.

    Attributes:
        x: `[examples, inputs]`, of all heads or of each one's set; the last input is 1 if there is a bias.
        pulls: w_i t_i, `[examples, logits, heads]`.
        weights: w_i, `[examples, 1, heads]`.
        ridge: lambda, `[heads]`.
        bias: whether the last input is the intercept's.
    """

    x: Products
    pulls: Tensor
    weights: Tensor
    ridge: Tensor
    bias: bool
    buffers: tuple[Tensor, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Allocate the block's buffers once."""
        rows = max(64, BLOCK // max(1, self.pulls.shape[1] * self.n_heads))
        z = self.pulls.new_empty(min(rows, len(self.x)), self.pulls.shape[1], self.n_heads)
        object.__setattr__(self, "buffers", (z, torch.empty_like(z)))

    @property
    def rows(self) -> Rows:
        """Return the rows that all heads share: where each reads those of its set there are none."""
        if not isinstance(self.x, Rows):
            raise TypeError("heads of several sets share no rows, and no Hessian: give `minimise` their own")
        return self.x

    @property
    def n_heads(self) -> int:
        """Return the number of heads."""
        return self.pulls.shape[2]

    @property
    def n_logits(self) -> int:
        """Return the logits of a head: 1 for two classes."""
        return self.pulls.shape[1]

    @property
    def n_penalised(self) -> int:
        """Return how many of the rows of the parameters are penalised: all but the intercepts."""
        return (self.x.shape[1] - self.bias) * self.n_logits

    def gradient(
        self, parameters: Tensor, out: Tensor, *, curvature: Tensor | None = None, own: Tensor | None = None
    ) -> Tensor:
        """Write the gradient of every head into `out`, reading the features twice; return `out`.

        `curvature`, `[examples]`, is written with the average over heads and logits of w_i p (1 - p), and `own`,
        `[heads]`, with its sum over examples, averaged over logits.
        """
        n_inputs, width = self.x.shape[1], self.n_logits * self.n_heads
        w, g = parameters.view(n_inputs, width), out.view(n_inputs, width)
        size = len(self.buffers[0])
        g.zero_()
        if own is not None:
            own.zero_()
        for start in range(0, len(self.x), size):
            stop = min(start + size, len(self.x))
            z, p = self.buffers[0][: stop - start], self.buffers[1][: stop - start]
            weights = self.weights[start:stop]
            self.x.product(start, stop, w, z.view(stop - start, width))
            probabilities(z, out=p)
            if curvature is not None or own is not None:
                spread = torch.addcmul(p, p, p, value=-1.0, out=z).mul_(weights)
                if curvature is not None:
                    torch.mean(spread, dim=(1, 2), out=curvature[start:stop])
                if own is not None:
                    own += spread.mean(1).sum(0)
            residual = torch.mul(p, weights, out=z).sub_(self.pulls[start:stop])
            self.x.add_back(start, stop, residual.view(stop - start, width), g)
        out[: self.n_penalised].addcmul_(parameters[: self.n_penalised], self.ridge)
        return out

    def penalised_bound(self, gradient: Tensor) -> Tensor:
        """Compute |g|^2 / (2 lambda) over the penalised parameters, `[heads]`: the gap where the intercept's g is 0."""
        return gradient[: self.n_penalised].square().sum(0) / (2.0 * self.ridge)

    def intercept_bound(self, gradient: Tensor) -> Tensor:
        """Estimate what the intercepts are short of, |g|^2 / (2 c), `[heads]`; c is the curvature at W = 0.

        For a margin that is the largest that there is, 1/4; for more logits 1/K, of at most 1/2.
        """
        return gradient[self.n_penalised :].square().sum(0) / (2.0 * self._curvature_at_0)

    @property
    def _curvature_at_0(self) -> float:
        """Return the eigenvalue of diag(p) - p p^T at W = 0, or p (1 - p) for a margin."""
        return 0.25 if self.n_logits == 1 else 1.0 / self.n_logits

    def preconditioner(self, curvature: Tensor) -> Callable[[Tensor], Tensor]:
        """Return what solves X^T diag(curvature) X + lambda, curvature >= 0, for `[inputs, logits x heads]`.

        A Hessian that is too wide to be factorised is replaced by its diagonal.
        """
        if self.x.shape[1] > WIDEST_FACTOR:
            return self._diagonal(curvature)
        factor = self._factor(curvature)
        return lambda gradient: torch.cholesky_solve(gradient, factor)

    def own_preconditioner(self) -> OwnHessians:
        """Return what solves each head's Hessian as if all examples had one curvature: c X^T X / n + lambda.

        With features as they deviate from their mean m, the intercept is free of the weights: what is decomposed is
        X^T X / n - m m^T, once for all heads. Too wide for that, it is replaced by its diagonal.
        """
        n, wide = len(self.x), self.x.shape[1] > WIDEST_FACTOR
        even, mean = self.pulls.new_full((n,), 1.0 / n), self.pulls.new_zeros(self.x.shape[1], 1)
        self.x.add_back(0, n, even[:, None], mean)
        m = mean[: self.x.shape[1] - self.bias] * float(self.bias)
        vectors = None
        if wide:
            values = self._squares(even)[: len(m)] - m[:, 0].square()
        else:
            moments = self._hessian(even)[: len(m), : len(m)]
            values, found = torch.linalg.eigh(moments.sub_(m @ m.t()))
            vectors = DenseRows(found, bias=False)
        return OwnHessians(
            values.clamp(min=0.0)[:, None],
            vectors,
            DenseRows(m.t(), bias=False) if self.bias else None,
            self.own_curvature(None),
            self.ridge,
        )

    def own_curvature(self, spread: Tensor | None) -> Tensor:
        """Return c of each head, at W = 0 or where the sum of w_i p (1 - p) is `spread`, `[heads]`.

        A class's curvature lies on its own examples, one in so many as there are classes: two classes share all.
        """
        largest = self._curvature_at_0
        if spread is None:
            return torch.full_like(self.ridge, largest)
        return (spread * max(1.0, self.n_logits / 2)).clamp(LEAST_CURVATURE * largest, largest)

    def _factor(self, curvature: Tensor) -> Tensor:
        hessian = self._hessian(curvature)
        self._regularise(hessian.diagonal())
        factor: Tensor = torch.linalg.cholesky(hessian)
        return factor

    def _hessian(self, curvature: Tensor) -> Tensor:
        """Compute the lower triangle of X^T diag(curvature) X; above it stands less."""
        rows, n_inputs = self.rows, self.x.shape[1]
        hessian, scaled = curvature.new_zeros(n_inputs, n_inputs), curvature.new_empty(min(ROWS, len(rows)), n_inputs)
        for first in range(0, len(rows), ROWS):
            x = rows.block(first, min(first + ROWS, len(rows)))
            left = torch.mul(x, curvature[first : first + ROWS, None], out=scaled[: len(x)]).t()
            # Cholesky reads the lower triangle: strips below the diagonal save almost half of the product.
            for start in range(0, n_inputs, STRIP):
                strip = hessian[start:, start : start + STRIP]
                torch.addmm(strip, left[start:], x[:, start : start + STRIP], out=strip)
        return hessian

    def _diagonal(self, curvature: Tensor) -> Callable[[Tensor], Tensor]:
        diagonal = self._squares(curvature)
        self._regularise(diagonal)
        return lambda gradient: gradient / diagonal[:, None]

    def _squares(self, curvature: Tensor) -> Tensor:
        """Compute the diagonal of X^T diag(curvature) X."""
        diagonal = curvature.new_zeros(self.x.shape[1])
        for first in range(0, len(self.x), ROWS):
            stop = min(first + ROWS, len(self.x))
            self.rows.add_squares(first, stop, curvature[first:stop], diagonal)
        return diagonal

    def _regularise(self, diagonal: Tensor) -> None:
        """Add the ridge, and what keeps rounding from making a Hessian indefinite."""
        diagonal[: len(diagonal) - self.bias] += self.ridge.mean()
        diagonal.add_(diagonal.mean() * torch.finfo(self.x.dtype).eps * 8.0)

    def select(self, heads: Tensor) -> Objective:
        """Keep these heads only."""
        return Objective(
            self.x.of_heads(heads),
            self.pulls[:, :, heads].contiguous(),
            self.weights[:, :, heads].contiguous(),
            self.ridge[heads],
            self.bias,
        )


@dataclass(frozen=True)
class OwnHessians:
    """Solve c (V L V^T) + lambda for the weights of each head with its own lambda, and c for its intercepts.

    In the coordinates w and b + m^T w the Hessian has no entries between the two.

    Attributes:
        values: L, `[features, 1]`, or `[features, heads]` where heads read sets of their own.
        vectors: V, `[features, features]`; None for the unit vectors.
        mean: m^T, `[1, features]`; None without intercepts.
        curvature: c, `[heads]`.
        ridge: lambda, `[heads]`.
    """

    values: Tensor
    vectors: Products | None
    mean: Products | None
    curvature: Tensor
    ridge: Tensor

    def __call__(self, gradient: Tensor) -> Tensor:
        """Solve for `[inputs, logits x heads]`."""
        d, n_heads = len(self.values), len(self.ridge)
        weights = gradient[:d] if self.mean is None else self._back(self.mean, -gradient[d:]).add_(gradient[:d])
        along = weights if self.vectors is None else self._back(self.vectors, weights)
        scales = self.curvature * self.values + self.ridge
        n_logits = gradient.shape[1] // n_heads  # not -1: there may be no feature
        along = (along.view(d, n_logits, n_heads) / scales[:, None]).view(weights.shape)
        solved = along if self.vectors is None else self._product(self.vectors, along)
        if self.mean is None:
            return solved
        intercepts = (gradient[d:].view(n_logits, n_heads) / self.curvature).view(1, -1) - self._product(
            self.mean, solved
        )
        return torch.cat([solved, intercepts])

    def select(self, heads: Tensor) -> OwnHessians:
        """Keep these heads only."""
        return replace(
            self,
            values=self.values if self.values.shape[1] == 1 else self.values[:, heads],
            vectors=None if self.vectors is None else self.vectors.of_heads(heads),
            mean=None if self.mean is None else self.mean.of_heads(heads),
            curvature=self.curvature[heads],
            ridge=self.ridge[heads],
        )

    def _product(self, x: Products, table: Tensor) -> Tensor:
        out = table.new_empty(len(x), table.shape[1])
        x.product(0, len(x), table, out)
        return out

    def _back(self, x: Products, table: Tensor) -> Tensor:
        out = table.new_zeros(x.shape[1], table.shape[1])
        x.add_back(0, len(x), table, out)
        return out


def probabilities(logits: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Compute softmax over `[examples, classes, heads]`, or the sigmoid of one margin."""
    if logits.shape[1] == 1:
        return torch.sigmoid(logits, out=out)
    if logits.shape[2] > 1:
        return torch.softmax(logits, 1, out=out)
    # Of one head the classes lie side by side, and the softmax of a last axis takes a sixth of the time.
    p = torch.softmax(logits[:, :, 0], 1, out=None if out is None else out[:, :, 0])
    return p[:, :, None] if out is None else out
