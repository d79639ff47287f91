"""Every string of the report, in every language, in one table.

A row is a key and its text by language, in the order of `LANGUAGES`. Placeholders are the same in all. The
words {accuracy}, {right} and {wrong} are filled in by `karui.report.language`: where a study has no
references they become "agreement with the full model" and its like, everywhere.
"""

from karui.report.words.evidence import EVIDENCE
from karui.report.words.failing import FAILING
from karui.report.words.first import FIRST
from karui.report.words.imports import IMPORTS
from karui.report.words.misbehaviour import MISBEHAVIOUR
from karui.report.words.models import MODELS

__all__ = ["EVIDENCE", "FAILING", "FIRST", "IMPORTS", "LANGUAGES", "MISBEHAVIOUR", "MODELS", "TABLE"]

LANGUAGES = ("en", "ja")

TABLE = {**FIRST, **FAILING, **EVIDENCE, **IMPORTS, **MODELS, **MISBEHAVIOUR}
