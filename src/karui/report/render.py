"""From a report's values to markup: every section is a template, and everything is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from karui.html.page import templates
from karui.report.context import Context


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it says; markup stays markup, everything else is escaped.
        notes: Smaller lines below.
        css: Classes; "n" is a number.
        header: Whether it heads its row.
        code: Whether the text is set as code.
    """

    text: object
    notes: tuple[str, ...] = ()
    css: str = ""
    header: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table that scrolls sideways on its own where it is too wide.

    Attributes:
        caption: What it holds.
        head: Headings of the columns.
        rows: Cells, as many in each row as there are headings.
        css: Classes.
    """

    caption: str
    head: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    css: str = ""


def number(text: object, *notes: str | None) -> Cell:
    """Returns a cell that holds a number, with smaller lines below where there is something to say."""
    return Cell(text, tuple(note for note in notes if note), "n")


def heads(*texts: str | Cell) -> list[Cell]:
    """Returns the headings of columns."""
    return [text if isinstance(text, Cell) else Cell(text) for text in texts]


def label(text: str) -> Cell:
    """Returns a cell that names a plan or a model."""
    return Cell(text, css="plan", code=True)


def render(c: Context, template: str, **values: object) -> Markup:
    """Returns a template's markup.

    Args:
        c: The report; templates know it as `c`, its texts as `w` and its number formats as `form`.
        template: Its file's name without the ending.
        values: What else it needs.
    """
    made = templates("karui.report").get_template(f"{template}.html")
    return Markup(made.render(c=c, w=c.words, form=c.form, **values))  # noqa: S704 - escaped by the template
