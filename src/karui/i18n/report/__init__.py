"""Every string of the report, in every language, in one table.

A row is a key and its text by language, in the order of `LANGUAGES`. Placeholders are the same in all. The
words {accuracy}, {right} and {wrong} are filled in by `karui.i18n.translator`: where a study has no
references they become "agreement with the full model" and its like, everywhere, and where a judge judges,
what is good "as this judge sees it".
"""

from karui.i18n.languages import LANGUAGES
from karui.i18n.report.domain import DOMAIN
from karui.i18n.report.evidence import EVIDENCE
from karui.i18n.report.failing import FAILING
from karui.i18n.report.first import FIRST
from karui.i18n.report.imports import IMPORTS
from karui.i18n.report.judge import JUDGE
from karui.i18n.report.limits import LIMITS
from karui.i18n.report.looks import LOOKS
from karui.i18n.report.misbehaviour import MISBEHAVIOUR
from karui.i18n.report.models import MODELS

__all__ = [
    "DOMAIN",
    "EVIDENCE",
    "FAILING",
    "FIRST",
    "IMPORTS",
    "JUDGE",
    "LANGUAGES",
    "LIMITS",
    "LOOKS",
    "MISBEHAVIOUR",
    "MODELS",
    "TABLE",
]

TABLE = {
    **FIRST,
    **FAILING,
    **EVIDENCE,
    **IMPORTS,
    **MODELS,
    **MISBEHAVIOUR,
    **LOOKS,
    **DOMAIN,
    **LIMITS,
    **JUDGE,
}
