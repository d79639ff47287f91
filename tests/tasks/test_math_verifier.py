from concurrent.futures import ThreadPoolExecutor

import pytest

from karui.tasks import verifier

MATH = verifier("math")


def right(reference, answer):
    read = MATH.read(rf"\boxed{{{answer}}}")
    return read is not None and MATH.verify(reference, read)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("1/2", "0.5"),
        (r"\frac{1}{2}", r"\dfrac12"),
        ("1,234", "1234"),
        (r"90^\circ", "90"),
        ("x + 1", "1+x"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"2\sqrt{2}", r"\sqrt{8}"),
        (r"\{1,2\}", "2, 1"),
        ("[1,2)", "[1, 2)"),
        ("1024", "2^{10}"),
        (r"\frac{\pi}{2}", r"\pi/2"),
        ("x=5", "5"),
        ("5", "x = 5"),
        (r"\log_2 8", "3"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\text{Evelyn}", "Evelyn"),
        ("1/3", "0.333333"),
        ("二百", "200"),
        ("12 円", "12"),
    ],
)
def test_equal_mathematics_is_accepted(reference, answer):
    assert right(reference, answer)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("1/3", "0.3333"),
        ("5", "6"),
        ("(1,2)", "(2,1)"),
        ("silent", "listen"),
        ("x+1", "x-1"),
        (r"\sqrt{2}", r"\sqrt{3}"),
        (r"\log_2 8", r"\log_3 8"),
        (r"\{1,2\}", "1,2,3"),
        ("12", "1,2"),
        ("5", "no such answer"),
    ],
)
def test_different_mathematics_is_rejected(reference, answer):
    assert not right(reference, answer)


def test_votes_see_one_string_for_one_answer():
    forms = [
        {MATH.read(rf"\boxed{{{text}}}") for text in same}
        for same in (["1+x", "x + 1"], [r"\{2,1\}", "1,2"], [r"\frac12", "0.5"])
    ]
    assert [len(form) for form in forms] == [1, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        r"\sqrt{8}",
        "1+x",
        r"\{2,1\}",
        "(1,2]",
        r"\log_2 8",
        "6 - 5i",
        r"2 \pm \sqrt{3}",
        "x^2=5",
        "2^{x^2}",
        r"\tan 45",
    ],
)
def test_a_canonical_answer_reads_as_itself_and_fits_its_source(text):
    read = MATH.read(rf"\boxed{{{text}}}")
    assert MATH.read(rf"\boxed{{{read}}}") == read
    assert MATH.verify(text, read)
    assert MATH.verify(read, read)


def test_it_works_in_threads():
    with ThreadPoolExecutor(2) as pool:
        assert (
            list(pool.map(lambda n: right(rf"\sqrt{{{n}}}+7", rf"7+\sqrt{{{n}}}"), [2, 3, 5, 7]))
            == [True] * 4
        )


def test_without_a_box_the_last_number_is_read():
    assert MATH.read("first 3, then 4 1/2") == "4.5"
    assert MATH.read("nothing here") is None
