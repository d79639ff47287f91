"""A reply's Markdown as a reader of a chat sees it: headings, lists, tables and code, and nothing that acts.

HTML in a reply stays text. Links and pictures stay as they are written, so nothing can be clicked or fetched.
So do formulas in LaTeX's brackets, of which Markdown would take the backslashes for its own.
"""

from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

LONGEST = 50_000
"""Characters; a longer text is shown as it is written, for it is no letter any more."""
_OFF = ("autolink", "html_block", "html_inline", "image", "lheading", "link", "reference")
_BELOW = 2
"""The page has two levels of headings of its own."""
_CLOSES = {"(": "\\)", "[": "\\]"}


def rendered(text: str) -> str:
    """Returns a reply as markup; "" where it is too long, or holds nothing.

    Args:
        text: What a model wrote.
    """
    return _markdown().render(text).strip() if text.strip() and len(text) <= LONGEST else ""


@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True})
    made.enable(["table", "strikethrough"]).disable(_OFF)
    made.inline.ruler.before("escape", "formula", _formula)
    made.add_render_rule("heading_open", _heading)
    made.add_render_rule("heading_close", _heading)
    return made


def _formula(state: StateInline, silent: bool) -> bool:
    """Takes a formula as it is written."""
    closing = _CLOSES.get(state.src[state.pos + 1 : state.pos + 2]) if state.src[state.pos] == "\\" else None
    end = state.src.find(closing, state.pos + 2, state.posMax) if closing else -1
    if end < 0:
        return False
    if not silent:
        state.pending += state.src[state.pos : end + 2]
    state.pos = end + 2
    return True


def _heading(
    made: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    """Writes a heading below those of the page."""
    tokens[at].tag = f"h{min(int(tokens[at].tag[1:]) + _BELOW, 6)}"
    return made.renderToken(tokens, at, options, env)
