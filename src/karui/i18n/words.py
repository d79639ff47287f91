"""Looking strings up in a table of its own: a key and its text by language, in the order of `LANGUAGES`."""

from collections.abc import Mapping

from karui.i18n.languages import LANGUAGES

Table = Mapping[str, tuple[str, str]]
"""Texts by key: English, then Japanese, with the same placeholders."""


class Words:
    """Looks strings up in one language.

    Attributes:
        lang: One of `LANGUAGES`.
    """

    def __init__(self, lang: str, table: Table) -> None:
        """Chooses the language and the table."""
        self.lang, self._table, self._column = lang, table, LANGUAGES.index(lang)

    def __call__(self, key: str, /, **values: object) -> str:
        """Returns the text of a key with its placeholders filled."""
        return self._table[key][self._column].format(**values)
