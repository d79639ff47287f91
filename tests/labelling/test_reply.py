"""A reply's Markdown as markup: what people read, and nothing that acts."""

import re

import pytest

from karui.labelling.reply import LONGEST, rendered

ALLOWED = set(
    "p br strong em s h3 h4 h5 h6 ul ol li pre code blockquote hr table thead tbody tr th td".split()
)


def test_a_letter_reads_as_a_letter() -> None:
    made = rendered(
        "# Delay\n\nDear **customer**,\n1. we are sorry\n2. it comes on *Friday*\n\nKind regards\nMika"
    )
    assert "<h3>Delay</h3>" in made
    assert "<strong>customer</strong>" in made
    assert made.count("<li>") == 2
    assert re.search(r"Kind regards<br ?/?>\nMika", made)


def test_a_table_and_code_are_kept() -> None:
    made = rendered("| part | price |\n|---|--:|\n| tap | 5 |\n\n```python\nif a < b:\n    pass\n```")
    assert "<td>tap</td>" in made
    assert "if a &lt; b:\n    pass" in made


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<div onclick=alert(1)>\n\n# x\n\n</div>",
        "[here](javascript:alert(1)) and [there](https://example.com 'title')",
        "![picture](https://example.com/x.png)",
        "<https://example.com> https://example.com",
        "[a]: https://example.com\n\n[a] ![a]",
        '```x" onclick="alert(1)\n</code><script>1</script>\n```',
        "&lt;script&gt; &#60;script&#62;",
        "<!-- gone? -->",
        "| <b>x</b> |\n|---|\n| [a](b) |",
    ],
)
def test_nothing_in_a_reply_acts(text) -> None:
    made = rendered(text)
    tags = re.findall(r"<\s*/?\s*([\w!?-]+)([^>]*)>", made)
    assert {name for name, _ in tags} <= ALLOWED
    for _, attributes in tags:
        assert not re.search(r"\b(?:on\w+|href|src)\s*=", attributes)
        assert re.fullmatch(r'(?: (?:class|style|start)="[^"]*"| /)*', attributes)


def test_what_is_not_rendered_is_still_read() -> None:
    made = rendered("See [the page](https://example.com) and <b>this</b>.")
    assert "[the page](https://example.com) and &lt;b&gt;this&lt;/b&gt;." in made


@pytest.mark.parametrize("formula", [r"\(a*b*c\)", r"\[x_1 = \frac{1}{2}\]", r"\(\{x\}\)"])
def test_formulas_stay_as_they_are_written(formula) -> None:
    assert f"So {formula} holds, <strong>yes</strong>." in rendered(f"So {formula} holds, **yes**.")


def test_a_formula_that_never_closes_is_text() -> None:
    assert rendered(r"\(a and *b*") == "<p>(a and <em>b</em></p>"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST + 1)])
def test_nothing_and_too_much_have_no_markup(text) -> None:
    assert not rendered(text)
