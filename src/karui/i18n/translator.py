"""Looking strings up: the language, and the nouns of a study without references or with a judge."""

from karui.i18n.languages import LANGUAGES
from karui.i18n.report import TABLE


class Translator:
    """Looks strings up in one language.

    Attributes:
        lang: One of `LANGUAGES`.
        agreement: Whether the study compares with the full model's own answers.
        judged: Whether another model judges them.
    """

    def __init__(self, lang: str, *, agreement: bool = False, judged: bool = False) -> None:
        """Chooses the language and the nouns."""
        self.lang, self.agreement, self.judged = lang, agreement, judged
        self._column = LANGUAGES.index(lang)
        nouns = ("agreement", "agrees", "differs") if agreement else ("accuracy", "right", "wrong")
        if judged:
            nouns = ("seen", "seen_good", "seen_bad")
        self._nouns = dict(
            zip(("accuracy", "right", "wrong"), (TABLE[n][self._column] for n in nouns), strict=True)
        )
        self._nouns |= {k.capitalize(): v[:1].upper() + v[1:] for k, v in self._nouns.items()}

    def __call__(self, key: str, **values: object) -> str:
        """Returns the text of a key; the one for agreement, or for a judge, if this is such a study."""
        if self.agreement and f"{key}_agreement" in TABLE:
            key = f"{key}_agreement"
        if self.judged and f"{key}_judged" in TABLE:
            key = f"{key}_judged"
        if key in self._nouns:
            return self._nouns[key]
        return TABLE[key][self._column].format(**self._nouns, **values)

    def known(self, text: str) -> str:
        """Returns the translation of a word that another part of karui wrote, or the word itself."""
        return self(text) if text in TABLE else text
