"""What bench/judge.py keeps of real replies and of what a judge said, and the worlds that it draws."""

import gzip
import json

import numpy as np
import pytest

from tests.helpers.judges import MadeUpJudge


@pytest.fixture
def real(monkeypatch, tmp_path):
    """The module, keeping in a temporary folder, with a judge that knows the better number."""
    monkeypatch.syspath_prepend("bench")
    import _real_judge

    monkeypatch.setattr(_real_judge, "KEPT", tmp_path / "kept.json")
    judge = MadeUpJudge()
    monkeypatch.setattr(_real_judge, "judge_model", lambda _: judge)
    return _real_judge, judge


def replies(folder, mode, said):
    with gzip.open(folder / f"{mode}.jsonl.gz", "wt", encoding="utf-8") as sink:
        for number, text in enumerate(said):
            row = {
                "id": number,
                "question": f"Question {number}?",
                "ground_truth_answer": "9 * 2 = <<9*2=18>>18\n#### 18",
                "model_output": text,
            }
            sink.write(json.dumps(row) + "\n")


def answer(number):
    return f"#### {number}\nworth {number}"


def test_replies_are_compared_behind_their_thinking_and_asked_about_once(real, tmp_path):
    module, judge = real
    replies(tmp_path, "thinking", [f"<think>7?</think>{answer(n)}" for n in (18, 5, 18)] + ["<think>18, I"])
    replies(tmp_path, "few-shot", [answer(7), answer(18), answer(18), answer(7)])
    for _ in range(2):
        module.ask("any", tmp_path, 4, tmp_path / "cache")
    assert len(judge.asked) == 4  # two pairs in both orders: one pair is the same text, one was cut
    assert not any("think" in text for text in judge.asked)
    kept = module.kept()
    assert [(p["loses"], p["judged"], p["cut"]) for p in kept["pairs"]] == [
        (1, 1, False),
        (-1, -1, False),
        (0, 0, False),
        (0, -1, True),  # neither is right, and the judge is not asked: an answer is better than none
    ]
    assert "Question" not in module.KEPT.read_text(encoding="utf-8")


def test_worlds_lose_what_the_pairs_lose_and_dealt_ones_nothing(real):
    module, _ = real
    pairs = [
        {"id": n, "loses": d, "judged": f} for n, (d, f) in enumerate([(1, 0), (1, 1), (-1, -1), (0, 1)])
    ]
    module.KEPT.write_text(json.dumps({"pairs": pairs}), encoding="utf-8")
    d, f = module.resampled()(np.random.default_rng(0), (200, 100))
    assert d.shape == f.shape == (200, 100)
    assert [d.mean(), f.mean()] == pytest.approx([0.25, 0.25], abs=0.02)
    d, f = module.dealt()(np.random.default_rng(0), (200, 100))
    assert d.mean() == pytest.approx(0.0, abs=0.02)
    assert (d * f).mean() == pytest.approx(0.5, abs=0.02)  # what the judge knows stays
    assert not module.dealt(heard=False)(np.random.default_rng(0), (9,))[1].any()


def test_nobody_was_asked_yet(real):
    module, _ = real
    assert module.kept() is None
