"""Loops are found as the text comes, however it is cut up; what only looks like one is left alone."""

import random
from dataclasses import replace

import pytest

from karui.core.loops import LoopDetector, LoopKind, count_looped, loop_in, looped
from karui.core.trace import End
from tests.helpers.traces import trace

START = "The train leaves at 9:40 and needs 3 hours. So it should be there at 12:40, I think. "
SENTENCES = (
    "But for the sake of this problem, we will assume the cost is based on the information given. ",
    "Since the problem does not say how many pills there are, we take the number from the table. ",
)

LOOPS = {
    "one sentence": (LoopKind.SAME, SENTENCES[0] * 5),
    "two in turn": (LoopKind.SAME, "".join(SENTENCES) * 4),
    "a short one": (LoopKind.SAME, "Wait, let me check again. " * 20),
    "in other case and spacing": (LoopKind.SAME, (SENTENCES[0] + "\n\n" + SENTENCES[0].upper()) * 3),
    "formulas": (LoopKind.SAME, r"So \(x = \frac{3}{4} \cdot 12 = 9\), that is 9 hours. " * 12),
    "a final answer": (LoopKind.SAME, "**Final Answer**\n\\boxed{5}\n\n" * 40),
    "a short answer": (LoopKind.SAME, "So the answer is 5.\n\n" * 40),
    "paragraphs": (LoopKind.SAME, ("".join(SENTENCES) + START * 2 + "\n\n") * 3),
    "one word": (LoopKind.SAME, "wait " * 200),
    "one letter": (LoopKind.SAME, "a" * 3000),
    "one mark": (LoopKind.SAME, "!" * 4000),
    "line breaks": (LoopKind.SAME, "\n" * 20000),
    "Japanese": (LoopKind.SAME, "待って、もう一度確認しよう。答えは12個です。" * 8),
    "Chinese": (LoopKind.SAME, "等等,让我再检查一下这个答案是否正确。" * 12),
    "Korean": (LoopKind.SAME, "잠깐, 다시 한번 확인해 보자. 답은 십이 개이다. " * 12),
    "Thai": (LoopKind.SAME, "เดี๋ยวก่อน ลองตรวจสอบอีกครั้ง คำตอบคือ " * 12),
    "a counter": (LoopKind.COUNTER, "".join(f"Wait, let me check again ({n})… " for n in range(1, 20))),
    "a counter at the head": (
        LoopKind.COUNTER,
        "".join(f"Attempt {n}: let me re-examine the problem from the start.\n" for n in range(7, 30)),
    ),
    "a counter that goes down": (
        LoopKind.COUNTER,
        "".join(f"Only {n} tries are left, so I read it once more. " for n in range(90, 60, -2)),
    ),
    "a Japanese counter": (
        LoopKind.COUNTER,
        "".join(f"待って、もう一度確認しよう({n}回目)。" for n in range(1, 20)),
    ),
    "a long passage with a counter": (
        LoopKind.COUNTER,
        "".join(
            f"In round {n} the train leaves in the morning, needs three hours for the whole way and comes "
            "to the town when the bells of the old church behind the market square are ringing for noon. "
            for n in range(1, 12)
        ),
    ),
}

