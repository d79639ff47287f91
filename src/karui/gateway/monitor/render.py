"""Rendering the monitor's templates: every value is escaped, and each part of the page is one template."""

from typing import Any

from markupsafe import Markup

from karui.gateway.monitor import text
from karui.gateway.monitor.view import View
from karui.html.page import templates


def part(name: str, v: View, **values: Any) -> Markup:
    """Returns a part of the page.

    Args:
        name: Of its template, without `.html`.
        v: The gateway at this moment; the template knows it as `v`, its words as `w`, its formats as `f`.
        values: What else the template shows.
    """
    told = {"because": text.because, "what": text.what, "who": text.who, "action": text.action}
    told["options"] = text.options
    return rendered(name, v=v, w=v.words, f=v.form, **told, **values)


def rendered(name: str, **values: Any) -> Markup:
    """Returns a template with its values."""
    made = templates("karui.gateway.monitor").get_template(f"{name}.html").render(**values)
    return Markup(made)  # noqa: S704 - the template has escaped every value
