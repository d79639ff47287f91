"""The models that ship with karui, by name, and what lies beside them."""

from importlib.resources import as_file, files
from pathlib import Path

from karui.core.errors import InputError

EMBEDDED = {"karui-mini": "mini", "karui-micro": "micro"}
"""Folders by name: a small reasoner, and its smaller sibling for cascades and fallbacks."""


def place(model: str) -> str:
    """Returns the folder of an embedded model, and any other name as it is.

    Raises:
        InputError: The embedded model is not in this installation.
    """
    return str(beside(model)) if model in EMBEDDED else model


def embedded(model: str) -> str:
    """Returns which embedded model a name or a folder stands for; "" where it is another one."""
    if model in EMBEDDED:
        return model
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return ""
    return next((n for n in EMBEDDED if (files("karui.models") / EMBEDDED[n]) == folder.resolve()), "")


def ships(path: Path) -> bool:
    """Returns whether a folder is one of those that ship with karui."""
    return any(
        path.resolve().is_relative_to(str(files("karui.models") / folder)) for folder in EMBEDDED.values()
    )


def beside(model: str, part: str = "") -> Path:
    """Returns the path of a file or folder that ships beside an embedded model.

    Raises:
        InputError: It is not in this installation.
    """
    folder = EMBEDDED[model]
    with as_file(files("karui.models") / folder) as found:
        path = Path(found) / part
    if not path.exists():
        raise InputError(
            f"{model}'s {part or 'folder'} is not in this installation.",
            remedy=f"Install karui again, or make it with recipes/{folder}.",
        )
    return path
