"""Class words are scored as by one plain forward pass a text and word, without cache, padding or batches."""

from __future__ import annotations

import numpy as np
import pytest

from outlearn.errors import ConfigError
from outlearn.language_models.prompts import Prompt

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from outlearn.language_models.causal_lm import CausalLM, load_causal_lm  # noqa: E402
from outlearn.language_models.prompt_tokens import PromptTokens  # noqa: E402
from outlearn.language_models.scoring import word_log_probs  # noqa: E402

# float32 sums in another order, over 3 layers of weights of size 1; log-probabilities are of size 10.
SAME = 2e-4
TEXTS = [("good " * (1 + (5 * i) % 7)).strip() + " film" * (i % 3) for i in range(17)]
SINGLE = Prompt("the film {text} is", (" good", " bad"))
WHOLE = Prompt("it says: {text}\nit sounds", (" like good news", " like bad news", " fine"))


def load(folder, name: str = "tiny", **options) -> CausalLM:
    return load_causal_lm(folder, name, precision="float32", device="cpu", **options)


def plain(model: CausalLM, prompts, words) -> np.ndarray:
    """Read each prompt with each word whole."""
    found = np.zeros((len(prompts), len(words)))
    with torch.inference_mode():
        for i, prompt in enumerate(prompts):
            for k, word in enumerate(words):
                logits = model.network(torch.tensor([[*prompt, *word]])).logits[0].double()
                steps = logits.log_softmax(-1)[len(prompt) - 1 : -1]
                found[i, k] = steps[torch.arange(len(word)), torch.tensor(word)].sum()
    return found


@pytest.mark.parametrize("prompt", [SINGLE, WHOLE], ids=["one token", "several tokens"])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral"])
def test_scores_equal_a_plain_pass_without_cache_or_batches(kind, prompt, causal_folder):
    model = load(causal_folder(kind))
    tokens = PromptTokens(model, prompt)
    prompts = [tokens((text,))[0] for text in TEXTS]
    found = word_log_probs(model, prompts, tokens.words, tokens_per_batch=40)
    assert model.cached
    np.testing.assert_allclose(found, plain(model, prompts, tokens.words), atol=SAME)


@pytest.mark.filterwarnings("ignore::UserWarning")  # its faster kernels are not installed
def test_a_network_that_remembers_otherwise_reads_prompts_whole_with_the_same_result(causal_folder):
    model = load(causal_folder("mamba"))
    assert not model.cached
    tokens = PromptTokens(model, WHOLE)
    prompts = [tokens((text,))[0] for text in TEXTS[:7]]
    found = word_log_probs(model, prompts, tokens.words, tokens_per_batch=64)
    np.testing.assert_allclose(found, plain(model, prompts, tokens.words), atol=SAME)


def test_prompts_that_are_all_the_same_are_scored(causal_folder):
    model = load(causal_folder())
    tokens = PromptTokens(model, SINGLE)
    found = word_log_probs(model, [tokens(("good",))[0]] * 3, tokens.words)
    assert np.ptp(found, axis=0).max() < SAME


def test_two_classes_with_one_first_token_are_told_apart_by_the_whole_word(causal_folder):
    model = load(causal_folder())
    tokens = PromptTokens(model, WHOLE)
    assert tokens.words[0][0] == tokens.words[1][0]
    assert tokens.words[0] != tokens.words[1]
    scores = word_log_probs(model, [tokens((text,))[0] for text in TEXTS], tokens.words)
    assert np.abs(scores[:, 0] - scores[:, 1]).min() > 100 * SAME


def test_the_probabilities_of_all_first_tokens_sum_to_1(causal_folder):
    model = load(causal_folder())
    words = [(token,) for token in range(model.network.config.vocab_size)]
    found = word_log_probs(model, [[0, 5, 9, 4], [0, 7]], words)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("template", "words", "said"),
    [
        ("the film {text} is ", ("good", "bad"), "no token of its own after .* the word with one: ' good'"),
        ("the film {text} i", ("s good", " bad"), "no token of its own after"),
        ("the film {text} is", (" good", ""), "a class word is empty"),
        ("the film {text} is", (" good", " good"), "' good' begins the class word ' good'"),
        ("the film {text} is", (" good", " good news"), "' good' begins the class word ' good news'"),
    ],
)
def test_a_class_word_that_cannot_be_scored_is_refused(template, words, said, causal_folder):
    with pytest.raises(ConfigError, match=said):
        PromptTokens(load(causal_folder()), Prompt(template, words))


