"""Random features: a layer of random units that is drawn once and never trained, of any width.

With p units, d inputs and W_ij ~ N(0, 1/d),

    relu:  phi(x) = max(0, W x + b) / sqrt(p),        b_i ~ N(0, 1)
    cos:   phi(x) = sqrt(2 / p) cos(W x + b),         b_i ~ U(0, 2 pi)

for inputs of mean 0 and variance 1. A linear model on phi is the student of the capacity experiments; the wider, the
closer its kernel phi(x).phi(x') is to its mean over W and b, of which the second is exp(-|x - x'|^2 / 2d). Either way
|phi(x)|^2 is about 1 at any width, so that penalties of different widths can be compared.

Source: Rahimi and Recht, Random Features for Large-Scale Kernel Machines, NeurIPS 2007 (cos); Cho and Saul, Kernel
Methods for Deep Learning, NeurIPS 2009 (the kernel of relu).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from outlearn.core.feature_matrix import FeatureMatrix

__all__ = ["Activation", "RandomFeatureMap"]

Activation: TypeAlias = Literal["relu", "cos"]


@dataclass(frozen=True)
class RandomFeatureMap:
    """Hold a layer of random units.

    Attributes:
        weights: W transposed, `[inputs, units]`.
        bias: b, `[units]`.
        activation: "relu" or "cos".
    """

    weights: Float[np.ndarray, "inputs units"]
    bias: Float[np.ndarray, " units"]
    activation: Activation

    @classmethod
    def draw(
        cls, n_inputs: int, width: int, rng: np.random.Generator, activation: Activation = "relu"
    ) -> RandomFeatureMap:
        """Draw W and b for standardised inputs."""
        weights = rng.standard_normal((n_inputs, width)) / np.sqrt(n_inputs)
        return cls(weights, _BIAS[activation](rng, width), activation)

    def on_raw_inputs(
        self, mean: Float[np.ndarray, " inputs"], scale: Float[np.ndarray, " inputs"]
    ) -> RandomFeatureMap:
        """Return the same map of inputs that are not standardised yet: W (x - mean) / scale + b = W' x + b'.

        Sparse inputs stay sparse this way. An input whose scale is infinite plays no part.
        """
        weights = self.weights / scale[:, None]
        return RandomFeatureMap(weights, self.bias - mean @ weights, self.activation)

    def __call__(self, inputs: FeatureMatrix) -> Float[np.ndarray, "points units"]:
        """Return phi of each point, in the precision of inputs and weights."""
        units = inputs @ self.weights
        units += self.bias
        if self.activation == "relu":
            np.maximum(units, 0.0, out=units)
            units /= np.sqrt(units.shape[1])
        else:
            np.cos(units, out=units)
            units *= np.sqrt(2.0 / units.shape[1])
        return np.asarray(units)


_BIAS: Mapping[Activation, Callable[[np.random.Generator, int], np.ndarray]] = {
    "relu": lambda rng, width: rng.standard_normal(width),
    "cos": lambda rng, width: rng.uniform(0.0, 2 * np.pi, width),
}