HARMLESS = {
    "twice": "".join(SENTENCES) * 2,
    "a table": "| n | square | even |\n|---|---|---|\n"
    + "".join(f"| {n} | {n * n} | {'no' if n % 2 else 'yes'} |\n" for n in range(200)),
    "a truth table": "".join(
        f"| {'T' if n & 4 else 'F'} | {'T' if n & 2 else 'F'} | {'T' if n & 1 else 'F'} | T |\n"
        for n in range(64)
    ),
    "a table of one row": "| yes | no | 1 |\n" * 12,
    "cases of one long sentence": "".join(
        f"For n = {n} we have that the sum of the digits is not divisible by three, so this one fails. "
        for n in range(40)
    ),
    "cases that are alike": "".join(f"Again, by symmetry, case {n} is the same. " for n in range(2, 6)),
    "days": "".join(f"Day {n}: 5 apples are left. " for n in range(1, 90)),
    "Japanese boxes": "".join(f"{n}番目の箱には赤い玉が入っています。" for n in range(1, 40)),
    "rows of JSON": '{"name": "none", "value": 0},\n' * 20,
    "assertions": "".join(f"assert f({n}) == {n}\n" for n in range(200)),
    "cases": "".join(f"Is {n} divisible by 7? No. " for n in range(100, 180)),
    "many cases": "".join(f"Case n = {n}: it fails. " for n in range(300)),
    "divisors": "".join(f"{n}. {n} times 7 is {7 * n}, too small.\n" for n in range(1, 150)),
    "candidates": "".join(f"Let me try x = {n}: {n}^2 + 1 = {n * n + 1}. Not a cube. " for n in range(80)),
    "a list": "".join(f"{n}. Item\n" for n in range(1, 200)),
    "code": "for i in range(3):\n    print(i)\n    print(i)\n    print(i)\n" * 2
    + "    x = x + 1\n" * 12
    + "</div>\n" * 20,
    "a fraction": "1/7 = 0." + "142857" * 60,
    "digits": "0." + "3" * 1200,
    "pi": "3." + "".join(random.Random(3).choices("0123456789", k=3000)),
    "a matrix": r"\begin{pmatrix}" + r" \\ ".join([" & ".join("0" * 12)] * 12) + r"\end{pmatrix}",
    "dots": r"\begin{bmatrix}" + (r"\cdots & \cdots & \ddots \\" + "\n") * 8 + r"\end{bmatrix}",
    "a rule": "-" * 300 + "\n" + "=" * 300,
    "particles": "これは私の本で、それは私のペンで、あれは私の机で、私の家の私の部屋の私の棚の私の箱の中の、"
    "私の鍵の、その次の次の次の次の日のことでした。はい、はい、はい、はい、そうです。",
    "a refrain": "Press the button. The lamp goes on. " * 4,
    "binary": "".join(f"{n:06b} " for n in range(64)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_found(name):
    kind, text = LOOPS[name]
    loop = loop_in(START + text)
    assert loop is not None
    assert loop.kind is kind
    assert len(START) - 20 <= loop.begin < loop.found <= loop.end <= len(START + text)
    # What is said first is no part of the loop, and it lasts to the end.
    assert loop.end >= len(START + text.rstrip()) - 40


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(name):
    assert loop_in(START + HARMLESS[name] + START) is None


@pytest.mark.parametrize("name", LOOPS)
def test_pieces_change_nothing(name):
    text = START + LOOPS[name][1] + " So it is 12:40 after all, and the train is on time. "
    draw = random.Random(name)
    for longest in (1, 7, 200):
        detector, place, seen = LoopDetector(), 0, []
        while place < len(text):
            size = draw.randint(1, longest)
            seen.append(detector.read(text[place : place + size]) is not None)
            place += size
        assert detector.loop == loop_in(text)
        assert seen == sorted(seen)  # once found, it stays found
        assert not detector.going_on


def test_a_loop_without_a_strict_period_is_found():
    draw = random.Random(5)
    pool = [*SENTENCES, "Let me look at the table of the prices again, it has to be in there somewhere. "]
    text = "".join("".join(draw.sample(pool, 3)) + f"Is it {n * n}? " for n in range(40))
    assert loop_in(START + text).kind is LoopKind.STALE


def test_where_it_begins_and_ends():
    loop = loop_in(START + SENTENCES[0] * 6 + START)
    assert loop.begin == pytest.approx(len(START + SENTENCES[0]), abs=2)
    assert loop.found == pytest.approx(len(START + SENTENCES[0] * 4), abs=2)
    assert loop.end == pytest.approx(len(START + SENTENCES[0] * 6), abs=2)


@pytest.mark.parametrize("unit", ["a ", "ab, ", "0 & ", "x = {n}; ", "Check {n} and {m} again. ", "待つ"])
def test_work_grows_with_the_text_alone(unit, monkeypatch):
    """Counts what is looked at instead of timing it."""
    from karui.core.loops import detector

    looked = 0
    before = detector._tellings

    def counting(passage):
        nonlocal looked
        looked += len(passage)
        return before(passage)

    monkeypatch.setattr(detector, "_tellings", counting)
    text = "".join(unit.format(n=n, m=n * n) for n in range(20_000))
    loop_in(text)
    assert looked <= 6 * len(text)


def test_a_cut_text_loops_as_its_whole_one_says():
    whole = START + SENTENCES[0] * 5
    for cut in range(0, len(whole), 3):
        begun = replace(trace("7", 9), thinking=whole[:cut])
        found = looped(begun, replace(begun, thinking=whole))
        assert found is (LoopDetector().read(whole[:cut]) is not None)
        assert found is looped(begun) or not cut


def test_without_its_text_nobody_knows():
    hidden = replace(trace("7", 9), thinking="")
    assert looped(hidden) is None
    assert looped(replace(hidden, thinking_tokens=0)) is False
    assert looped(replace(hidden, end=End.STOPPED)) is False  # before its first checkpoint
    assert count_looped([(hidden, None)]) is None
    looping = replace(hidden, thinking=SENTENCES[0] * 6)
    assert count_looped([(looping, None), (replace(looping, thinking="so"), looping)]) == 1


def test_an_empty_text_is_no_loop():
    assert loop_in("") is None
