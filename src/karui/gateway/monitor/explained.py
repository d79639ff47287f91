"""The page at `/explain/ID`: the short answer, and beside it the full thinking as soon as it is there."""

from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from karui.gateway.backends.explain import Explanation
from karui.gateway.monitor.page import shell
from karui.gateway.monitor.render import rendered
from karui.gateway.records.events import Kept
from karui.html.embedded_data import data
from karui.i18n.formats import Format
from karui.i18n.monitor import MonitorTranslator
from karui.version import __version__


def page(id: str, kept: Kept | None, lang: str, route: str = "") -> str:  # noqa: A002 - the record's name for it
    """Returns the page; its script asks for the full thinking, which takes its time."""
    of_route = f"&route={route}" if route else ""
    w = MonitorTranslator(lang)
    told = {
        "address": f"/explain/{quote(id, safe='')}?lang={lang}{of_route}",
        "failed": w("explain_failed", reason="{reason}"),
        "again": w("explain_again"),
    }
    body = rendered(
        "explain",
        w=w,
        id=id,
        kept=kept,
        messages=_messages(w, kept) if kept else (),
        short=short(kept, lang) if kept else "",
        version=__version__,
        data=data("explain-data", told if kept else None),
    )
    return shell(w("explain_title", id=id), lang, body, "explain.js")


def shown(explanation: Explanation, lang: str) -> dict[str, Any]:
    """Returns the explanation as plain data, with the page's parts as markup."""
    verdict = rendered("verdict", w=MonitorTranslator(lang), agree=explanation.agree)
    return {**explanation.as_dict(), "shown": {"full": full(explanation, lang), "verdict": verdict}}


def short(kept: Kept, lang: str) -> Markup:
    """Returns what was answered, with the mark where the plan ended the thinking."""
    w, f = MonitorTranslator(lang), Format(lang)
    uncut = w("explain_uncut") if kept.plan else w("explain_full_itself")
    return rendered(
        "explain_side",
        w=w,
        f=f,
        head=w("explain_short"),
        tokens=kept.thinking_tokens,
        before=kept.thinking,
        mark="" if kept.cut is None else w("explain_cut", n=f.integer(kept.cut)),
        after=None,
        note_before=uncut if kept.cut is None else "",
        answer=kept.answer,
        moves=(kept.plan, kept.moves) if kept.plan else None,
        note_after="",
    )


def full(explanation: Explanation, lang: str) -> Markup:
    """Returns the full thinking, what the plan left out dimmed."""
    w, thought, cut = MonitorTranslator(lang), explanation.full, explanation.cut_chars
    return rendered(
        "explain_side",
        w=w,
        f=Format(lang),
        head=w("explain_full"),
        tokens=thought.thinking_tokens,
        before=thought.thinking[:cut],
        mark="" if cut is None else w("explain_same_cut"),
        after=None if cut is None else thought.thinking[cut:],
        note_before="",
        answer=thought.answer,
        moves=None,
        note_after="" if explanation.same or cut is None else w("explain_anew"),
    )


def _messages(w: MonitorTranslator, kept: Kept) -> list[tuple[str, str]]:
    """Returns who said what."""
    rows = []
    for message in kept.messages:
        role = str(message.get("role"))
        who = w(f"explain_role_{role}") if role in {"user", "system", "assistant"} else role
        rows.append((who, _said(message.get("content"))))
    return rows


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "\n".join(str(p.get("text", p)) if isinstance(p, dict) else str(p) for p in parts)
