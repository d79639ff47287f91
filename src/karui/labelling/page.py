"""The page on which answers are labelled."""

from markupsafe import Markup

from karui.html.embedded_data import data
from karui.html.page import document, static, templates
from karui.i18n.labelling import LabelTranslator
from karui.i18n.languages import LANGUAGES
from karui.version import __version__

_NAMES = {"en": "English", "ja": "日本語"}


def page(lang: str, mode: str) -> str:
    """Returns the page; its script asks for what is to be labelled.

    Args:
        lang: Its language.
        mode: "pairwise" or "rubric".
    """
    w = LabelTranslator(lang)
    others = [(code, _NAMES[code]) for code in LANGUAGES]
    values = {"w": w, "mode": mode, "languages": others, "version": __version__}
    made = templates("karui.labelling").get_template("label.html").render(**values, data=data("texts", w.all))
    body = Markup(made)  # noqa: S704 - the template has escaped every value
    style, script = (static("karui.labelling", name) for name in ("label.css", "label.js"))
    return document(w("title"), lang, body, style=style, script=script, connect="'self'")
