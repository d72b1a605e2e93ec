"""The table of learners, and how one is read from a configuration. A new learner is one line here."""

from __future__ import annotations

from collections.abc import Mapping

from outlearn.errors import ConfigError, suggest
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.learners.head_learners import ConvexLearner, HeadLearner
from outlearn.learners.learner import Learner
from outlearn.learners.prompting import PromptLearner
from outlearn.learners.ridge_learner import RidgeLearner

__all__ = ["LEARNERS", "get_learner"]

LEARNERS: dict[str, type[Learner]] = {
    "convex": ConvexLearner,
    "adamw": HeadLearner,
    "finetune": FinetuneLearner,
    "prompt": PromptLearner,
    "ridge": RidgeLearner,
}


def get_learner(config: object) -> Learner:
    """Build a learner from a mapping with its kind and keys; a learner is returned as it is.

    Raises:
        ConfigError: for no mapping, or a kind that is not known.
        pydantic.ValidationError: for keys that are not known or values that are not allowed, all at once.

    Examples:
        >>> get_learner({"kind": "convex", "C": 2})
        ConvexLearner(kind='convex', C=2.0, standardise=None)
    """
    if isinstance(config, Learner):
        return config
    if not isinstance(config, Mapping):
        raise ConfigError(f"is {config!r}; expected a mapping with its kind, such as {{kind: adamw}}")
    kind = config.get("kind")
    if not isinstance(kind, str) or kind not in LEARNERS:
        raise ConfigError(f"kind is {kind!r}; {suggest(kind, LEARNERS)}")
    return LEARNERS[kind].model_validate(config)
