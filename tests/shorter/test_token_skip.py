"""TokenSkip: which tokens go, what is taught at which ratio, and that the ratio is heard."""

from collections import Counter
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

from karui import catalog
from karui.artifacts.build_dir import BuildDir, BuildOptions
from karui.core.errors import ModelError, PlanError
from karui.core.prompt import Prompt
from karui.core.request import Request
from karui.core.trace import NO_SIGNALS
from karui.engines.chat.tokenizer import load_tokenizer
from karui.shorter._control import ensure_room, skip_prompt
from karui.shorter._importance import (
    Judge,
    Thought,
    between_markers,
    has_digit,
    kept,
    steps_of,
    thoughts_of,
    words_of,
)
from karui.shorter._right_traces import LEAST
from karui.shorter._sft import SFTTechnique
from tests.helpers import trainings as hand


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    return hand.save_parent(tmp_path_factory.mktemp("parent") / "model")


@pytest.fixture(scope="module")
def recording(parent):
    return hand.recording_of(parent)


@pytest.fixture
def taught(monkeypatch):
    """Catches the lessons instead of learning them."""
    caught = []

    def catch(self, folder, forge, lessons, **notes):
        caught.append((lessons, notes))
        raise KeyboardInterrupt

    monkeypatch.setattr(SFTTechnique, "train", catch)
    return caught


def lessons_of(spec, parent, recording, root, taught):
    with pytest.raises(KeyboardInterrupt):
        hand.made(spec, parent, recording, root)
    return taught[-1]


def positions(importance, ratio, last=(), units=None):
    """Returns what is kept of tokens of this importance, each a unit of its own if nothing is said."""
    numbers = np.arange(len(importance))
    to_go_last = np.isin(numbers, list(last))
    return kept(np.array(importance, np.float32), np.array(units or numbers), to_go_last, ratio).tolist()


def test_the_first_and_the_most_important_stay_in_their_order():
    assert positions([1, 5, 3, 4, 2], 0.6) == [0, 1, 3]
    assert positions([1, 5, 3, 4, 2], 1.0) == [0, 1, 2, 3, 4]
    assert positions([1, 1, 1, 1], 0.5) == [0, 1]  # ties go to the earlier
    assert positions([1, 5, 3, 4, 2], 0.0) == [0]


def test_numbers_go_last():
    assert positions([9, 9, 0, 0, 9], 0.6, last=(2, 3)) == [0, 2, 3]
    assert positions([9, 9, 1, 2, 9], 0.4, last=(2, 3)) == [0, 3]


def test_a_unit_stays_or_goes_as_a_whole():
    # The first stays; of the others the means are 4 and 3: half of what is there are three tokens.
    assert positions([0, 0, 8, 3, 3], 0.5, units=[0, 1, 1, 2, 2]) == [0, 1, 2]
    assert positions([0, 0, 8, 3, 3], 0.3, units=[0, 1, 1, 2, 2]) == [0]
    assert positions([0, 0, 8, 3, 3], 0.8, units=[0, 1, 1, 2, 2]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["So", " ", "1", "2", " +", " 3", "."], ["So", " 12", " +", " 3."]),
        (["<think>", "\n", "It", "'s", "\n\n", "12", ":", "30"], ["<think>", "\nIt's", "\n\n12:30"]),
        (["So.\n\n", "Yes", " ", " ", "no"], ["So.\n\n", "Yes", "  no"]),
        (["答え", "は", "42", "円", "です"], ["答え", "は", "42", "円", "です"]),
    ],
)
def test_a_word_is_what_stands_between_blanks(tokens, words):
    assert parts(words_of, tokens) == words


@pytest.mark.parametrize(
    ("tokens", "steps"),
    [
        (["\n", "So", " 12", ".\n\n", "Yes", ".", "\n"], ["\nSo 12.\n\n", "Yes.\n"]),
        (["a", "\n", " \n", "\n", "b", "\n\n", "c"], ["a\n \n\n", "b\n\n", "c"]),
        (["one. two\n", "three"], ["one. two\nthree"]),
        (["\n\n", "\n\n", "a"], ["\n\n\n\n", "a"]),
    ],
)  # fmt: skip
def test_a_step_ends_at_a_blank_line(tokens, steps):
    assert parts(steps_of, tokens) == steps


