"""The first look for loops never says that there is none where the detector finds one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from karui.core.loops import LoopDetector, loop_in
from karui.core.loops.first_look import may_loop

SPELLED = (
    "wait Wait let me check again 7 12 13 , . So x = + ß 待って もう一度 確認 。 --- the sum of each step is"
)
words = st.sampled_from([*SPELLED.split(), ". ", "\n", "  ", " " * 20])
passages = st.lists(words, min_size=1, max_size=14).map(" ".join)


@st.composite
def texts(draw):
    """Passages said again and again, in a row or in turns, with and without something between."""
    said = draw(st.lists(passages, min_size=1, max_size=6))
    order = draw(st.lists(st.integers(0, len(said) - 1), min_size=1, max_size=8))
    row = draw(st.sampled_from(["", " ", ". ", "\n"])).join(said[n] for n in order)
    times = draw(st.integers(1, 60))
    counting = draw(st.booleans())
    return draw(passages) + "".join(f"{row} ({n}) " if counting else f"{row} " for n in range(times))


@settings(max_examples=150)
@given(texts())
def test_where_the_first_look_sees_nothing_the_detector_finds_nothing(text):
    detector = LoopDetector()
    for place in range(0, len(text), 97):
        detector.read(text[place : place + 97])
        if not may_loop(text):
            assert not detector.going_on
    assert loop_in(text) == LoopDetector().read(text)


def test_it_lets_ordinary_thinking_pass_and_stops_loops():
    assert not may_loop("First add 7 and 12, which is 19. Then halve it: 9.5. So the answer is 9.5.")
    assert may_loop("Let me check that once more, from the very beginning. " * 8)
    assert loop_in("Let me check that once more, from the very beginning. " * 8) is not None
