"""What every Bregman generator can do: divergence, both coordinate systems, both means, and a check of its domain.

A strictly convex phi makes `D(a, b) = phi(a) - phi(b) - <grad phi(b), a - b>`. Points are the primal coordinates and
`grad phi` of them the dual ones; under negative entropy, log-probabilities (logits, up to a constant).
Convention: the class axis is last, everything is float64, all logarithms are natural.

To add one, subclass `BregmanGenerator`: phi, its gradient and the inverse of that are enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Real

from outlearn.core.generators.averages import average, positive_weights
from outlearn.core.log_space import log_normalise
from outlearn.core.plain_arrays import plain_array
from outlearn.errors import DomainError, ShapeError

__all__ = ["BregmanGenerator", "ConjugateGenerator"]


class BregmanGenerator(ABC):
    """A strictly convex function and the divergence it makes; coordinates lie along the last axis.

    Public methods check shapes and domains and then call the hooks, whose names start with an underscore and which get
    float64 arrays inside the domain. What follows from phi by definition loses about 1e-16 of the size of phi in a
    divergence; the generators of this folder replace it by stable forms.

    Examples:
        >>> from typing import final
        >>> @final
        ... class Quartic(BregmanGenerator):
        ...     name, domain, dual_domain = "quartic", "finite numbers", "finite numbers"
        ...     def _inside(self, points): return np.isfinite(points)
        ...     def _inside_dual(self, duals): return np.isfinite(duals)
        ...     def _potential(self, points): return (points**4).sum(-1)
        ...     def _gradient(self, points): return 4 * points**3
        ...     def _inverse_gradient(self, duals): return np.cbrt(duals / 4)
        >>> float(Quartic().divergence(np.array([2.0]), np.array([1.0])))
        11.0
        >>> Quartic().dual_mean(np.array([[0.0], [2.0]])).round(4)
        array([1.5874])
    """

    # What tables, figures and reports say of a generator; the defaults fit one of the user's own.
    name: ClassVar[str]
    label: ClassVar[str] = ""  # for people
    line: ClassVar[str] = ""  # one sentence for the docs
    domain: ClassVar[str]  # what a point must be, as the end of an error message
    dual_domain: ClassVar[str]
    unit: ClassVar[str] = "units of D"  # of D, and so of risks, gaps and misfits
    divergence_symbol: ClassVar[str] = "D"
    notation: ClassVar[str] = "D({a}, {b})"  # how D of a and b is written out
    primal_mean_name: ClassVar[str] = "arithmetic"  # what averaging points does to their numbers
    dual_mean_name: ClassVar[str] = "mean of gradients"  # what averaging in dual coordinates does to them
    dual_is_logits: ClassVar[bool] = False  # dual coordinates of a distribution, known up to a constant
    in_runs: ClassVar[bool] = False  # offered as measure.generator: it takes one-hot labels, and its risk is in use
    risk_metric: ClassVar[str | None] = None  # the metric that D(one-hot label, prediction) is, a key of METRICS

    # ---- what a generator must say of itself -------------------------------------------------------------------------

    @abstractmethod
    def _inside(self, points: np.ndarray) -> Bool[np.ndarray, "..."]:
        """Tell which coordinates (same shape as points) or rows (one axis less) lie in the domain; NaN does not."""

    @abstractmethod
    def _inside_dual(self, duals: np.ndarray) -> Bool[np.ndarray, "..."]: ...

    @abstractmethod
    def _potential(self, points: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _gradient(self, points: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray: ...

    # ---- what follows by definition: replaced where a form exists that loses no digits -------------------------------

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        points = self._inverse_gradient(duals)
        return np.asarray((duals * points).sum(axis=-1) - self._potential(points))  # Fenchel's equality

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(self._potential(a) - self._potential(b) - (self._gradient(b) * (a - b)).sum(axis=-1))

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._divergence(self._inverse_gradient(u), self._inverse_gradient(v))

    def _divergence_of_gradients(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self._divergence_from_dual(u, v)

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the point whose dual coordinates are the weighted average over the first axis."""
        return self._inverse_gradient(average(self._gradient(points), weights))

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the dual coordinates of the weighted average, over the first axis, of the points themselves."""
        return self._gradient(average(self._inverse_gradient(duals), weights))

    def _dual_from_log_probs(self, log_probs: np.ndarray) -> np.ndarray:
        return self._gradient(np.exp(log_probs))

    # ---- what every generator offers ---------------------------------------------------------------------------------

    def contains(self, points: Real[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
        """Tell which coordinates, or rows for a domain that couples them, lie in the domain."""
        return np.asarray(self._inside(np.asarray(points, dtype=np.float64)))

    def potential(self, points: Real[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch"]:
        """Compute phi, summed over the last axis."""
        return np.asarray(self._potential(self._points(points, "points")))

    def conjugate(self, duals: Real[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch"]:
        """Compute the convex conjugate `phi*(u) = sup_a <u, a> - phi(a)`."""
        return np.asarray(self._conjugate(self._duals(duals, "duals")))

    def gradient(self, points: Real[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
        """Map points to their dual coordinates, `grad phi`; on the simplex they are fixed up to a constant."""
        return np.asarray(self._gradient(self._points(points, "points")))

    def inverse_gradient(self, duals: Real[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
        """Map dual coordinates back to points, `grad phi* = (grad phi)^-1`."""
        return np.asarray(self._inverse_gradient(self._duals(duals, "duals")))

    def divergence(
        self, a: Real[np.ndarray, "*batch_a classes_a"], b: Real[np.ndarray, "*batch_b classes_b"]
    ) -> Float[np.ndarray, "..."]:
        """Compute `D(a, b) = phi(a) - phi(b) - <grad phi(b), a - b>` over the last axis.

        Args:
            a: points `[..., classes]`.
            b: points `[..., classes]`; leading axes broadcast against those of a.

        Returns:
            `[...]`, at least 0, in nats for the entropies; +inf where b lies on the boundary and a does not.

        Raises:
            ShapeError: if the last axes differ or the leading ones do not broadcast.
            DomainError: if a point lies outside the generator's domain; the message gives its index.

        Examples:
            >>> from outlearn.core.generators import get_generator
            >>> get_generator("negative_entropy").divergence(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])).round(4)
            array([0.6931])

        Source: Bregman, The relaxation method of finding the common point of convex sets, 1967.
        """
        first, second = self._pair(self._points(a, "a"), self._points(b, "b"))
        return np.asarray(self._divergence(first, second))

    def divergence_from_dual(
        self, u: Real[np.ndarray, "*batch_a classes_a"], v: Real[np.ndarray, "*batch_b classes_b"]
    ) -> Float[np.ndarray, "..."]:
        """Compute `D(a, b)` from `u = grad phi(a)` and `v = grad phi(b)`: logits, for negative entropy.

        Examples:
            >>> from outlearn.core.generators import get_generator
            >>> get_generator("negative_entropy").divergence_from_dual(np.array([[1e3, 0.0]]), np.array([[0.0, 1e3]]))
            array([1000.])
        """
        first, second = self._pair(self._duals(u, "u"), self._duals(v, "v"))
        return np.asarray(self._divergence_from_dual(first, second))

    def normalised(self, duals: Float[np.ndarray, "*batch classes"]) -> Float[np.ndarray, "*batch classes"]:
        """Return those of equal dual coordinates that `gradient` gives: of logits, which are known up to a constant."""
        return log_normalise(duals) if self.dual_is_logits else duals

    def divergence_of_gradients(
        self, u: Float[np.ndarray, "*batch_a classes_a"], v: Float[np.ndarray, "*batch_b classes_b"]
    ) -> Float[np.ndarray, "..."]:
        """Compute the same of what `gradient` or `normalised` gave: nothing is checked or normalised again.

        Examples:
            >>> from outlearn.core.generators import get_generator
            >>> get_generator("negative_entropy").divergence_of_gradients(np.log([[0.5, 0.5]]), np.log([[0.9, 0.1]]))
            array([0.51082562])
        """
        return np.asarray(self._divergence_of_gradients(u, v))

    def residual(
        self,
        a: Real[np.ndarray, "*batch_a classes_a"],
        b: Real[np.ndarray, "*batch_b classes_b"],
        c: Real[np.ndarray, "*batch_c classes_c"],
    ) -> Float[np.ndarray, "..."]:
        """Compute `<grad phi(b) - grad phi(c), a - b>`, what `D(a, b) + D(b, c)` lacks to `D(a, c)` (three points).

        A coordinate where a and b are equal adds 0, also where a dual coordinate there is infinite.
        """
        middle = self._points(b, "b")
        step, turn = self._pair(self._points(a, "a") - middle, self.gradient(middle) - self.gradient(c))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(step == 0.0, 0.0, turn * step).sum(axis=-1))

    def mean(
        self, points: Real[np.ndarray, "..."], weights: Real[np.ndarray, "..."] | None = None, axis: int = 0
    ) -> Float[np.ndarray, "..."]:
        """Average points over an axis: the z that minimises the average of D(point, z), whatever the generator.

        Args:
            points: `[models, ..., classes]`, or the models along another axis than the last.
            weights: `[models]`, at least 0, normalised here; a model of weight 0 takes no part. Equal if None.
            axis: the axis of the models.

        Returns:
            The points without that axis.

        Raises:
            ShapeError, DomainError: for weights of another length, negative, all zero or not finite.
        """
        values, used = self._models_first(self._points(points, "points"), weights, axis)
        return average(values, used)

    def dual_mean(
        self, points: Real[np.ndarray, "..."], weights: Real[np.ndarray, "..."] | None = None, axis: int = 0
    ) -> Float[np.ndarray, "..."]:
        """Average in dual coordinates, `grad phi*(E grad phi(f))`: the z that minimises the average of D(z, point).

        Args:
            points, weights, axis: as for `mean`.

        Returns:
            The points without that axis.

        Raises:
            ShapeError, DomainError: as for `mean`; DomainError also where the average does not exist, as for
                distributions that share no class of positive probability.

        Source: Pfau, A generalized bias-variance decomposition for Bregman divergences, 2013.
        """
        values, used = self._models_first(self._points(points, "points"), weights, axis)
        result = np.asarray(self._dual_mean(values, used))
        self._refuse(
            self._inside(result),
            result,
            "the dual mean",
            f"{self.domain} (models certain of opposite labels have none)",
        )
        return result

    def dual_from_log_probs(
        self, log_probs: Float[np.ndarray, "*batch classes"], *, argument: str = "probs", first: int = 0
    ) -> Float[np.ndarray, "*batch classes"]:
        """Map probability vectors, given by their logarithms, to dual coordinates, not by way of rounded probabilities.

        Args:
            log_probs: normalised, `[..., classes]`; -inf is a probability of 0.
            argument: what error messages call the array.
            first: what they count its rows from.

        Raises:
            DomainError: where a probability of 0, or one whose dual coordinate overflows, is outside the domain.
        """
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            duals = np.asarray(self._dual_from_log_probs(np.asarray(log_probs, dtype=np.float64)))
            self._refuse(self._inside_dual(duals), np.exp(log_probs), argument, self.domain, first)
        return duals

    def mean_from_dual(
        self, duals: Real[np.ndarray, "..."], weights: Real[np.ndarray, "..."] | None = None, axis: int = 0
    ) -> Float[np.ndarray, "..."]:
        """Compute the dual coordinates of the (arithmetic) mean from the dual coordinates of the points."""
        values, used = self._models_first(self._duals(duals, "duals"), weights, axis)
        return np.asarray(self._mean_from_dual(values, used))

    def dual_mean_from_dual(
        self, duals: Real[np.ndarray, "..."], weights: Real[np.ndarray, "..."] | None = None, axis: int = 0
    ) -> Float[np.ndarray, "..."]:
        """Compute the dual coordinates of the dual mean: their average.

        Raises:
            DomainError: where it does not exist, as for distributions that share no class of positive probability.
        """
        values, used = self._models_first(self._duals(duals, "duals"), weights, axis)
        result = average(values, used)
        self._refuse(self._inside_dual(result), result, "the average of dual coordinates", self.dual_domain)
        return result

    # ---- checks ----------------------------------------------------------------------------------------------------

    def _points(self, values: np.ndarray, argument: str) -> np.ndarray:
        array = _float_array(values, argument)
        self._refuse(self._inside(array), array, argument, self.domain)
        return array

    def _duals(self, values: np.ndarray, argument: str) -> np.ndarray:
        array = _float_array(values, argument)
        self._refuse(self._inside_dual(array), array, argument, self.dual_domain)
        return array

    def _refuse(self, inside: np.ndarray, values: np.ndarray, argument: str, domain: str, first: int = 0) -> None:
        if np.all(inside):
            return
        where = tuple(int(i) for i in np.argwhere(~np.asarray(inside))[0])
        named = str([first + where[0], *where[1:]]) if where else ""  # a single point has no index
        raise DomainError(f"{self.name} needs {domain}; {argument}{named} is {values[where]}.")

    def _models_first(self, values: np.ndarray, weights: np.ndarray | None, axis: int) -> tuple[np.ndarray, np.ndarray]:
        if values.ndim < 2 or not -values.ndim <= axis < values.ndim or axis % values.ndim == values.ndim - 1:
            raise ShapeError(
                f"a mean needs an axis of models before the class axis, got axis={axis} of shape {values.shape}."
            )
        models = np.moveaxis(values, axis, 0)
        keep, used = positive_weights(weights, len(models))
        return (models if len(keep) == len(models) else models[keep]), used

    @staticmethod
    def _pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if a.shape[-1] != b.shape[-1]:
            raise ShapeError(f"the last axes (classes) must be equal, got shapes {a.shape} and {b.shape}.")
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            raise ShapeError(f"the leading axes do not broadcast: shapes {a.shape} and {b.shape}.") from None
        return a, b


class ConjugateGenerator(BregmanGenerator):
    """The convex conjugate phi* of another generator: points and duals change places, D*(a, b) = D(grad b, grad a)."""

    of: ClassVar[BregmanGenerator]

    def _potential(self, points: np.ndarray) -> np.ndarray:
        return self.of._conjugate(points)

    def _conjugate(self, duals: np.ndarray) -> np.ndarray:
        return self.of._potential(duals)

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        return self.of._inverse_gradient(points)

    def _inverse_gradient(self, duals: np.ndarray) -> np.ndarray:
        return self.of._gradient(duals)

    def _divergence(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self.of._divergence_from_dual(b, a)

    def _divergence_from_dual(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self.of._divergence(v, u)

    def _dual_mean(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self.of._mean_from_dual(points, weights)

    def _mean_from_dual(self, duals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self.of._dual_mean(duals, weights)


def _float_array(values: np.ndarray, argument: str) -> np.ndarray:
    array = plain_array(values, argument, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(f"{argument} must have a last axis of at least one coordinate, got shape {array.shape}.")
    return array
