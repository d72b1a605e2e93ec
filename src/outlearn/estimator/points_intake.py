"""How an estimator of this package takes points: tags for scikit-learn, texts by an encoder, columns by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from outlearn.estimator.arguments import check_points
from outlearn.estimator.bagged_teachers import weak_columns
from outlearn.estimator.text_encoding import FittedEncoder, dense, fit_encoder

__all__ = ["TakesPoints"]


class TakesPoints(BaseEstimator):  # type: ignore[misc]
    """Take points as arrays, frames or sparse matrices; or with an encoder, as texts.

    Attributes:
        encoder: as given to the estimator; None where points are features.
        encoder_: what it learned in `fit`.
    """

    encoder: Any
    encoder_: FittedEncoder

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = self.encoder is not None
        tags.input_tags.two_d_array = self.encoder is None
        return tags

    def _encoded(self, X: Any) -> Any:
        """Fit the encoder, if there is one, and return what `validate_data` is to check."""
        check_points(X, encoded=self.encoder is not None)
        if self.encoder is not None:
            self.encoder_, X = fit_encoder(self.encoder, X)
        return X

    def _checked(self, X: Any) -> np.ndarray:
        """Return new points as features, as those of `fit` were."""
        check_is_fitted(self)
        check_points(X, encoded=self.encoder is not None)
        if self.encoder is not None:
            X = self.encoder_.transform(X)
        return dense(validate_data(self, X, reset=False, dtype="numeric", accept_sparse="csr"))

    def _columns(self, columns: Any, X: np.ndarray, argument: str) -> Int[np.ndarray, " columns"]:
        """Return the columns that an argument names."""
        names = list(getattr(self, "feature_names_in_", ()))
        return weak_columns(columns, n_features=X.shape[1], names=names, argument=argument)
