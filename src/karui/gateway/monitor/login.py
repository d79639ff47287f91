"""The form for an operator's key: what a browser sees of a gateway with keys."""

from karui.gateway.monitor.page import shell
from karui.gateway.monitor.render import rendered
from karui.html.embedded_data import data
from karui.i18n.monitor import MonitorTranslator
from karui.version import __version__


def page(lang: str, *, known: bool) -> str:
    """Returns the page.

    Args:
        lang: Its language.
        known: Whether there is an operator's key that could be given.
    """
    w = MonitorTranslator(lang)
    told = {"wrong": w("login_wrong"), "client": w("login_client")} if known else None
    body = rendered("login", w=w, known=known, version=__version__, data=data("login-data", told))
    return shell(w("login_title"), lang, body, "login.js")
