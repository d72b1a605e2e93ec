"""What each order of the divergence means, in words: which direction, which misfit, which posterior mean.

    target_first:      risk D(target, prediction)   misfit D(student, teacher)   dual posterior mean
    prediction_first:  risk D(prediction, target)   misfit D(teacher, student)   primal (arithmetic) posterior mean

Every printed result of the risk gap takes its words from here, so that the two cannot be mixed up unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

from outlearn.core.generators import BregmanGenerator
from outlearn.core.targets import check_order

__all__ = ["Directions", "directions"]

# What averaging in dual coordinates does to the numbers themselves.
DUAL_MEANS = {
    "squared_euclidean": "arithmetic",
    "mahalanobis": "arithmetic",
    "negative_entropy": "geometric",
    "binary_entropy": "mean log-odds",
    "itakura_saito": "harmonic",
    "generalized_kl": "geometric, not normalised",
    "exponential": "log-mean-exp",
    "log_cosh": "artanh of the mean tanh",
    "softplus": "logit of the mean sigmoid",
    "logsumexp": "log of the mean softmax",
}


@dataclass(frozen=True)
class Directions:
    """The words for one generator and order: `risk`, `misfit`, `residual` and `posterior_mean`."""

    generator: str
    order: str
    risk: str
    misfit: str
    residual: str
    posterior_mean: str

    def __str__(self) -> str:
        return (
            f"{self.generator}, order {self.order}\n"
            f"  risk      {self.risk}\n"
            f"  misfit    {self.misfit}\n"
            f"  residual  {self.residual}; on average 0 where the student\n"
            f"            is the {self.posterior_mean} posterior mean of its teacher"
        )


def directions(generator: BregmanGenerator, order: str) -> Directions:
    """Say in words what risk, misfit and posterior mean are under this generator and order.

    Example:
        >>> from outlearn.core.generators import get_generator
        >>> d = directions(get_generator("negative_entropy"), "target_first")
        >>> d.risk, d.misfit, d.posterior_mean
        ('KL(target || prediction)', 'KL(student || teacher)', 'dual (geometric)')
        >>> d = directions(get_generator("negative_entropy"), "prediction_first")
        >>> d.risk, d.misfit, d.posterior_mean
        ('KL(prediction || target)', 'KL(teacher || student)', 'primal (arithmetic)')
    """
    if check_order(order) == "target_first":
        risk, misfit = ("target", "prediction"), ("student", "teacher")
        residual = "<grad(student) - grad(teacher), target - student>"
        kind = DUAL_MEANS.get(generator.name, "mean of gradients")
        mean = f"dual ({kind})"
    else:
        risk, misfit = ("prediction", "target"), ("teacher", "student")
        residual = "<grad(student) - grad(target), teacher - student>"
        mean = "primal (arithmetic)"
    return Directions(generator.name, order, _written(generator, *risk), _written(generator, *misfit), residual, mean)


def _written(generator: BregmanGenerator, first: str, second: str) -> str:
    if generator.name == "negative_entropy":
        return f"KL({first} || {second})"
    if generator.name == "squared_euclidean":
        return f"|{first} - {second}|^2"
    return f"D({first}, {second})"
