"""What was chosen without labels, from what, by which criterion; how good that was; and tuned baselines beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outlearn.results.label_gain import LabelGain
from outlearn.results.measurement import Measurement, Number, Withheld
from outlearn.results.serialization import Record

__all__ = [
    "Candidate", "Companion", "CompanionConsensus", "CriterionChoice", "CrossedCalibration", "Judged",
    "JudgedCandidate", "Selection", "Shares", "TriedCandidate", "TrueLabelsUsed", "TunedBaseline",
]  # fmt: skip


class Candidate(Record):
    """One way to make a student.

    Attributes:
        name: for people.
        family: a name in `selection.candidates.FAMILIES`.
        kind: its loss, or what else it is.
        settings: what makes it, as plain data.
    """

    name: str
    family: str
    kind: str
    settings: Mapping[str, Any]


class TriedCandidate(Candidate):
    """A candidate with what each criterion says of it, without a true label; nan where it cannot tell."""

    values: Mapping[str, Number]


class JudgedCandidate(Candidate):
    """A candidate with the accuracy of its students on the test points."""

    accuracy: float


class CompanionConsensus(Record):
    """The consensus of students `without` the trained head, of the `answer`'s, and of the head's `own`."""

    without: Number
    answer: Number
    own: Number


class Companion(Candidate):
    """A trained head that is compared with the mean of the members; see `selection.companion`.

    Attributes:
        weight: its part in the answer, from 0 to 1 where it takes their place.
        consensus: what told.
    """

    weight: float
    consensus: CompanionConsensus


class CriterionChoice(Record):
    """What one criterion would have chosen, and its rank correlation with accuracy, 1 at best."""

    chosen: Candidate
    accuracy: float
    rank_correlation: Number | None


class Judged(Record):
    """How good the choice was, by true labels that no criterion saw; one seed a candidate, no interval.

    Attributes:
        accuracy: of each candidate, in their order.
        best: the most accurate one.
        chosen_accuracy: of the one that the criterion puts first.
        answer_accuracy: of the answer.
        regret: accuracy of the best candidate less that of the answer; an average of many may be above each of them.
        by_criterion: what each would have put first.
    """

    accuracy: tuple[float, ...]
    best: JudgedCandidate
    chosen_accuracy: float
    answer_accuracy: float
    regret: float
    by_criterion: Mapping[str, CriterionChoice]


class Shares(Record):
    """Class shares that students are brought to, where these come from, and those of the weak labels.

    `values` is empty where students are left as they are, as on pairs.
    """

    source: str
    values: tuple[float, ...]
    weak_labels: tuple[float, ...]


class TrueLabelsUsed(Record):
    """What was made of true labels beside the weak ones.

    Attributes:
        use: "none"; "choose": they helped to rank candidates; "learn": the answer learned from them too.
        n: how many.
    """

    use: str
    n: int


class CrossedCalibration(Record):
    """What the answer's logits were multiplied by and what was added, by class; see `selection.calibration`."""

    factor: float
    offsets: tuple[float, ...]


class Selection(Record):
    """What one recipe chose, from what, by which criterion, and how good that was.

    Attributes:
        recipe: a name in `core.labelers.recipes.RECIPES`.
        source: whose labels the answer learned from.
        form: of the answer, a name in `core.labelers.recipes.FORMS`.
        criterion: the one that chose.
        alignment: cosine between what students share and what labelers share; nan where either is nothing. Near 1 the
            labelers err independently, as far as students can tell.
        true_labels: what was made of them.
        label_gain: what they brought and the next would bring; None where none are used, or by single teachers.
        shares: of the classes.
        calibration: of the answer, by the students of other labelers.
        chosen: the candidate that the criterion puts first.
        members: those whose mean is the answer, the best first.
        companion: a trained head beside them; None where none was made, as of a single candidate.
        candidates: all.
        warnings: where the assumptions look broken, in sentences.
        students_trained: how many, for the choice and the answer.
    """

    recipe: str
    source: str
    form: str
    criterion: str
    alignment: Number
    true_labels: TrueLabelsUsed
    label_gain: LabelGain | Withheld | None = None
    shares: Shares
    calibration: CrossedCalibration
    chosen: Candidate
    members: tuple[Candidate, ...]
    companion: Companion | None = None
    candidates: tuple[TriedCandidate, ...]
    judged: Judged
    warnings: tuple[str, ...]
    students_trained: int


class TunedBaseline(Record):
    """A named loss at the setting that held-out accuracy on its own weak labels chooses; one seed.

    Attributes:
        loss: its name.
        source: whose labels it learned from: each teacher's, or the mean's.
        candidate: the setting.
        held_out: accuracy on the weak labels of the validation split, what it was chosen by.
        accuracy: on the test points.
        auto_minus: accuracy of `auto` less this, paired by point, given the choice.
    """

    loss: str
    source: str
    candidate: Candidate
    held_out: Number
    accuracy: Measurement
    auto_minus: Measurement
