"""What a report takes for granted, and where the data say that it does not hold."""

from __future__ import annotations

from outlearn.core.labelers.alike_pairs import MOST_NOT_TOLD
from outlearn.preflight_checks.check_labels import MIN_POINTS, MIN_TRUE_LABELS
from outlearn.preflight_checks.measures import LabelMeasures
from outlearn.preflight_checks.student_measures import MIN_HABIT_EXCESS
from outlearn.preflight_checks.students import CrossFit
from outlearn.results.preflight_noise import NoiseReport

__all__ = ["assumptions", "classes_in_words", "doubts"]


def assumptions(labels: LabelMeasures, single: CrossFit | None, largest_bias: float) -> tuple[str, ...]:
    """List the assumptions that the numbers rest on."""
    found: list[str] = []
    noise = labels.noise_report()
    if isinstance(noise, NoiseReport):
        found.append(f"{noise.sentence} {_meaning(noise)}")
    if labels.skills.assumption:
        found.append(f"Independence: {labels.skills.assumption}.")
    if single is not None:
        judged = (
            "; of three labelers or more, a student of all is judged by one that it did not learn from, so that it "
            "lacks that one's labels too"
        )
        found.append(
            f"Gains are of students that saw {single.n_seen / labels.table.n_points:.0%} of the points"
            f"{judged if len(labels.table.names) > 1 else ''}. Intervals are over points, for these labelers."
        )
        if labels.table.true_labels is None:
            found.append(
                f"The range of the gain in accuracy allows for a shared bias of up to {largest_bias:.0%} of points, "
                "whatever the student answers there."
            )
    if labels.table.true_labels is not None:
        strata = labels.table.true_strata
        drawn = "." if strata is None else f" from each of {strata.words}, and are weighted by its size."
        found.append(f"The points with true labels were drawn at random{drawn}")
    return tuple(found)


def _meaning(noise: NoiseReport) -> str:
    if noise.model == "difficulty":
        return (
            "The shared answer of a point is what ever more such labelers would vote for; which labelers a point has "
            "does not depend on it. Gains over the shared answer count a point by how sure labelers are of it."
        )
    return (
        "A labeler misses the shared answer equally often at every point, then gives any other class equally often. "
        "Where hard points collect the misses, the share is larger; the bounds beside it hold for any noise."
    )


def doubts(labels: LabelMeasures, habits: float) -> tuple[str, ...]:
    """List what in the data speaks against the assumptions; `habits` is what `student_measures.habits` found."""
    names, found = labels.table.names, []
    if labels.skills.left_out and labels.judges:
        few = [j for j in labels.skills.left_out if labels.has_few_labels(j)]
        why = {
            f"fewer than {MIN_POINTS} labels of points that another labeled too": few,
            "no more agreement with the others than chance": [j for j in labels.skills.left_out if j not in few],
        }
        found += [
            f"{', '.join(names[j] for j in who)}: {words}. The rest is judged without; its labels are still in the "
            "students of all labelers: drop it with --labelers."
            for words, who in why.items()
            if who
        ]
    if len(names) > 1 and not labels.judges and labels.right_more_than_chance:
        better = labels.right_more_than_chance
        rest = [name for j, name in enumerate(names) if j not in better]
        verb = "is" if len(better) == 1 else "are"
        said = f"{', '.join(names[j] for j in better)} {verb} right more often than a guess"
        found.append(
            f"The labelers agree no more than chance with each other, so that true labels alone judge them: {said}"
            + (f", {', '.join(rest)} not. Keep the former (--labelers)." if rest else ".")
        )
    if labels.skills.alike:
        pairs = "; ".join(
            f"{names[i]} and {names[j]} ({excess:.1f} standard errors)"
            for (i, j), excess in sorted(labels.skills.alike.items(), key=lambda item: -item[1])
        )
        found.append(
            f"More agreement than skills explain: {pairs}. {_shared_errors(labels)} Votes and students still count "
            "such labelers twice: keep one of each such pair (--labelers)."
        )
    if habits > MIN_HABIT_EXCESS:
        found.append(
            f"Students agree with their own labeler more than with the others ({habits:.1f} standard errors): labelers "
            "have habits that can be learned from the points. A student of one labeler takes its habits over; one of "
            "several does so less."
        )
    found += [
        f"Labelers tell {words} apart hardly or not: of two labels that are among these, agreement beyond chance "
        f"(kappa) is {each.kappa.interval(labels.level)}, where 1 is perfect."
        for each, words in zip(labels.one_class, classes_in_words(labels), strict=True)
    ]
    found += _never_true(labels)
    truth = labels.table.true_labels
    if truth is not None and (truth >= 0).sum() < MIN_TRUE_LABELS:
        n_true = int((truth >= 0).sum())
        said = "There is no true label" if n_true == 0 else f"{n_true} true label{'s are' if n_true > 1 else ' is'} few"
        found.append(f"{said}: give {MIN_TRUE_LABELS} or more.")
    return tuple(found)


def _shared_errors(labels: LabelMeasures) -> str:
    """Say what pairs that share errors do to the variance of a labeler."""
    if len(labels.judges) > MOST_NOT_TOLD:
        return "They share errors that the others do not; how often a labeler misses is estimated without them."
    return (
        "At least one of these pairs shares errors that the others do not, so that labelers look better than they are; "
        "of four labelers it is not known which, and the interval of how often each of them misses allows for both."
    )


def classes_in_words(labels: LabelMeasures) -> tuple[str, ...]:
    """Write each set of classes that labelers take for one another."""
    names = labels.table.class_names
    return tuple(" and ".join(repr(names[k]) for k in each.classes) for each in labels.one_class)


def _never_true(labels: LabelMeasures) -> list[str]:
    """Name the classes that labelers give and that no true label is of, where there are enough to tell."""
    truth = labels.table.true_labels
    if truth is None or (truth >= 0).sum() < MIN_TRUE_LABELS:
        return []
    known = truth >= 0
    found = []
    for k, name in enumerate(labels.table.class_names):
        said = int((labels.table.labels[:, known] == k).sum())
        if said >= MIN_TRUE_LABELS and not (truth == k).any():
            found.append(
                f"{name!r} is the true label of none of {int(known.sum()):,} points, where labelers say it {said:,} "
                "times. If it is a refusal, leave the cell empty; if it is another spelling, write it in one way."
            )
    return found
