"""Dawid and Skene's combination of labelers: a confusion matrix of each, and the true classes, by EM.

Given the true class k (with share pi_k) labelers answer independently, labeler i with class l at rate C_i[k, l]:

    E:  q_k(x)   proportional to  pi_k prod_i C_i[k, h_i(x)]
    M:  pi_k     proportional to  sum_x q_k(x)
        C_i[k, l] proportional to sum_x q_k(x) 1[h_i(x) = l] + smoothing / K

Each round raises the penalised likelihood. It starts from the shares of votes, which also says which class is which. It
fails where labelers err together: it then takes the group for one that knows, and its probabilities are far too sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from outlearn.core.log_space import log_normalise
from outlearn.core.predictions import Predictions, check_predictions
from outlearn.core.top_class import hard_votes
from outlearn.errors import AlignmentError, ConfigError

__all__ = ["DawidSkene", "dawid_skene"]

MAX_ROUNDS = 1000
TOLERANCE = 1e-9  # gain of the penalised log-likelihood, per point, at which it stops


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """What EM found; `combine` gives the true class's distribution on any points.

    Attributes:
        log_shares: log pi, `[classes]`.
        log_confusion: log C, `[labelers, truth, said]`.
        objective: penalised log-likelihood per point after each round; it never falls.
        converged: False if it still rose after the last round.
        reason: why the confusions are not identified, where they are not: those of fewer than three labelers fit many
            confusions equally well, so the votes are taken for the truth, in one round.
    """

    log_shares: Float[np.ndarray, "classes"]
    log_confusion: Float[np.ndarray, "labelers classes said"]
    objective: Float[np.ndarray, "rounds"]
    converged: bool
    reason: str | None = None

    def combine(self, predictions: Predictions) -> Predictions:
        """Give q_k(x), the true class's distribution where the same labelers say these hard labels, as one model.

        Raises:
            AlignmentError: for another number of labelers or classes.
        """
        found = (predictions.n_models, predictions.n_classes)
        if found != self.log_confusion.shape[:2]:
            raise AlignmentError(
                f"the confusions are of {self.log_confusion.shape[0]} labelers and {self.log_confusion.shape[1]} "
                f"classes; got predictions of {found[0]} and {found[1]}. Pass the same labelers, in the same order."
            )
        joint = _log_joint(hard_votes(predictions), self.log_shares, self.log_confusion)
        return predictions.as_one(joint)


def dawid_skene(predictions: Predictions, *, smoothing: float = 1.0) -> DawidSkene:
    """Estimate each labeler's confusion matrix and the class shares from hard labels, without the truth.

    They maximise prod_x sum_k pi_k prod_i C_i[k, h_i(x)] times the prior that the smoothing stands for, by EM.

    Args:
        predictions: of all labelers on the same points, `[labelers, points, classes]`; only each one's most probable
            class is used. A labeler that finds all classes equally likely at a point does not vote there.
        smoothing: made-up answers of each labeler for each true class, spread evenly over the classes: without them
            an answer never seen with some class rules that class out for ever. At least 0.

    Returns:
        The estimates, with log-likelihoods in nats per point.

    Raises:
        ConfigError: for a negative smoothing.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.integers(0, 2, 2000)
        >>> right = rng.random((4, 2000)) < np.array([[0.9], [0.7], [0.7], [0.7]])
        >>> votes = Predictions.from_probs(np.eye(2)[np.where(right, truth, 1 - truth)])
        >>> found = dawid_skene(votes)
        >>> np.exp(found.log_confusion[:, 0, 0]).round(2)    # how often each is right on class 0
        array([0.87, 0.7 , 0.72, 0.71])
        >>> float((found.combine(votes).probs[0].argmax(axis=-1) == truth).mean().round(2))
        0.92

    Source: Dawid and Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm, 1979. We add
    the smoothing; with 0 it is their maximum likelihood.
    """
    if not smoothing >= 0:
        raise ConfigError(f"smoothing is {smoothing!r}; expected a number of at least 0.")
    check_predictions(predictions=predictions)
    said = hard_votes(predictions)
    n_labelers, n_points, _ = said.shape
    votes = said.sum(axis=0)
    spoken = votes.sum(axis=-1, keepdims=True)
    belief = np.where(spoken > 0, votes / np.maximum(spoken, 1.0), 1 / votes.shape[-1])
    objective: list[float] = []
    while True:
        log_shares, log_confusion = _rates(said, belief, smoothing)
        joint = _log_joint(said, log_shares, log_confusion)
        likely = np.logaddexp.reduce(joint, axis=-1).sum()
        objective.append(float(likely + _penalty(log_confusion, smoothing)) / n_points)
        done = n_labelers < 3 or (len(objective) > 1 and objective[-1] - objective[-2] < TOLERANCE)
        if done or len(objective) == MAX_ROUNDS:
            break
        belief = np.exp(log_normalise(joint))
    few = "fewer than three labelers: other confusions explain their labels as well; these take the votes for the truth"
    return DawidSkene(log_shares, log_confusion, np.array(objective), done, few if n_labelers < 3 else None)


def _rates(said: np.ndarray, belief: np.ndarray, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    n_classes = belief.shape[-1]
    # Dawid and Skene 1979, M-step: C_i[k, l] from sum_x q_k(x) 1[h_i(x) = l], smoothed, and pi_k from sum_x q_k(x)
    counts = np.einsum("xk,ixl->ikl", belief, said, optimize=True) + smoothing / n_classes
    of_truth = counts.sum(axis=-1, keepdims=True)
    # A class that no point is believed to have, without smoothing: every answer is as likely.
    confusion = np.where(of_truth > 0, counts / np.where(of_truth > 0, of_truth, 1.0), 1 / n_classes)
    with np.errstate(divide="ignore"):
        return np.log(belief.mean(axis=0)), np.log(confusion)


def _log_joint(said: np.ndarray, log_shares: np.ndarray, log_confusion: np.ndarray) -> np.ndarray:
    """Return log(pi_k prod_i C_i[k, h_i(x)]), `[points, classes]`: the E-step's q_k(x) before it is normalised."""
    joint = np.tile(log_shares, (said.shape[1], 1))
    for votes, of_labeler in zip(said, log_confusion, strict=True):
        # A split vote counts each of its classes by its share; 0 log 0 = 0.
        split = (votes > 0).sum(axis=-1) > 1
        speaks = votes.any(axis=-1) & ~split
        joint[speaks] += of_labeler.T[votes[speaks].argmax(axis=-1)]
        if split.any():
            shares = votes[split][:, None]
            with np.errstate(invalid="ignore"):
                joint[split] += np.where(shares > 0, shares * of_labeler, 0.0).sum(axis=-1)
    return joint


def _penalty(log_confusion: np.ndarray, smoothing: float) -> float:
    """Return log of the prior that smoothing stands for, up to a constant."""
    return float(smoothing / log_confusion.shape[-1] * log_confusion.sum()) if smoothing else 0.0
