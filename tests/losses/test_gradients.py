"""The class-major gradients: what is prepared, what is refused, and where thresholds come from.

That closed forms equal autograd, for every loss, is in tests/contracts/test_losses.py.
"""

from __future__ import annotations

import pytest
import torch

from outlearn.errors import ConfigError, DomainError, ShapeError
from outlearn.losses import (
    CACE,
    AuxConf,
    ForwardCE,
    Hellinger,
    Regularised,
    ReverseCE,
    logit_gradient,
    margin_gradient,
    prepare,
    resolve,
)


def draw(classes, examples=12, models=4, seed=0):
    """Draw class-major logits and targets."""
    rng = torch.Generator().manual_seed(seed)
    z = 2.0 * torch.randn(classes, examples, models, generator=rng, dtype=torch.float64)
    return z, (1.5 * torch.randn(classes, examples, models, generator=rng, dtype=torch.float64)).softmax(0)


def test_the_form_follows_the_number_of_classes_and_the_loss():
    assert prepare(ReverseCE(), draw(2)[1]).form == "margin"
    assert prepare(ReverseCE(), draw(3)[1]).form == "classes"
    assert prepare(Hellinger(), draw(2)[1]).form == "autograd"
    assert prepare(Regularised(Hellinger()), draw(3)[1]).form == "autograd"


@pytest.mark.parametrize("loss", [ForwardCE(), ReverseCE(), Hellinger()], ids=repr)
def test_two_classes_are_held_as_one_row_where_there_is_a_closed_form(loss):
    prepared = prepare(loss, draw(2)[1])
    rows = sum(part.shape[0] for part in prepared.parts.values())
    assert rows == (2 if prepared.form == "autograd" else 1)
    assert prepared.n_examples == 12
    assert prepared.take(torch.tensor([3, 3, 1])).n_examples == 3


@pytest.mark.parametrize("classes", [2, 3])
def test_a_quantile_is_settled_over_all_examples_for_each_model(classes):
    z, t = draw(classes)
    prepared = prepare(CACE(quantile=0.5), t)
    together = logit_gradient(CACE(quantile=0.5), z, prepared)
    for m in range(z.shape[2]):
        alone = resolve(CACE(quantile=0.5), t[:, :, m].T)
        expected = logit_gradient(alone, z[:, :, m : m + 1].contiguous(), t[:, :, m : m + 1].contiguous())
        torch.testing.assert_close(together[:, :, m : m + 1], expected)
    # A minibatch keeps the thresholds of the whole set.
    some = torch.tensor([0, 7])
    part = logit_gradient(CACE(quantile=0.5), z[:, some].contiguous(), prepared.take(some))
    torch.testing.assert_close(part, together[:, some])


def test_a_quantile_is_never_taken_over_a_batch_of_plain_targets():
    z, t = draw(2)
    for loss in (CACE(quantile=0.5), Regularised(CACE(quantile=0.5))):
        with pytest.raises(ConfigError, match="over the whole training set"):
            logit_gradient(loss, z, t)


def test_targets_prepared_for_another_loss_are_refused():
    z, t = draw(2)
    prepared = prepare(ReverseCE(), t)
    with pytest.raises(ConfigError, match=r"prepared for ReverseCE.*not for ForwardCE"):
        logit_gradient(ForwardCE(), z, prepared)
    with pytest.raises(ConfigError, match="prepare them again"):
        logit_gradient(ReverseCE(smoothing=0.1), z, prepared)
    logit_gradient(ReverseCE(smoothing=1e-4), z, prepared)  # equal, not the same object


def test_shapes_that_do_not_fit_are_refused():
    z, t = draw(2)
    prepared = prepare(ForwardCE(), t)
    with pytest.raises(ShapeError, match="12 examples"):
        logit_gradient(ForwardCE(), z[:, :5].contiguous(), prepared)
    with pytest.raises(ShapeError, match="2 classes"):
        logit_gradient(ForwardCE(), draw(3)[0], prepared)
    with pytest.raises(ShapeError, match="4 models"):
        logit_gradient(ForwardCE(), z[:, :, :1].contiguous(), prepared)
    with pytest.raises(ShapeError, match="3 classes"):
        margin_gradient(ForwardCE(), z[0], prepare(ForwardCE(), draw(3)[1]))
    with pytest.raises(ShapeError, match="2 or more classes"):
        prepare(ForwardCE(), t[:1])


@pytest.mark.parametrize("classes", [2, 3])
def test_hard_labels_without_smoothing_are_refused_when_prepared(classes):
    hard = torch.zeros(classes, 4, 1)
    hard[0] = 1.0
    with pytest.raises(DomainError, match="smoothing above 0"):
        prepare(ReverseCE(smoothing=0.0), hard)


def test_progress_reaches_the_warm_up():
    z, t = draw(2)
    cold = logit_gradient(AuxConf(), z, t, progress=0.0)
    torch.testing.assert_close(cold, logit_gradient(ForwardCE(), z, t))
    assert not torch.equal(cold, logit_gradient(AuxConf(), z, t, progress=0.1))
    with pytest.raises(ConfigError, match="progress"):
        logit_gradient(AuxConf(), z, t, progress=1.5)


def test_no_graph_is_built_even_for_logits_that_require_a_gradient():
    z, t = draw(3)
    for loss in (ForwardCE(), Hellinger()):
        assert not logit_gradient(loss, z.clone().requires_grad_(), t).requires_grad


def test_preparing_does_not_depend_on_the_layout_of_the_targets():
    z, t = draw(3)
    strided = t.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    assert not strided.is_contiguous()
    torch.testing.assert_close(logit_gradient(ReverseCE(), z, strided), logit_gradient(ReverseCE(), z, t))