@pytest.mark.parametrize(
    ("steps", "thoughts"),
    [
        (["One.\n\n", "Two.\n\n", "Wait, no.\n\n", "Three."], ["One.\n\nTwo.\n\n", "Wait, no.\n\nThree."]),
        (["Hmm.\n\n", "So.\n\n", "Oh, no.\n\n", "But.\n"], ["Hmm.\n\nSo.\n\n", "Oh, no.\n\n", "But.\n"]),
        (["One.\n\n", "Waiting.\n\n", "Two."], ["One.\n\n", "Waiting.\n\n", "Two."]),  # its steps
        (["4だ。\n\n", "念のため。\n\n", "4。"], ["4だ。\n\n", "念のため。\n\n4。"]),
    ],
)  # fmt: skip
def test_a_thought_begins_where_the_model_turns_round(steps, thoughts):
    assert parts(thoughts_of, steps) == thoughts


def parts(units_of, tokens):
    """Returns the units that these tokens make, as texts; their numbers go up from 0 by one."""
    ends = np.cumsum([len(t) for t in tokens]).tolist()
    spans = list(zip([0, *ends], ends, strict=False))
    numbered = zip(units_of("".join(tokens), spans).tolist(), tokens, strict=True)
    units = [(n, "".join(t for _, t in pairs)) for n, pairs in groupby(numbered, key=lambda p: p[0])]
    assert [n for n, _ in units] == list(range(len(units)))
    return [text for _, text in units]


def test_bytes_of_one_character_are_one_word():
    assert words_of("鱻だ", [(0, 1), (0, 1), (0, 1), (1, 2)]).tolist() == [0, 0, 0, 1]


def test_ratios_go_from_the_lowest_to_one_in_steps_of_a_tenth():
    skip = catalog.technique("token-skip")
    assert skip(lowest=0.5).ratios == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert skip(lowest=0.95).ratios == [1.0, 0.95]
    with pytest.raises(PlanError, match="lowest"):
        skip(lowest=1.0)


def test_each_trace_is_taught_at_the_ratio_that_its_prompt_names(parent, recording, tmp_path, taught):
    found, notes = lessons_of("token-skip:unit=word,lowest=0.4", parent, recording, tmp_path, taught)
    tokenizer = load_tokenizer(parent)
    close = tokenizer.convert_tokens_to_ids("</think>")
    whole = {len(t.signals) for q in recording.questions for t in q.traces[:2]}
    seen = Counter()
    for lesson in found.examples:
        prompt = tokenizer.decode(lesson.prompt_ids)
        named = prompt.partition("Thinking: ")[2].partition("%")[0]
        ratio = int(named) / 100 if named else 1.0
        seen[ratio] += 1
        thought = lesson.reply_ids[: lesson.reply_ids.index(close) + 1]
        # Of what stands between the markers; words have up to 4 tokens.
        assert any(abs(len(thought) - 2 - ratio * (length - 2)) <= 2 for length in whole)
        assert tokenizer.decode(thought[:1]) == "<think>"
        assert tokenizer.decode(lesson.reply_ids).endswith(f"\\boxed{{{lesson.question[1:]}}}<|im_end|>")
        assert ("Thinking: " in prompt) == (ratio < 1)
    assert sorted(seen) == sorted(notes["ratios"])
    assert max(seen.values()) - min(seen.values()) <= 1


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("thought", {"hs", "hswy"}),  # the check goes as a whole
        ("step", {"h", "hs", "hw", "hy", "hsw", "hsy", "hwy", "hswy"}),
    ],
)
def test_whole_thoughts_or_steps_go(unit, shown, parent, recording, tmp_path, taught):
    found, _ = lessons_of(f"token-skip:unit={unit},lowest=0.3", parent, recording, tmp_path, taught)
    tokenizer = load_tokenizer(parent)
    seen = set()
    for lesson in found.examples:
        number = lesson.question[1:]
        long = [
            f"Hmm, 1 + {number} less 1.",
            f"So the answer is {number}.",
            "Wait, let me check.",
            f"Yes, the answer is {number}.",
        ]
        text = tokenizer.decode(lesson.reply_ids)
        steps = text.partition("<think>")[2].partition("</think>")[0].strip().split("\n\n")
        assert text.rstrip().endswith(f"\\boxed{{{number}}}<|im_end|>")
        if steps != [f"It is {number}."]:
            seen.add("".join("hswy"[long.index(step)] for step in steps))
    assert seen <= shown
    assert len(seen) > 1


