"""The parts of recipes.thinker that need neither a GPU nor vLLM."""

import json
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from karui.core.trace import End  # noqa: E402
from karui.recording import store  # noqa: E402
from recipes.thinker import delta, texts, train, weights  # noqa: E402
from recipes.thinker.assemble import assemble  # noqa: E402
from recipes.thinker.record import _Trace, checkpoints, write  # noqa: E402
from recipes.thinker.vocabulary import Vocabulary  # noqa: E402

PIECES = [
    "<think>\n",
    "7",
    " so",
    ".\n\n",
    "\n</think>\n\n",
    "\\boxed{",
    "}",
    "9",
    "<|im_end|>",
    "<|endoftext|>",
]
OPEN, SEVEN, SO, BREAK, CLOSE, BOX, BRACE, NINE, END, _ = range(len(PIECES))


def vocabulary() -> Vocabulary:
    return Vocabulary(tuple(range(len(PIECES))), tuple(piece.encode() for piece in PIECES))


def test_a_vocabulary_comes_back_from_its_file(tmp_path):
    vocabulary().save(tmp_path / "vocabulary.json")
    again = Vocabulary.load(tmp_path / "vocabulary.json")
    assert again == vocabulary()
    assert again.turn_ends == (END, END + 1)
    assert again.having(b"}") == [BRACE]


def test_the_last_whole_box_is_the_reference():
    assert texts.last_box(r"so \boxed{1}, no: $\boxed{\frac{1}{2}}$.") == r"\frac{1}{2}"
    assert texts.last_box(r"\boxed{1") is None
    assert texts.last_box("none") is None


def test_questions_that_a_trace_was_about_are_left_out_whatever_their_case():
    rows = [{"question": "How MANY apples?"}]
    asked = [
        {"question": "how many apples"},
        {"question": "How many pears?"},
        {"question": "How many pears ?"},
    ]
    assert [q["question"] for q in texts.unseen(iter(asked), rows, 1)] == ["How many pears?"]


@pytest.mark.parametrize(("kind", "size"), [("Q4_K", 144), ("Q6_K", 210), ("Q8_0", 34)])
def test_blocks_unpack_as_the_package_of_their_format_unpacks_them(kind, size):
    gguf = pytest.importorskip("gguf")
    raw = np.random.default_rng(1).integers(0, 256, (6, size), dtype=np.uint8)
    scale = np.array([0.01, -0.5], np.float16).view(np.uint8)
    for where in ({"Q4_K": slice(0, 4), "Q6_K": slice(208, 210), "Q8_0": slice(0, 2)}[kind],):
        raw[:, where] = scale[: where.stop - where.start]  # any other bytes may be no number
    wanted = gguf.dequantize(raw, gguf.GGMLQuantizationType[kind])
    found = weights.values(torch.from_numpy(raw.reshape(-1)), kind).reshape(wanted.shape)
    assert np.array_equal(found.numpy(), wanted)


def test_batches_hold_every_example_once_and_keep_to_their_size():
    draw = random.Random(1)
    pairs = [([0] * draw.randint(1, 9), [1] * draw.randint(1, 60)) for _ in range(200)]
    made = train.batches(pairs, 256, draw)
    assert sorted(map(str, (p for batch in made for p in batch))) == sorted(map(str, pairs))
    assert all(max(len(p) + len(r) for p, r in batch) * len(batch) <= 256 for batch in made)


def test_only_the_reply_is_learned():
    ids, labels = train.tensors([([5, 6], [7, 8]), ([5], [9])], "cpu")
    assert ids.tolist() == [[5, 6, 7], [5, 9, 0]]
    assert labels.tolist() == [[-100, 7, 8], [9, -100, -100]]


def test_a_difference_comes_home_with_a_hundredth_of_its_energy_lost(tmp_path):
    torch.manual_seed(1)
    base, tuned = ({"a": torch.randn(40, 50)}, {})
    tuned["a"] = base["a"] + 0.1 * torch.randn(40, 50)
    for name, state in (("base", base), ("tuned", tuned)):
        (tmp_path / name).mkdir()
        save_file(state, tmp_path / name / "model.safetensors")
    for name in ("config.json", "vocabulary.json"):
        (tmp_path / "base" / name).write_text("{}")
    files = delta.pack(tmp_path / "base", tmp_path / "tuned", tmp_path / "delta", 500)
    delta.unpack(tmp_path / "base", tmp_path / "delta", tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")["a"].float()
    off = float((again - tuned["a"]).pow(2).sum() / (tuned["a"] - base["a"]).pow(2).sum())
    assert 0.002 < off < 0.02
    files[1].unlink()
    with pytest.raises(ValueError, match="missing"):
        delta.unpack(tmp_path / "base", tmp_path / "delta", tmp_path / "never")


def test_checkpoints_lie_at_ends_of_paragraphs_and_inside_the_thinking():
    thought = [OPEN, *[SO] * 99, BREAK, *[SO] * 40, BREAK, *[SO] * 200]
    whole = [*thought, CLOSE, BOX, SEVEN, BRACE, END]
    assert checkpoints(whole, vocabulary(), {BREAK}) == [101, 293]
    assert checkpoints([SEVEN, END], vocabulary(), {BREAK}) == []


def test_what_was_recorded_becomes_a_recording(tmp_path):
    (tmp_path / "questions").mkdir()
    row = {"id": "q", "kind": "", "reference": "7", "question": "?", "tokens": [SO], "suffix": [CLOSE, BOX]}
    (tmp_path / "questions" / "gsm8k.jsonl").write_text(json.dumps(row) + "\n")
    vocabulary().save(tmp_path / "vocabulary.json")
    whole = _Trace(0, 0, 0.0, [OPEN, SO, BREAK, SO, CLOSE, BOX, SEVEN, BRACE, END])
    whole.trials[3] = ([NINE, BRACE], [-0.7, 0.0], 0.5)
    cut = _Trace(0, 1, 0.0, [OPEN, SO, SO], cut=True)
    folder = tmp_path / "raw" / "thinker" / "gsm8k"
    folder.mkdir(parents=True)
    write(folder / "part-0-000.npz", [row], [(0, [whole, cut])])
    assemble(tmp_path, "thinker", "gsm8k", temperature=1.0, max_tokens=9)
    recording = store.load(tmp_path / "recordings" / "thinker-gsm8k")
    (question,) = recording.questions
    first, second = question.traces
    assert (first.answer, first.thinking_tokens, first.answer_tokens) == ("7", 5, 4)
    assert (first.thinking, first.end) == (" so.\n\n so\n", End.FINISHED)
    (mark,) = first.checkpoints
    assert (mark.tokens, mark.trial.answer, mark.trial.tokens) == (3, "9", 2)
    assert question.verdicts == {"7": True, "9": False}
    assert (second.answer, second.end, second.thinking_tokens) == (None, End.TRUNCATED, 3)
