"""The page at `/explain/ID`: the short answer, and beside it the full thinking as soon as it is there."""

from typing import Any
from urllib.parse import quote

from karui.gateway.backends.explain import Explanation
from karui.gateway.monitor.page import document, languages
from karui.gateway.records.events import Kept
from karui.html.markup import Safe, data, join, tag
from karui.i18n.formats import Format
from karui.i18n.monitor import Words
from karui.version import __version__


def page(id: str, kept: Kept | None, lang: str) -> str:  # noqa: A002 - the record's name for it
    """Returns the page; its script asks for the full thinking, which takes its time."""
    w = Words(lang)
    back = tag("a", "← ", w("explain_back"), href=f"/?lang={lang}")
    top = tag("header", tag("p.brand", tag("b", "karui"), tag("span", back)), languages(w))
    title = tag("div", tag("h1", w("explain_head")), tag("p.lead", w("explain_lead")))
    footer = tag("footer", tag("code", id), f" · karui {__version__}")
    if kept is None:
        missing = tag(
            "section.panel.whole", tag("h2", w("explain_missing", id=id)), tag("p", w("explain_missing_why"))
        )
        body = join(tag("main", top, title, tag("div.grid", missing), footer), data("explain-data", None))
        return document(w("explain_title", id=id), lang, body, "explain.js")
    told = {
        "address": f"/explain/{quote(id, safe='')}?lang={lang}",
        "failed": w("explain_failed", reason="{reason}"),
        "again": w("explain_again"),
    }
    waiting = tag("p.wait-note", w("explain_thinking"))
    sides = tag(
        "div.sides",
        tag("section.side", short(kept, lang), id="short"),
        tag("section.side", tag("h2", w("explain_full")), waiting, id="full", aria_live="polite"),
    )
    verdict = tag("div", id="verdict", role="status")
    body = tag("main", top, title, _asked(w, kept), verdict, sides, footer)
    return document(w("explain_title", id=id), lang, join(body, data("explain-data", told)), "explain.js")


def shown(explanation: Explanation, lang: str) -> dict[str, Any]:
    """Returns the explanation as plain data, with the page's parts as markup."""
    w = Words(lang)
    agree = explanation.agree
    sentence = w("explain_agree" if agree else "explain_differ")
    verdict = tag("p", sentence, class_="verdict" if agree else "verdict differ")
    parts = {"full": full(explanation, lang), "verdict": verdict}
    return {**explanation.as_dict(), "shown": parts}


def short(kept: Kept, lang: str) -> Safe:
    """Returns what was answered, with the mark where the plan ended the thinking."""
    w, f = Words(lang), Format(lang)
    head = _head(w("explain_short"), w, f, kept.thinking_tokens)
    if kept.cut is None:
        note = w("explain_uncut") if kept.plan else w("explain_full_itself")
        body = join(tag("pre", kept.thinking), tag("p.note", note))
    else:
        body = tag("pre", kept.thinking, tag("mark", "✂ ", w("explain_cut", n=f.integer(kept.cut))))
    moves = tag("p.note", tag("code", kept.plan), " ", tag("code", kept.moves)) if kept.plan else None
    return join(head, body, _answer(w, kept.answer), moves)


def full(explanation: Explanation, lang: str) -> Safe:
    """Returns the full thinking, what the plan left out dimmed."""
    w, f = Words(lang), Format(lang)
    thought, cut = explanation.full, explanation.cut_chars
    head = _head(w("explain_full"), w, f, thought.thinking_tokens)
    if cut is None:
        body = tag("pre", thought.thinking)
    else:
        mark = tag("mark", "✂ ", w("explain_same_cut"))
        body = tag("pre", thought.thinking[:cut], mark, tag("s", thought.thinking[cut:]))
    anew = None if explanation.same or cut is None else tag("p.note", w("explain_anew"))
    return join(head, body, _answer(w, thought.answer), anew)


def _head(name: str, w: Words, f: Format, tokens: int) -> Safe:
    return tag("h2", name, tag("small", w("explain_tokens", n=f.integer(tokens))))


def _answer(w: Words, text: str) -> Safe:
    return tag("div.answer", tag("small", w("explain_answer")), tag("p", text.strip() or w("no_figure")))


def _asked(w: Words, kept: Kept) -> Safe:
    rows = []
    for message in kept.messages:
        role, content = str(message.get("role")), message.get("content")
        words = w(f"explain_role_{role}") if role in {"user", "system", "assistant"} else role
        rows.append(tag("div", tag("dt", words), tag("dd", _said(content))))
    masked = tag("p.note", w("explain_redacted", n=kept.redacted)) if kept.redacted else None
    return tag("section.panel.asked", tag("h2", w("explain_asked")), tag("dl", *rows), masked)


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(p.get("text", p)) if isinstance(p, dict) else str(p) for p in parts)
