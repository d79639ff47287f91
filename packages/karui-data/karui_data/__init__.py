"""Recordings and adapters behind karui's figures, too large for its repository."""

from pathlib import Path

FILES = Path(__file__).parent / "files"


def path(name: str = "") -> Path:
    """Returns where a file or folder of the package lies.

    Raises:
        FileNotFoundError: The package does not hold it; names what it holds.
    """
    found = FILES / name
    if not found.exists():
        held = ", ".join(sorted(p.name for p in FILES.iterdir()))
        raise FileNotFoundError(f"karui-data holds no {name!r}; it holds: {held}.")
    return found
