"""The contract sheet as Markdown, as one HTML page, and as a spreadsheet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from markupsafe import Markup

from karui.codec.disk import writing
from karui.core.errors import InputError, UnknownName
from karui.html.markdown import grid, text
from karui.html.page import document, static, templates
from karui.passport.contract import Sheet

_HEAD, _OPEN = "DDE5E8", "6B747B"
"""Colours of headings and of what karui does not answer."""
_LINE_POINTS = 16.0
"""Height of a line."""


def markdown(sheet: Sheet) -> str:
    """Returns the sheet as Markdown."""
    parts = [f"# {text(sheet.title)}", text(sheet.lead)]
    for section in sheet.sections:
        parts += [
            f"## {text(section.title)}",
            grid(sheet.head, [[text(c) for c in row] for row in section.rows]),
        ]
    rows = [[text(c) for c in (r.standard, r.clause, r.topic, r.answer)] for r in sheet.clauses]
    parts += [f"## {text(sheet.clause_title)}", grid(sheet.clause_head, rows), text(sheet.note)]
    return "\n\n".join(parts).replace(" | --:", " | :--").replace("--: |", ":-- |") + "\n"


def html(sheet: Sheet) -> str:
    """Returns the sheet as a page that loads nothing."""
    made = templates("karui.passport").get_template("sheet.html").render(s=sheet)
    body = Markup(made)  # noqa: S704 - escaped by the template
    return document(sheet.title, sheet.lang, body, style=static("karui.passport", "sheet.css"), script="")


def write_sheet(sheet: Sheet, path: Path) -> None:
    """Writes the sheet; the ending of the name decides how: .md, .html or .xlsx.

    Raises:
        UnknownName: There is no such format.
        InputError: The library for spreadsheets is missing.
        StorageError: The file cannot be written.
    """
    kinds: Mapping[str, Callable[[Sheet], str]] = {".md": markdown, ".html": html}
    if path.suffix not in {*kinds, ".xlsx"}:
        raise UnknownName("format of a sheet", path.suffix, [*kinds, ".xlsx"])
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xlsx":
            _workbook(sheet).save(path)
        else:
            path.write_text(kinds[path.suffix](sheet), encoding="utf-8")


def _workbook(sheet: Sheet) -> Any:
    """Returns the sheet as a workbook of two sheets: the form, and the clauses."""
    try:
        from openpyxl import Workbook
    except ImportError as missing:
        raise InputError(
            "A spreadsheet needs the library openpyxl.",
            remedy="Install it with the extra: pip install 'karui[passport]'; or write .md or .html.",
        ) from missing
    book = Workbook()
    form = book.active
    form.title = "1–6"
    rows: list[_Line] = [_Line((sheet.title,), bold=True), _Line((sheet.lead,))]
    for section in sheet.sections:
        rows += [_Line(()), _Line((section.title,), bold=True), _Line(sheet.head, fill=_HEAD)]
        rows += [_Line(row) for row in section.rows]
    _fill(form, rows)
    clauses = book.create_sheet("7")
    rows = [_Line((sheet.clause_title,), bold=True), _Line(sheet.clause_head, fill=_HEAD)]
    for row in sheet.clauses:
        rows.append(_Line((row.standard, row.clause, row.topic, row.answer), quiet=not row.answered))
    _fill(clauses, [*rows, _Line((sheet.note,))])
    _shape(form, (34, 90), merged=(1, 2))
    _shape(clauses, (30, 20, 44, 60), merged=(1, clauses.max_row))
    return book


@dataclass(frozen=True, slots=True)
class _Line:
    """One row of a spreadsheet."""

    cells: Sequence[str]
    bold: bool = False
    fill: str = ""
    quiet: bool = False


def _fill(page: Any, lines: Sequence[_Line]) -> None:
    """Writes rows of text; what begins like a formula stays text, and control characters are left out."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font, PatternFill

    for number, line in enumerate(lines, 1):
        for column, value in enumerate(line.cells, 1):
            cell = page.cell(number, column)
            cell.value, cell.data_type = ILLEGAL_CHARACTERS_RE.sub("", value), "s"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.font = Font(bold=bool(line.bold or line.fill), color=_OPEN if line.quiet else None)
            if line.fill:
                cell.fill = PatternFill("solid", fgColor=line.fill)


def _shape(page: Any, widths: tuple[int, ...], merged: tuple[int, ...]) -> None:
    """Sets widths and heights, lets long lines run over all columns, and fits the page to its width."""
    for column, width in enumerate(widths, 1):
        page.column_dimensions["ABCD"[column - 1]].width = width
    for row in merged:
        page.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(widths))
    # Not every program makes a row as high as its wrapped text: LibreOffice draws the lines over each other.
    for number, cells in enumerate(page.iter_rows(values_only=True), 1):
        across = (sum(widths),) if number in merged else widths
        lines = [ceil(_columns(str(text or "")) / width) for text, width in zip(cells, across, strict=False)]
        page.row_dimensions[number].height = _LINE_POINTS * max(1, *lines)
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True


def _columns(text: str) -> int:
    """Returns how many columns of a spreadsheet a text takes: two for each Japanese character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