def test_the_advice_about_a_class_word_works(causal_folder):
    model = load(causal_folder())
    with pytest.raises(ConfigError, match="the word with one: ' good'"):
        PromptTokens(model, Prompt("the film {text} is ", ("good", "bad")))
    PromptTokens(model, Prompt("the film {text} is", (" good", " bad")))


@pytest.mark.parametrize("cut", ["end", "start"])
def test_a_text_that_is_too_long_is_cut_at_the_end_that_was_asked_for_and_the_question_stays(cut, causal_folder):
    model = load(causal_folder())
    prompt = Prompt("the film {text} is", (" good", " bad"), max_length=24, cut=cut)
    tokens = PromptTokens(model, prompt)
    text = "good " + "day " * 60 + "news"
    ids, was_cut = tokens((text,))
    read = model.tokenizer.decode(ids, skip_special_tokens=True)
    assert was_cut
    assert len(ids) + max(map(len, tokens.words)) <= 24
    assert read.startswith("the film ")
    assert read.endswith(" is")
    assert ("good" in read, "news" in read) == ((True, False) if cut == "end" else (False, True))
    assert not tokens(("good",))[1]


def test_of_a_pair_the_longer_text_takes_the_room_that_the_shorter_leaves(causal_folder):
    model = load(causal_folder())
    prompt = Prompt("First: {a}\nSecond: {b}\nbetter:", (" A", " B"), max_length=40)
    ids, was_cut = PromptTokens(model, prompt)(("good", "day " * 60))
    read = model.tokenizer.decode(ids, skip_special_tokens=True)
    assert was_cut
    assert "First: good\nSecond: day" in read
    assert len(ids) >= 35  # of 39: the parts of a template merge differently around a text than around none


def test_a_prompt_reads_no_more_than_the_model(causal_folder):
    model = load(causal_folder())
    prompt = Prompt("the film {text} is", (" good", " bad"), max_length=None)
    assert len(PromptTokens(model, prompt)(("day " * 300,))[0]) < model.context


def test_examples_that_leave_no_room_are_refused(causal_folder):
    many = tuple(((f"a fine day {i}",), i % 2) for i in range(30))
    with pytest.raises(ConfigError, match=r"with 30 examples takes \d+ of 96 tokens and leaves no room"):
        PromptTokens(load(causal_folder()), Prompt("the film {text} is", (" good", " bad"), examples=many))


def test_a_chat_is_asked_in_the_model_s_own_format(causal_folder):
    model = load(causal_folder(chat=True))
    prompt = Prompt("is it good? {text}", ("good", "bad"), examples=((("fine",), 0),), chat=True)
    ids, _ = PromptTokens(model, prompt)(("poor",))
    assert model.tokenizer.decode(ids) == (
        "<|user|>is it good? fine\n<|assistant|>good\n<|user|>is it good? poor\n<|assistant|>"
    )


def test_a_model_without_a_chat_template_says_what_to_do(causal_folder):
    with pytest.raises(ConfigError, match=r"'tiny' has no chat template.*Set chat: false"):
        PromptTokens(load(causal_folder()), Prompt("{text}?", ("good", "bad"), chat=True))


@pytest.mark.parametrize(("kind", "said"), [("t5", "is an encoder-decoder model"), ("bert", "sees what comes later")])
def test_a_model_that_continues_no_prompt_is_refused(kind, said, causal_folder):
    with pytest.raises(ConfigError, match=f"'{kind}' {said}.*such as smollm2"):
        load(causal_folder(kind), kind)


def test_what_the_tokenizer_puts_before_every_text_comes_before_a_prompt(causal_folder):
    for kind, first in (("llama", 0), ("gpt2", None)):
        tokens = PromptTokens(load(causal_folder(kind)), SINGLE)
        ids, _ = tokens(("good",))
        assert (ids[0] == 0) == (first == 0)
        assert ids == tokens.model.tokenizer("the film good is")["input_ids"]
