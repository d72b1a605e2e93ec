"""Weak-to-strong fine-tuning in intrinsic subspaces: how much of the teacher's variance its student inherits.

Teacher and student see the same points through whitened features z_w (d_w of them) and z_s (d_s), jointly Gaussian with
C = E z_s z_w' and correlation dimension q = |C|_F^2 in [0, min(d_w, d_s)]. Both are least squares: the teacher on n
noisy labels, the student on N points that the teacher labels. The target lies in both feature spaces, so that all error
is variance, and per unit of label noise variance, exactly at any size,

    Var(teacher) = d_w / (n - d_w - 1),
    Var(student) = [q + (d_s / (N - d_s - 1)) (d_w - q)] / (n - d_w - 1).

What the two do not share, d_w - q, is the discrepancy: the student forgets it as N grows.

Theory: docs/theory/subspace.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.errors import DomainError
from outlearn.theory.scalars import Number, Whole

__all__ = ["SubspaceVariances", "subspace_variances"]


@dataclass(frozen=True)
class SubspaceVariances:
    """Hold the exact averages: `teacher` - `student` = `misfit` + `residual`.

    Attributes:
        teacher, student: variances of their predictions about the target.
        misfit: E (student - teacher)^2.
        residual: the part of the gain that is not misfit; it vanishes as N grows.
        leading: the student's variance to leading order in d/n and d_s/N.
    """

    teacher: float
    student: float
    misfit: float
    residual: float
    leading: float


def subspace_variances(
    *,
    teacher_dimension: Whole,
    student_dimension: Whole,
    correlation_dimension: Number,
    teacher_examples: Whole,
    student_examples: Number,
    noise_variance: Number = 1.0,
) -> SubspaceVariances:
    """Compute the variances of teacher and student in their subspaces.

    Args:
        teacher_dimension: d_w.
        student_dimension: d_s.
        correlation_dimension: q = |C|_F^2, between 0 and the smaller dimension.
        teacher_examples: n, at least d_w + 2.
        student_examples: N, at least d_s + 2; possibly infinite.
        noise_variance: of the teacher's labels.

    Raises:
        DomainError: if a size is too small for the average to exist, or q out of range.

    Examples:
        >>> v = subspace_variances(teacher_dimension=30, student_dimension=20, correlation_dimension=8.0,
        ...                        teacher_examples=61, student_examples=121)
        >>> v.teacher, round(v.student, 4), round(v.misfit + v.residual, 4)
        (1.0, 0.4133, 0.5867)

    Source: the leading order is that of Dong et al., Discrepancies are virtue: weak-to-strong generalization through
    lens of intrinsic dimension, 2025; the exact form is derived for this package.
    """
    d_w, d_s, q = int(teacher_dimension), int(student_dimension), float(correlation_dimension)
    n, n_student = int(teacher_examples), float(student_examples)
    if n < d_w + 2 or n_student < d_s + 2:
        raise DomainError(
            f"averages exist from teacher_examples >= {d_w + 2} and student_examples >= {d_s + 2} on, "
            f"got {n} and {student_examples}"
        )
    if not 0 <= q <= min(d_w, d_s):
        raise DomainError(f"correlation_dimension is {q}; it must be between 0 and {min(d_w, d_s)}")
    per_direction = float(noise_variance) / (n - d_w - 1)
    copied = d_s / (n_student - d_s - 1)  # what an unseen direction of the teacher leaves in the student, as noise
    unshared = d_w - q
    return SubspaceVariances(
        teacher=d_w * per_direction,
        student=(q + copied * unshared) * per_direction,
        misfit=unshared * (1 + copied) * per_direction,
        residual=-2 * unshared * copied * per_direction,
        leading=float(noise_variance) / n * (q + d_s / n_student * unshared),
    )
