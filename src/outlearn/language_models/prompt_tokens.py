"""The tokens of a prompt around each text, and those of the class words as they follow it.

A text that is too long for the model is cut, never dropped; the template and the examples are not. Whole prompts are
tokenised, as the model would read them by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from outlearn.errors import ConfigError
from outlearn.language_models.causal_lm import CausalLM
from outlearn.language_models.prompts import Prompt, Texts

__all__ = ["PromptTokens"]


class PromptTokens:
    """Turn texts into the tokens of one prompt for one model, and its class words into theirs.

    Raises:
        ConfigError: if the template leaves no room for a text, or a class word cannot be scored after it.
    """

    def __init__(self, model: CausalLM, prompt: Prompt) -> None:
        self.model, self.prompt = model, prompt
        self.first = [] if prompt.chat else _first_tokens(model)
        self.words = _word_tokens(model, prompt)
        longest = max(map(len, self.words))
        limit = min(prompt.max_length or model.context, model.context)
        self.limit = limit - longest
        empty = len(self._written(("",) * len(prompt.fields)))
        if empty >= self.limit:
            raise ConfigError(
                f"the template {prompt.template!r} with {len(prompt.examples)} examples takes {empty + longest} of "
                f"{limit} tokens and leaves no room for a text. Show fewer or shorter examples, or raise max_length "
                f"({model.name!r} reads {model.context})."
            )
        self.room = self.limit - empty

    def __call__(self, texts: Texts) -> tuple[list[int], bool]:
        """Return the tokens of the prompt around these texts, and whether they were cut."""
        tokens = self._written(texts)
        if len(tokens) <= self.limit:
            return tokens, False
        room = self.room
        while len(tokens) > self.limit:  # a cut text may come to a token more than it was
            if room < 1:
                raise ConfigError(f"the text {texts[0][:40]!r} cannot be cut to fit the prompt. Drop this point.")
            tokens = self._written(self._shortened(texts, room))
            room -= 1
        return tokens, True

    def _written(self, texts: Texts) -> list[int]:
        return self.first + self.model.tokens(_text(self.model, self.prompt, texts))

    def _shortened(self, texts: Texts, room: int) -> Texts:
        """Cut texts to so many tokens together; what a short one leaves, a long one takes."""
        offsets = [
            self.model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            for text in texts
        ]
        kept: dict[int, int] = {}
        for i in sorted(range(len(texts)), key=lambda i: len(offsets[i])):
            kept[i] = min(len(offsets[i]), max((room - sum(kept.values())) // (len(texts) - len(kept)), 0))
        return tuple(_part(text, offsets[i], kept[i], self.prompt.cut) for i, text in enumerate(texts))


def _text(model: CausalLM, prompt: Prompt, texts: Texts) -> str:
    """Write out what the model reads."""
    if not prompt.chat:
        return prompt.text(texts)
    if not getattr(model.tokenizer, "chat_template", None):
        raise ConfigError(
            f"model {model.name!r} has no chat template, so that it cannot be asked as in a chat. Set chat: false, or "
            "take a model that was trained to follow instructions."
        )
    written: str = model.tokenizer.apply_chat_template(prompt.turns(texts), tokenize=False, add_generation_prompt=True)
    return written


def _part(text: str, offsets: Sequence[tuple[int, int]], kept: int, cut: str) -> str:
    if kept >= len(offsets):
        return text
    if not kept:
        return ""
    return text[: offsets[kept - 1][1]] if cut == "end" else text[offsets[-kept][0] :]


def _first_tokens(model: CausalLM) -> list[int]:
    """Return what the tokenizer puts before every text, such as a token for its beginning."""
    with_special = model.tokenizer("a")["input_ids"]
    plain = model.tokens("a")
    for start in range(len(with_special)):
        if with_special[start : start + len(plain)] == plain:
            return list(with_special[:start])
    return []


def _word_tokens(model: CausalLM, prompt: Prompt) -> tuple[tuple[int, ...], ...]:
    """Tokenise each class word as it follows the prompt.

    The probabilities of words are those of different events only if no word begins another.
    """
    shown = _text(model, prompt, ("text",) * len(prompt.fields))
    before = model.tokens(shown)
    found: list[tuple[int, ...]] = []
    for word in prompt.words:
        together = model.tokens(shown + word)
        own = tuple(together[len(before) :])
        if not own or together[: len(before)] != before:
            end, blank = shown[-20:], " " if not word.startswith(" ") else ""
            raise ConfigError(
                f"the class word {word!r} is no token of its own after {end!r}: the model reads them as one. Let the "
                f"template end without a blank, and write the word with one: {blank + word!r}."
                if word
                else "a class word is empty. Give each class a word that the model may say."
            )
        unknown = model.tokenizer.unk_token_id
        if unknown is not None and unknown in own:
            raise ConfigError(f"the class word {word!r} has a token that {model.name!r} does not know. Take another.")
        found.append(own)
    for i, tokens in enumerate(found):
        for j, others in enumerate(found):
            if i != j and others[: len(tokens)] == tokens:
                raise ConfigError(
                    f"the class word {prompt.words[i]!r} begins the class word {prompt.words[j]!r} (tokens of "
                    f"{model.name!r}), so that their probabilities are not of different answers. Take another word."
                )
    return tuple(found)
