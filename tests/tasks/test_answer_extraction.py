import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.tasks.answers.extraction import boxed, final, last_line, stated


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{42}.", "42"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{1\right.}", r"\left\{1\right."),
        ("\\boxed{1 2\n3 4}", "1 2\n3 4"),
        (r"\boxed{42", "42"),
        ("\\boxed{42\nwhich I check", "42"),
        (r"\boxed{42$", "42"),
        (r"\boxed{7} I put it in \boxed{}.", "7"),
        (r"\fbox{9}", "9"),
        (r"$\boxed 5$", "5"),
        (r"\boxed{**B**}", "B"),
        (r"\boxed{$5$}", "5"),
    ],
)
def test_the_last_box_is_read(text, answer):
    assert boxed(text) == answer


@pytest.mark.parametrize("text", ["", "42", r"\boxed{}", r"\boxed{", r"\boxed{ }"])
def test_without_a_box_there_is_nothing(text):
    assert boxed(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is 42.", "42"),
        ("The answer is 3.5 km. It follows.", "3.5 km"),
        ("The final answer: **Paris**", "Paris"),
        ("**Answer:** B", "B"),
        ("The answer is:\n\n$$42$$", "42"),
        ("The answer is 1. No, the answer is 2.", "2"),
        ("work\n#### 18", "18"),
        ("答えは４２円です。", "４２円"),
        ("計算すると、答えは 7 となります。以上", "7"),
        ("答え：東京", "東京"),
        ("正解は（B）だ。", "（B）"),
    ],
)
def test_a_stated_answer_is_read(text, answer):
    assert stated(text) == answer


def test_nothing_stated_is_nothing():
    assert stated("I do not know. Answering is hard.") is None


def test_the_box_goes_before_what_is_stated():
    assert final(r"\boxed{1} The answer is 2.") == "1"
    assert final("The answer is 2.") == "2"
    assert final("2") is None


def test_the_last_line_is_short_or_nothing():
    assert last_line("thinking\n**Tokyo**\n\n") == "Tokyo"
    assert last_line("x" * 101) is None
    assert last_line("x" * 100) == "x" * 100
    assert last_line("\n \n") is None


@given(st.text(alphabet=st.sampled_from("ab{}\\$. \n"), max_size=60))
def test_any_tangle_of_braces_is_survived(tangle):
    read = boxed(r"\boxed{" + tangle)
    assert read is None or read


@given(st.recursive(st.sampled_from(["a", "1", r"\{", r"\}"]), lambda inner: inner.map("{{{}}}".format)))
def test_balanced_content_comes_back_whole(content):
    assert boxed(rf"so \boxed{{x{content}y}} and }}{{ more") == f"x{content}y"


def test_a_line_of_empty_boxes_or_marks_is_no_last_line():
    assert last_line("Tokyo\n\\boxed{}") == "Tokyo"
    assert last_line("Tokyo\n---\n") == "Tokyo"
    assert last_line(r"\boxed{ }") is None
    assert last_line("```\nTokyo\n```") == "Tokyo"
