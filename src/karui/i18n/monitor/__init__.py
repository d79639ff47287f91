"""Every sentence of the monitor, in each language: one file a language, the same keys in both."""

from karui.i18n.languages import LANGUAGES as LANGUAGES
from karui.i18n.monitor import en, ja

_TEXTS = {"en": en.TEXT, "ja": ja.TEXT}


class MonitorTranslator:
    """Looks sentences up in one language.

    Attributes:
        lang: One of `LANGUAGES`.
    """

    def __init__(self, lang: str) -> None:
        """Chooses the language."""
        self.lang = lang
        self._text = _TEXTS[lang]

    def __call__(self, key: str, **values: object) -> str:
        """Returns the sentence of a key."""
        return self._text[key].format(**values)

    def known(self, prefix: str, word: str) -> str:
        """Returns the translation of a word that another part of karui uses, or the word itself."""
        return self._text.get(f"{prefix} {word}", word)


def language(asked: str | None, accepted: str | None) -> str:
    """Returns the language of a page.

    Args:
        asked: What the address says (`?lang=ja`), if anything; a language that is not there is passed over.
        accepted: The browser's Accept-Language, if any.
    """
    if asked in LANGUAGES:
        return asked
    wishes = []
    for place, wish in enumerate((accepted or "").split(",")):
        name, _, quality = wish.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        wishes.append((-weight, place, name.lower().split("-")[0]))
    return next((name for _, _, name in sorted(wishes) if name in LANGUAGES), "en")
