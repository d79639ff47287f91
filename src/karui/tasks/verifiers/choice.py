"""One letter of a multiple choice."""

import re
import unicodedata
from dataclasses import dataclass

from karui.tasks.answers.extraction import marked, recent, stated
from karui.tasks.answers.strip_latex import delatex

# A text this short may be nothing but the answer ("b", "2"); a longer one is prose.
_BARE_CHARS = 40
_PHRASE_CHARS = 400
_KANA = "アイウエオカキクケコ"
# A marker that opens an answer: "B", "(B)", "B. Paris", "イ：…", "2)", "選択肢2", "option C".
_OPENING = re.compile(
    r"^(?:(?:選択肢|選択|(?:the )?(?:correct |right |best )?(?:option|choice|answer|letter)(?: is)?) ?)?"
    rf"[\[(（【]? ?(?:([A-Ja-j{_KANA}]) ?(?:番|$|[\])）】.．、,:：;。\s])"
    r"|([1-9]) ?(?:番|$|[\])）】]|[.．、:：。](?!\S)))",
    re.IGNORECASE,
)
# A marker in running text. "A" before a small letter is the article, "I" alone the pronoun.
_STANDING = re.compile(
    r"[(（]([A-J])[)）]"
    r"|(?<![\w'(.=+*/^-])(A(?! [a-z])|A(?= (?:or|and|is|are|was)\b)|[B-HJ])(?![\w'])(?! ?[=+*/^<>])"
    rf"|(?<![ァ-ヶー\u4e00-\u9fff])([{_KANA}])(?![ァ-ヶー])|([①-⑨])|(?<!\d)([1-9])番",
)
_CHOSEN = re.compile(
    r"\b(?:correct|right|best|final) (?:option|choice)(?:\*\*)? ?(?:is|:)(?! not\b) ?(?=(\S.{0,60}))"
    r"|\b(?:option|choice|choose|select|pick|go with|chose)(?: is)? ?"
    r"(?=((?:option |choice )?(?:\*\*)?[(（]?[A-J][)）]?(?![\w'])))"
    r"|(?=([(（]?[A-J][)）]?(?:\*\*)? is (?:the )?(?:correct|right|best|true)\b))",
)
_RELATION = re.compile(r"[=+*/^<>≤≥≠_]|\\(?!text)|-[ \d]")
_ANOTHER = re.compile(rf"(?:(?:and|or|と|&|,|、|または|/) ?)?[(（]?(?:[A-J]|[{_KANA}])(?:[)）.,、]|$)")
_BOXES = re.compile(r"\\boxed ?\{[^{}\n]{0,200}\}?")
_SENTENCE = re.compile(r"[.。!?]\s+|\n")


@dataclass(frozen=True, slots=True)
class Choice:
    """Reads which option was chosen: `B`, `(B)`, `B. Paris`, `イ`, `②`, `2番`.

    Falls back on the last marker that stands alone in the text (an article "A" and a pronoun "I" do not
    count).

    Canonical form: the marker itself: a capital letter A to J, a katakana ア to コ, or a digit 1 to 9 (② is
    2). The families are kept apart: イ is not B, for some lists count イロハ.

    Too lax: in a list marked A to D, a bare number is read as an option 1 to 9 and never as the content.
    Too strict: the content of the right option without its marker (`Paris`) is no answer.
    """

    @property
    def spec(self) -> str:
        """How a questions file names this verifier."""
        return "choice"

    def read(self, text: str) -> str | None:
        """Returns the marker chosen in `text`, None where there is none, or more than one."""
        text = recent(text)
        phrase = marked(text)
        if phrase is not None and ((chosen := marker(phrase)) is not None or _several(phrase)):
            return chosen
        # A box with something else (a formula on the way) says nothing about the choice.
        if (phrase := stated(text)) is not None and (
            (chosen := marker(phrase)) is not None or _several(phrase)
        ):
            return chosen
        if (phrase is not None) and (chosen := _only(phrase)) is not None:
            return chosen
        named = [marker(next(filter(None, groups))) for groups in _CHOSEN.findall(text)]
        if named and named[-1] is not None:
            return named[-1]
        for sentence in reversed(_SENTENCE.split(_BOXES.sub(" ", text))):
            if _STANDING.search(sentence):
                return _only(sentence)
        line = text.strip()
        return marker(line) if len(line) <= _BARE_CHARS and "\n" not in line else None

    def verify(self, reference: str, answer: str) -> bool:
        """Returns whether `answer` is the marker that the reference opens with."""
        return marker(reference) == answer


def marker(phrase: str) -> str | None:
    """Returns the option that `phrase` opens with (`B`, `(B) Paris`, `ア`, `①`); None if it opens otherwise.

    More than one marker (`A, C`) is no single choice and reads as None.
    """
    phrase = _bare(phrase)
    match = _OPENING.match(phrase)
    if match is None or _several(phrase):
        return None
    rest = phrase[match.end() :].strip()
    if _RELATION.match(rest) or re.match(
        r"[AaI] [a-z]",
        phrase,
    ):  # a formula; the article ("a dog"), the pronoun
        return None
    return (match[1] or match[2]).upper()


def _several(phrase: str) -> bool:
    """Returns whether a phrase opens with one option and names another right behind it (`A, C`)."""
    phrase = _bare(phrase)
    match = _OPENING.match(phrase)
    return match is not None and _ANOTHER.match(phrase[match.end() :].strip()) is not None


def _only(text: str) -> str | None:
    """Returns the one marker that stands alone in a text; None without one, and where there are several."""
    found = {next(filter(None, groups)) for groups in _STANDING.findall(text)}
    return unicodedata.normalize("NFKC", found.pop()) if len(found) == 1 else None


def _bare(phrase: str) -> str:
    return delatex(unicodedata.normalize("NFKC", phrase[:_PHRASE_CHARS])).strip(" *`$「」\"'\n")
