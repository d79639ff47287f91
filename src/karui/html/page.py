"""The shell of every page: one file, under a policy that lets it load nothing."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from karui.version import __version__


def document(title: str, language: str, body: Markup, *, style: str, script: str, connect: str = "") -> str:
    """Returns a whole page.

    Args:
        title: Plain text.
        language: Code of the language it is written in.
        body: Markup between `<body>` and the script.
        style: CSS of the page, trusted.
        script: JavaScript of the page, trusted. Only this very text may run.
        connect: Sources that the script may talk to, such as `'self'`; "" forbids every connection.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"connect-src {connect}; " if connect else ""
    # A second lock behind the escaping: nothing may be loaded, and no other script may run.
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"{allowed}base-uri 'none'; form-action 'none'"
    )
    return (
        templates("karui.html")
        .get_template("shell.html")
        .render(
            language=language,
            policy=policy,
            version=__version__,
            title=title,
            style=Markup(style),  # noqa: S704 - a file of this package
            script=Markup(script),  # noqa: S704 - likewise
            body=body,
        )
        + "\n"
    )


@cache
def templates(package: str) -> Environment:
    """Returns the templates of a package, with those of `karui.html` behind them.

    Every value is escaped unless it is markup already, and a name that is not defined is an error.

    Args:
        package: Whose folder `templates` is looked in.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("karui.html")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static(package: str, name: str) -> str:
    """Returns a file of a package's folder `static` that goes into a page."""
    return files(package).joinpath("static", name).read_text(encoding="utf-8")
