"""Files as other programs write them: tabs, UTF-16, arrays of JSON, an unnamed index, chats, labels at the end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from outlearn.data import FORMATS, load_task, load_weak_labels, make_task
from outlearn.data.csv_files import read_csv
from outlearn.data.formats import format_of
from outlearn.data.row_chunks import row_chunks
from outlearn.errors import DataError

TEXTS = ["a stirring, funny film", "dull .", 'it said "no" and left', "warm and cosy", "cold", "fine"]
LABELS = [1, 0, 0, 1, 0, 1]
RECORDS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]


def assert_read(task):
    assert task.texts == tuple(TEXTS)
    np.testing.assert_array_equal(task.labels, LABELS)


@pytest.mark.parametrize("name", ["d.tsv", "d.csv"])
@pytest.mark.parametrize("quoted", [True, False])
def test_tabs_separate_columns_with_quotes_and_without(name, quoted, tmp_path):
    texts = [text.replace('"', '""') if quoted else text for text in TEXTS]
    lines = [f'"{text}"\t{label}' if quoted else f"{text}\t{label}" for text, label in zip(texts, LABELS, strict=True)]
    (tmp_path / name).write_text("text\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")
    assert_read(load_task(path=tmp_path / name))


def test_semicolons_separate_what_spreadsheets_write_where_the_comma_is_a_decimal_point(tmp_path):
    texts = [text.replace('"', '""') for text in TEXTS]
    lines = [f'"{text}";{label}' for text, label in zip(texts, LABELS, strict=True)]
    (tmp_path / "d.csv").write_text("\ufefftext;label\r\n" + "\r\n".join(lines), encoding="utf-8", newline="")
    assert_read(load_task(path=tmp_path / "d.csv"))
    assert [text for chunk in row_chunks(tmp_path / "d.csv") for text in chunk["text"]] == TEXTS


def test_a_quote_that_opens_a_text_and_never_closes_is_a_character_in_a_table_of_tabs(tmp_path):
    (tmp_path / "d.tsv").write_text('text\tlabel\n"so they say\t0\nfine\t1\n"and so on\t0\n')
    assert load_task(path=tmp_path / "d.tsv").texts == ('"so they say', "fine", '"and so on')


def test_a_ragged_table_of_tabs_is_refused_as_one_of_commas_is(tmp_path):
    (tmp_path / "d.tsv").write_text("text\tlabel\nfine\t1\ndull\n")
    with pytest.raises(DataError, match=r"line 3: 1 fields, expected 2 .text, label.. Quote fields that hold tabs"):
        load_task(path=tmp_path / "d.tsv")


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_says_the_encoding(codec, tmp_path):
    quoted = [text.replace('"', '""') for text in TEXTS]
    content = "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in zip(quoted, LABELS, strict=True))
    mark = "\ufeff" if codec.endswith("e") else ""  # the other codecs write it themselves, or need none
    (tmp_path / "d.csv").write_bytes((mark + content).encode(codec))
    assert_read(load_task(path=tmp_path / "d.csv"))


@pytest.mark.parametrize("name", ["d.json", "d.jsonl"])
@pytest.mark.parametrize("array", [True, False])
def test_json_is_an_array_or_lines_whatever_the_suffix(name, array, tmp_path):
    text = json.dumps(RECORDS, indent=1) if array else "\n".join(map(json.dumps, RECORDS))
    (tmp_path / name).write_text(text)
    assert_read(load_task(path=tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a",\n "label": 1}', r"is one object \(text, label\); expected one object a line, or an array"),
        ('[{"text": "a", "label": 1}, 7]', "record 2: is a JSON number, expected an object"),
        ('[{"text": "\\\\ud800", "label": 1}]', "record 1: spells half of a surrogate pair"),
    ],
)
def test_other_json_is_refused_by_its_record(content, message, tmp_path):
    (tmp_path / "d.json").write_text(content.replace("\\\\", "\\"))
    with pytest.raises(DataError, match=message):
        load_task(path=tmp_path / "d.json")


def test_one_first_column_without_a_name_is_an_index_and_is_left_out(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(RECORDS).to_csv(tmp_path / "d.csv")
    task = load_task(path=tmp_path / "d.csv")
    assert_read(task)
    assert "the first column has no name, as pandas writes its index: left out" in task.notes[0]
    (tmp_path / "d.csv").write_text("text,,label\na,b,1\n")
    with pytest.raises(DataError, match="names '' more than once, or not at all"):
        load_task(path=tmp_path / "d.csv")


def test_the_messages_of_a_chat_are_joined_with_their_roles(tmp_path):
    def chat(answer):
        parts = [{"type": "text", "text": answer}, {"type": "image_url"}]
        return [{"role": "user", "content": "How is it?"}, {"role": "assistant", "content": parts}]

    rows = [{"chosen": chat(f"good {i}"), "rejected": chat(f"bad {i}")} for i in range(8)]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = load_task(path=tmp_path / "d.jsonl")
    first = task.pairs[0][task.first_slot[0]]
    assert first == "user: How is it?\nassistant: good 0"
    rows[1]["chosen"] = [{"role": "user", "content": 7}]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"line 2, column 'chosen': is .*, a list; expected a text, or messages"):
        load_task(path=tmp_path / "d.jsonl")


def test_pairs_that_are_all_ties_are_refused_and_some_are_not(tmp_path):
    rows = [{"chosen": f"good {i}", "rejected": f"bad {i}", "label": 0.5} for i in range(8)]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="column 'label': every pair is a tie"):
        load_task(path=tmp_path / "d.jsonl")
    rows[0]["label"] = 1.0
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert load_task(path=tmp_path / "d.jsonl").n_points == 8


WORDS = ["the", "their", "a", "some", "every", "one"]


def test_the_label_of_a_line_may_come_last_behind_a_tab(tmp_path):
    lines = [f"{WORDS[i % 6]} film number {i} was seen\t{('dull', 'fine')[i % 2]}" for i in range(30)]
    (tmp_path / "d.txt").write_text("\n".join(lines))
    task = load_task(path=tmp_path / "d.txt")
    assert task.class_names == ("dull", "fine")
    assert task.texts[1] == "their film number 1 was seen"
    (tmp_path / "d.txt").write_text("\n".join(lines).replace("\t", " "))
    with pytest.raises(DataError, match=r"6 different words begin a line and only 2 end one .dull, fine."):
        load_task(path=tmp_path / "d.txt")
    turned = ["\t".join(line.split("\t")[::-1]) for line in lines]
    (tmp_path / "d.txt").write_text("\n".join(turned))
    assert load_task(path=tmp_path / "d.txt").texts == task.texts


def test_sentences_that_end_alike_do_not_make_the_label_come_last(tmp_path):
    lines = [f"{i % 5} number {i} {('is it so ?', 'it is .')[i % 2]}" for i in range(40)]
    (tmp_path / "d.txt").write_text("\n".join(lines))
    assert load_task(path=tmp_path / "d.txt").class_names == tuple("01234")


def test_the_answers_of_a_batch_are_labels(tmp_path):
    task = make_task(name="t", class_names=["no", "yes"], ids=list("abcd"), texts=list("wxyz"), labels=[0, 1, 0, 1])

    def line(name, answer):
        body = {"choices": [{"message": {"role": "assistant", "content": answer}}]} if answer else {}
        response = {"status_code": 200, "body": body}
        return json.dumps({"id": "batch_1", "custom_id": name, "response": response, "error": None})

    answers = dict(zip("badc", ["yes", " no", None, "no"], strict=True))
    (tmp_path / "gpt.jsonl").write_text("\n".join(line(name, answer) for name, answer in answers.items()))
    found = load_weak_labels(tmp_path / "gpt.jsonl", task, np.arange(4), missing="abstain")
    assert found.names == ("gpt",)
    np.testing.assert_array_equal(found.labels, [[0, 1, 0, -1]])
    assert "is the output of a batch: custom_id is the id" in found.notes[0]


PROVIDERS = {
    "a chat": lambda answer, top: {"response": {"body": {"choices": [
        {"message": {"content": answer}, "logprobs": {"content": [
            {"token": "x", "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in top.items()]}]}}
    ]}}},
    "a completion": lambda answer, top: {"response": {"body": {"choices": [
        {"text": f" {answer}", "logprobs": {"top_logprobs": [{t: math.log(p) for t, p in top.items()}]}}]}}},
    "responses": lambda answer, top: {"response": {"body": {"output": [{"content": [
        {"text": answer, "logprobs": [{"top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in top.items()]}]}
    ]}]}}},
}  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_likeliest_tokens_of_an_answer_are_a_distribution_and_what_is_spread_is_said(provider, tmp_path):
    """By hand: .6 on Acc, .2 on Bug, .05 on The; the rest, .2, goes to the two classes that no token names."""
    names = ["Account", "Bug", "Refund", "Shipping"]
    task = make_task(name="t", class_names=names, ids=list("abcd"), texts=list("wxyz"), labels=[0, 1, 2, 3])
    top = {"Acc": 0.6, " Bug": 0.2, "The": 0.05}
    lines = [{"custom_id": name, **PROVIDERS[provider]("Account.", top)} for name in "abcd"]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = load_weak_labels(tmp_path / "b.jsonl", task, np.arange(4))
    np.testing.assert_allclose(found.probs[0, 0], [0.6, 0.2, 0.1, 0.1])
    assert "4 answers come with the probabilities" in found.notes[1]
    assert "20.0% of the probability" in found.notes[1]


def test_an_answer_without_tokens_or_with_ambiguous_ones_is_a_vote(tmp_path):
    task = make_task(name="t", class_names=["Refund", "Return"], ids=list("ab"), texts=list("wx"), labels=[0, 1])
    wrapped = {"body": {"choices": [{"message": {"content": '{"label": "Return"}'}}]}}
    ambiguous = PROVIDERS["a chat"]("Refund", {"Re": 0.9, "The": 0.1})
    lines = [{"custom_id": "a", **ambiguous}, {"custom_id": "b", "response": wrapped}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    np.testing.assert_array_equal(load_weak_labels(tmp_path / "b.jsonl", task, np.arange(2)).probs[0], [[1, 0], [0, 1]])


def test_the_messages_of_another_providers_batch_are_labels(tmp_path):
    task = make_task(name="t", class_names=["no", "yes"], ids=list("abc"), texts=list("wxy"), labels=[0, 1, 0])
    results = [
        {"type": "succeeded", "message": {"content": [{"type": "text", "text": "yes."}]}},
        {"type": "errored", "error": {"type": "overloaded"}},
        {"type": "succeeded", "message": {"content": [{"type": "text", "text": "no"}]}},
    ]
    lines = [{"custom_id": name, "result": result} for name, result in zip("abc", results, strict=True)]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = load_weak_labels(tmp_path / "b.jsonl", task, np.arange(3), missing="abstain")
    np.testing.assert_array_equal(found.labels, [[1, -1, 0]])


def test_every_format_says_what_it_is():
    for name, each in FORMATS.items():
        assert each.name == name
        assert each.label
        assert each.line
        assert all(format_of(Path(f"d{suffix}")) is each for suffix in each.suffixes)


def test_columns_and_rows_in_which_nothing_stands_at_the_end_are_left_out_and_others_are_not(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("text,label,,\na film,1,,\nno film,0,,\n,,,\n ,,,\n")
    table = read_csv(path)
    assert table.columns == {"text": ["a film", "no film"], "label": ["1", "0"]}
    assert "2 empty rows" in " ".join(table.notes)
    path.write_text("text,label,\na film,1,x\nno film,0,\n")
    with pytest.raises(DataError, match="the header names ''"):
        read_csv(path)
    path.write_text("a,b\n1,2\n,\n1,1\n")  # a point that nobody labeled
    assert len(read_csv(path)) == 3
