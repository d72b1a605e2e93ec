"""Measuring, in NumPy alone: what predictions are worth, and why a student gains over its teacher.

Here is what everything is measured with: predictions, targets, the two orders of a divergence, intervals, metrics. In
the rooms are the questions: `decomposition` of risks and gains, `labelers` without the truth, `students` of a teacher,
comparisons `across_tasks`; and `generators`, the divergences.
"""
