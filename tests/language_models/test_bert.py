"""A BERT read without transformers is the same BERT, or is left to transformers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outlearn.encoders.points import Texts
from outlearn.errors import DataError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from outlearn.encoders.hf import HuggingFace  # noqa: E402
from outlearn.encoders.text_models import BertTexts, TransformersTexts  # noqa: E402

# float32 sums in another order, of hidden states of size 1.
SAME = 5e-6
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "fun", "##ny", "bad", "very", "not", ",", "日"]
TEXTS = ("Funny film", "a [MASK] film", "日 bad", "not very, very bad " * 5, "a", "unheard-of", "")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=24,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(place)
    vocabulary = place / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), encoding="utf-8")
    transformers.BertTokenizerFast(str(vocabulary)).save_pretrained(place)
    return place


def features(model: TransformersTexts | BertTexts) -> np.ndarray:
    from outlearn.encoders.text_models import encode_tokens

    return encode_tokens(model, model.tokens(list(TEXTS)), None, side_by_side=True)


@pytest.mark.parametrize("cut", ["end", "start"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("layer", [None, 0, 1, -1, -2])
def test_features_equal_those_of_transformers(folder, layer, pooling, cut):
    encoder = HuggingFace(model=str(folder), layer=layer, pooling=pooling, cut=cut, max_length=9, tokens_per_batch=32)
    ours = encoder._text_model(CPU)
    assert isinstance(ours, BertTexts)
    tokenizer, network = encoder.read()
    theirs = TransformersTexts(tokenizer, network, None if layer is None else (layer,), pooling, "", "", 9, cut, 32)
    assert ours.tokens(list(TEXTS)) == theirs.tokens(list(TEXTS))
    np.testing.assert_allclose(features(ours), features(theirs), atol=SAME)


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_side_by_side_give_what_they_give_in_turn(folder, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = features(HuggingFace(model=str(folder), max_length=9, tokens_per_batch=16)._text_model(CPU))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    one = HuggingFace(model=str(folder), max_length=9, tokens_per_batch=1)._text_model(CPU)
    np.testing.assert_allclose(found, features(one), atol=SAME)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"model_type": "roberta"}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"}),
    ],
)
def test_what_is_no_plain_bert_is_left_to_transformers(folder, tmp_path, file, change):
    from outlearn.language_models.bert import read_bert

    for source in folder.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    assert read_bert(tmp_path) is not None
    settings = json.loads((tmp_path / file).read_text(encoding="utf-8"))
    (tmp_path / file).write_text(json.dumps({**settings, **change}), encoding="utf-8")
    assert read_bert(tmp_path) is None


def test_a_bert_that_lacks_weights_is_refused_as_any_other_model(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for source in folder.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(DataError, match=r"lacks 1 of its weights, first 'encoder.layer.1.output.dense.weight'"):
        HuggingFace(model=str(tmp_path), max_length=9).encode(Texts("t", TEXTS[:2]), np.arange(2))