class Says:
    """A judge for which only the last step of the long traces matters; remembers who was asked what."""

    asked = ()

    def __init__(self, name, device):
        type(self).asked = (name, [])

    def importance(self, text, spans):
        self.asked[1].append(text)
        start = text.find("Yes, the answer")
        return np.array([float(0 <= start <= a) for a, _ in spans], np.float32)


@pytest.mark.parametrize("importance", ["", "another"])
def test_what_the_judge_finds_important_stays(importance, parent, recording, tmp_path, taught, monkeypatch):
    monkeypatch.setattr("karui.shorter.token_skip.Judge", Says)
    spec = f"token-skip:unit=step,lowest=0.6,importance={importance}"
    found, _ = lessons_of(spec, parent, recording, tmp_path, taught)
    tokenizer = load_tokenizer(parent)
    shown = [tokenizer.decode(lesson.reply_ids).partition("</think>")[0] for lesson in found.examples]
    long = [text for text in shown if "Hmm, 1" in text]
    assert all("Yes, the answer" in text for text in long)
    assert any("let me check" not in text for text in long)
    name, texts = Says.asked
    assert name == (importance or str(parent))  # by default the model judges its own thoughts
    thoughts = {t.thinking for q in recording.questions for t in q.traces}
    assert {text.lstrip("\n") for text in texts} <= thoughts  # and no questions with them


def test_nothing_is_left_of_no_thought(parent):
    skip = catalog.technique("token-skip")()
    empty = Thought.of(load_tokenizer(parent), [])
    assert skip._left(load_tokenizer(parent), empty, Judge(str(parent), "cpu"), 0.5) == []


def test_judging_ends_with_its_share_of_the_minutes(parent, recording, tmp_path, taught):
    with pytest.raises(KeyboardInterrupt):
        hand.made("token-skip", parent, recording, tmp_path, minutes=1e-9)
    found, _ = taught[-1]
    assert len(found.examples) == LEAST  # of 24: fewer could not be learned from
    assert found.dropped["no time to judge them"] == 4


def test_several_processes_judge_the_same_traces(parent, recording, tmp_path, taught, monkeypatch):
    monkeypatch.setattr("karui.shorter.token_skip.distributed.several", lambda: True)
    (tmp_path / "scratch").mkdir()
    forge = BuildDir(tmp_path, "", BuildOptions(recording=recording, minutes=1e-9, device="cpu"))
    with pytest.raises(KeyboardInterrupt):
        catalog.technique("token-skip")().prepare(parent, forge)
    assert len(taught[-1][0].examples) == 24


def test_log_probabilities_need_not_be_recorded(parent, recording, tmp_path, taught):
    mute = hand.changed(recording, signals=NO_SIGNALS)
    found, _ = lessons_of("token-skip", parent, mute, tmp_path, taught)
    assert len(found.examples) == 24


def test_traces_in_other_tokens_than_recorded_are_left_out(parent, recording, tmp_path, taught):
    first = recording.questions[0]
    odd = replace(first.traces[0], thinking_tokens=first.traces[0].thinking_tokens + 1)
    questions = (replace(first, traces=(odd, *first.traces[1:])), *recording.questions[1:])
    found, _ = lessons_of("token-skip", parent, replace(recording, questions=questions), tmp_path, taught)
    assert found.dropped["other tokens than recorded"] == 1
    assert len(found.examples) == 23


def test_spans_are_where_the_tokens_lie(parent):
    tokenizer = load_tokenizer(parent)
    ids = tokenizer.encode("<think>\nSo 45 + 3.\n</think>", add_special_tokens=False)
    thought = Thought.of(tokenizer, ids)
    text, spans = thought.text, thought.spans
    assert "".join(text[a:b] for a, b in spans) == text
    digits = has_digit(tokenizer, ids)
    assert [text[a:b].strip() for (a, b), digit in zip(spans, digits, strict=True) if digit] == [
        "4",
        "5",
        "3",
    ]
    assert between_markers(tokenizer, ids, "<think>", "</think>") == slice(1, len(ids) - 1)
    assert between_markers(tokenizer, ids, "", "") == slice(0, len(ids))
    assert between_markers(tokenizer, ids[1:-1], "<think>", "</think>") == slice(0, len(ids) - 2)


