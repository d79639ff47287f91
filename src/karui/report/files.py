"""Writing a report: the same content as a page, as Markdown and as JSON."""

import json
from collections.abc import Iterable
from pathlib import Path

from karui.codec.disk import writing
from karui.codec.files import encoded
from karui.core.errors import UnknownName
from karui.core.study import Study
from karui.i18n.languages import LANGUAGES
from karui.report.context import Context
from karui.report.decision_text import notice
from karui.report.markdown import markdown
from karui.report.page import page
from karui.report.view_model import derived

FORMATS = ("html", "md", "json")


def write(study: Study, folder: Path, lang: str = "en", formats: Iterable[str] = FORMATS) -> list[Path]:
    """Writes `report.html`, `report.md` and `report.json` into a folder.

    Args:
        study: What it is about.
        folder: Made if it is missing.
        lang: "en" or "ja".
        formats: Which of `FORMATS`.

    Returns:
        The files, in the order of `formats`.

    Raises:
        UnknownName: No such language or format.
        StorageError: A file cannot be written.
    """
    if lang not in LANGUAGES:
        raise UnknownName("language", lang, list(LANGUAGES))
    wanted = list(formats)
    for name in wanted:
        if name not in FORMATS:
            raise UnknownName("format", name, list(FORMATS))
    context = Context.of(study, lang)
    written = []
    for name in wanted:
        path = folder / f"report.{name}"
        content = {"html": page, "md": markdown, "json": _as_json}[name](context)
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def render(study: Study, format: str, lang: str = "en") -> str:  # noqa: A002 - as files call it
    """Returns one of the three files as text.

    Args:
        study: What it is about.
        format: One of `FORMATS`.
        lang: "en" or "ja".

    Raises:
        UnknownName: No such language or format.
    """
    if lang not in LANGUAGES:
        raise UnknownName("language", lang, list(LANGUAGES))
    if format not in FORMATS:
        raise UnknownName("format", format, list(FORMATS))
    return {"html": page, "md": markdown, "json": _as_json}[format](Context.of(study, lang))


def _as_json(c: Context) -> str:
    # What has to be known first stands first here too.
    values = {"notice": notice(c), **encoded(c.study), "derived": derived(c.study)}
    return json.dumps(values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
