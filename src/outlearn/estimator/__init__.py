"""scikit-learn's face of the package: a classifier that fits on weak labels."""

from outlearn.estimator.classifier import WeakToStrongClassifier

__all__ = ["WeakToStrongClassifier"]
