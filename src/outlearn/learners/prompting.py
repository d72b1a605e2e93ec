"""The teacher that is a language model with a question, as a configuration names it: it labels, untrained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from outlearn.language_models.prompts import FIELDS, PAIR_FIELDS, check_classes, check_template, class_words
from outlearn.learners.learner import Learner

__all__ = ["PromptLearner"]


class PromptLearner(Learner):
    """A teacher for each model, template and draw of examples; its labels are the probabilities of class words."""

    kind: Literal["prompt"] = "prompt"
    # As an encoder of kind hf names it: smollm2, a folder, a GGUF file, package:NAME, or a name on the hub.
    model: Annotated[tuple[str, ...], Field(min_length=1)] = ("smollm2",)
    revision: str | None = None
    local_files_only: bool = True
    # Text with {text} in it, or {a} and {b} for pairs. A class word follows.
    templates: Annotated[tuple[str, ...], Field(min_length=1)]
    # Class -> the word that the model may say; by default its name after a blank.
    classes: dict[str, str] | None = None
    chat: bool = False
    # Examples with true labels, from the teacher split, shown before each text; each draw of them is a teacher.
    shots: Annotated[int, Field(ge=0)] = 0
    draws: Annotated[int, Field(ge=1)] = 1
    # By default shares for classes, and none for pairs, whose two orders cancel what the model prefers.
    calibration: Literal["shares", "content_free", "labels", "none"] | None = None
    # Class -> its share, for calibration: shares; by default all are equal.
    shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] | None = None
    # Of the whole prompt. What a text has beyond is cut.
    max_length: Annotated[int, Field(ge=1)] | None = 512
    cut: Literal["end", "start"] = "end"
    # By device: 1024 on a CPU, 16384 on a GPU.
    tokens_per_batch: Annotated[int, Field(ge=1)] | None = None
    precision: Literal["auto", "float32", "bf16"] = "auto"

    label: ClassVar[str] = "prompting"
    line: ClassVar[str] = "A language model that is asked, one teacher for each model, template and draw of examples."
    extra: ClassVar[str] = "hf"
    reads: ClassVar[Literal["features", "texts"]] = "texts"
    learns: ClassVar[bool] = False
    trains_together: ClassVar[bool] = False
    wants_gpu: ClassVar[bool] = True

    @field_validator("model", "templates", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("model", "templates")
    @classmethod
    def _no_repeats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("one is listed twice: two teachers would be the same")
        return value

    @model_validator(mode="after")
    def _options_are_used(self) -> PromptLearner:
        if self.draws > 1 and not self.shots:
            raise ValueError(f"draws is {self.draws}, of no examples: the teachers would be the same; set shots")
        if self.shares is not None and self.calibration not in (None, "shares"):
            raise ValueError(f"shares have no effect with calibration: {self.calibration}; leave them out")
        return self

    def calibration_of(self, kind: str) -> Literal["shares", "content_free", "labels", "none"]:
        """Return how probabilities are calibrated for points of a kind of task."""
        return self.calibration or ("none" if kind == "preference" else "shares")

    def words(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """Return the word of each class, in label order.

        Raises:
            ConfigError: if `classes` names others.

        Examples:
            >>> PromptLearner(templates="{text} is").words(["bad", "good"])
            (' bad', ' good')
        """
        return class_words(self.classes, class_names)

    def class_shares(self, class_names: Sequence[str]) -> tuple[float, ...] | None:
        """Return the share of each class, in label order; None where they are equal.

        Raises:
            ConfigError: if `shares` names other classes.
        """
        if self.shares is None:
            return None
        check_classes("shares", self.shares, class_names)
        return tuple(self.shares[name] for name in class_names)

    def check_templates(self, kind: str) -> None:
        """Refuse templates that do not fit the points of a task.

        Raises:
            ConfigError: names what is missing.
        """
        for template in self.templates:
            check_template(template, PAIR_FIELDS if kind == "preference" else FIELDS)
