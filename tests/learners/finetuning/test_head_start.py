"""Where a head starts: alike for all classes, or as the language model itself would answer after a prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.learners.finetuning.tiny import CE, fit, logits_of

from outlearn.errors import ConfigError
from outlearn.learners.finetuning.learner import FinetuneLearner
from outlearn.learners.finetuning.loading import load_tokenizer
from outlearn.learners.finetuning.settings import FinetuneSettings
from outlearn.learners.finetuning.tokens import tokenise
from outlearn.learners.jobs import HeadJob

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.medium

TEMPLATE, WORDS = "film: {text}\nSentiment:", (" bad", " good")
# A rate so small that the weights stay where they start.
STILL = FinetuneSettings(epochs=0.1, learning_rate=1e-30, dropout=0.0, max_length=20, batch_size=4)
FROM_WORDS = replace(STILL, start="words", template=TEMPLATE, words=WORDS)
TEXTS = [("the film is fine",), ("a poor day",), ("news",), ("it sounds like bad news",)]
TARGETS = np.array([[[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0.8, 0.2]]])
SAME = 1e-4


def started(folder, settings):
    return logits_of(fit(folder, settings, points=TEXTS, targets=TARGETS))


@pytest.mark.parametrize("adaptation", ["full", "lora"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_from_class_words_the_classifier_says_what_the_language_model_says(causal_folder, family, adaptation):
    from outlearn.language_models.causal_lm import load_causal_lm
    from outlearn.language_models.prompt_tokens import PromptTokens
    from outlearn.language_models.prompts import Prompt
    from outlearn.language_models.scoring import word_log_probs

    folder = causal_folder(family)
    model = load_causal_lm(folder, "tiny", device="cpu")
    tokens = PromptTokens(model, Prompt(TEMPLATE, WORDS))
    first = [(word[0],) for word in tokens.words]
    said = word_log_probs(model, [tokens(text)[0] for text in TEXTS], first)
    found = started(folder, replace(FROM_WORDS, adaptation=adaptation))
    np.testing.assert_allclose(np.diff(found), np.diff(said), atol=SAME)
    assert np.ptp(np.diff(found)) > 0.01, "texts differ"


def test_from_zero_all_classes_are_alike(causal_folder):
    found = started(causal_folder(), replace(STILL, start="zero"))
    np.testing.assert_allclose(found, np.zeros((4, 2)), atol=1e-20)


def test_training_goes_on_from_the_class_words(causal_folder):
    folder = causal_folder()
    moved = started(folder, replace(FROM_WORDS, epochs=20, learning_rate=1e-2))
    assert np.abs(np.diff(moved) - np.diff(started(folder, FROM_WORDS))).max() > 0.5
    assert ((np.diff(moved)[:, 0] > 0) == (TARGETS[0, :, 1] > 0.5))[[0, 1, 3]].all()


def test_a_long_text_is_cut_and_the_template_is_not(causal_folder):
    folder = causal_folder("gpt2")
    tokenizer = load_tokenizer(folder, max_length=20, trust_remote_code=False)
    long, short = "news " * 30, "news " * 3
    found = tokenise(tokenizer, [(long,), (short,)], max_length=5, cut="end", around=("<", "\nSentiment:"))
    ends = [tokenizer.decode(found.ids[a:b]) for a, b in zip(found.starts[:-1], found.starts[1:], strict=True)]
    assert all(end.startswith("<news") and end.endswith("\nSentiment:") for end in ends)
    assert len(ends[0]) < len(long)


def test_words_with_one_first_token_are_refused_and_the_advice_works(causal_folder):
    with pytest.raises(ConfigError, match=r"begin with one token, .*start: probe"):
        started(causal_folder(), replace(FROM_WORDS, words=(" good day", " good news")))
    started(causal_folder(), replace(STILL, start="probe", template=TEMPLATE))


def test_an_encoder_has_no_class_words(causal_folder):
    with pytest.raises(ConfigError, match="continued by a causal language model"):
        started(causal_folder("bert"), FROM_WORDS)


def test_a_word_that_melts_into_the_template_is_refused(causal_folder):
    with pytest.raises(ConfigError, match="no token of its own"):
        started(causal_folder(), replace(FROM_WORDS, template="{text} is goo", words=("d", " bad")))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start": "words"}, "follow a template"),
        ({"classes": {"a": " a", "b": " b"}}, "classes have no effect with start: random"),
        ({"template": "no field"}, r"expected \{text\} once"),
        ({"start": "head"}, "start"),
    ],
)
def test_options_that_mean_nothing_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        FinetuneLearner(**given)


def test_classes_are_those_of_the_task_and_pairs_have_none():
    learner = FinetuneLearner(start="words", template="{text} is", classes={"no": " bad", "yes": " good"})
    assert learner.words("classification", ("yes", "no")) == (" good", " bad")
    assert FinetuneLearner().words("classification", ("yes", "no")) is None
    with pytest.raises(ConfigError, match=r"names no, yes; the classes of the task are a, b"):
        learner.words("classification", ("a", "b"))
    with pytest.raises(ConfigError, match="no meaning for pairs"):
        learner.words("preference", ("a", "b"))


def test_a_job_of_another_loss_starts_from_the_same_words(causal_folder):
    from outlearn.losses import get_loss

    folder = causal_folder()
    jobs = [HeadJob(0, CE, seed=1), HeadJob(0, get_loss("reverse_ce"), seed=2)]
    both = fit(folder, FROM_WORDS, points=TEXTS, targets=TARGETS, jobs=jobs).logits["test"][-1]
    np.testing.assert_allclose(both[0], both[1], atol=SAME)