def test_a_language_model_judges_by_its_surprise(parent):
    tokenizer = load_tokenizer(parent)
    text = "So 12 + 3 = 15."
    ids = tokenizer.encode(text, add_special_tokens=False)
    judge = Judge(str(parent), "cpu")
    spans = Thought.of(tokenizer, ids).spans
    found = judge.importance(text, spans)
    with torch.no_grad():
        logits = judge._model(torch.tensor([ids])).logits[0].log_softmax(-1)
    wanted = [0.0, *(-logits[i, ids[i + 1]].item() for i in range(len(ids) - 1))]
    assert found == pytest.approx(wanted, rel=1e-4)


def bert(tokenizer, **values):
    """Returns the config of a tiny encoder."""
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        **values,
    )


def test_a_classifier_judges_by_its_last_class_in_its_own_tokens(parent, tmp_path):
    own = hand.tiny.make_tokenizer(merges=5)
    model = BertForTokenClassification(bert(own, max_position_embeddings=24, num_labels=2)).eval()
    model.save_pretrained(tmp_path)
    own.save_pretrained(tmp_path)
    text = "So the answer is 12. " * 4  # several windows
    tokenizer = load_tokenizer(parent)
    spans = Thought.of(tokenizer, tokenizer.encode(text, add_special_tokens=False)).spans
    found = Judge(str(tmp_path), "cpu").importance(text, spans)
    assert len(found) == len(spans)
    assert ((found > 0) & (found < 1)).all()
    first = own(text, truncation=True, max_length=24, return_offsets_mapping=True)
    with torch.no_grad():
        keeps = model(torch.tensor([first["input_ids"]])).logits[0].softmax(-1)[:, 1].tolist()
    of_character = [k for (a, b), k in zip(first["offset_mapping"], keeps, strict=True) for _ in range(a, b)]
    start, end = spans[1]
    assert found[1] == pytest.approx(np.mean(of_character[start:end]), rel=1e-4)


def test_a_model_that_can_judge_nothing_is_refused(tmp_path):
    own = hand.tiny.make_tokenizer()
    BertForMaskedLM(bert(own)).save_pretrained(tmp_path)
    own.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"cannot judge(.|\n)*BertForMaskedLM"):
        Judge(str(tmp_path), "cpu")


class Reads:
    """A tokenizer of whole words, as far as it knows them."""

    def __init__(self, words, unknown=0):
        self.words, self.unk_token_id = ["?", *words], unknown

    def encode(self, text, add_special_tokens):
        known = (self.words.index(w) if w in self.words else 0 for w in text.split())
        return list(known) if self.unk_token_id is not None else [i for i in known if i]


def test_a_tokenizer_without_room_for_the_control_prompt_is_refused():
    asked = [skip_prompt(Prompt("Why?"), r).user for r in (1.0, 0.5)]
    ensure_room(Reads(["Why?", "Thinking:", "50%"]), asked)
    with pytest.raises(ModelError, match=r"no room for the control prompt(.|\n)*no tokens for some"):
        ensure_room(Reads(["Why?", "Thinking:"]), asked)
    with pytest.raises(ModelError, match="same tokens"):
        ensure_room(Reads(["Why?"], unknown=None), asked)


def test_such_a_tokenizer_is_refused_before_the_training(parent, recording, tmp_path, monkeypatch):
    def refuse(tokenizer, wordings):
        raise ModelError(wordings[-1])

    monkeypatch.setattr("karui.shorter.token_skip.ensure_room", refuse)
    with pytest.raises(ModelError, match="Thinking: 50%"):
        hand.made("token-skip", parent, recording, tmp_path)


def test_one_training_serves_all_ratios():
    plans = [catalog.parse(f"token-skip + skip-ratio:ratio={r}") for r in (0.3, 0.5, 1)]
    assert len({plan.prepared for plan in plans}) == 1
    users = [plan.rewrite(Request("q", Prompt("Why?"))).prompt.user for plan in plans]
    assert users == ["Why?\n\nThinking: 30%", "Why?\n\nThinking: 50%", "Why?"]
    with pytest.raises(PlanError, match="ratio"):
        catalog.parse("skip-ratio:ratio=1.5")
