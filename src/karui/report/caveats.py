"""What a reader of figures from an imported recording has to know first, in sentences."""

from collections.abc import Callable, Mapping
from typing import Any


def caveats(manifest: Mapping[str, Any], words: Callable[..., str]) -> list[str]:
    """Returns a sentence for each of a recording's caveats.

    Args:
        manifest: `Manifest.as_dict()`.
        words: Returns the text of a key in some language.
    """
    model = str((manifest.get("model") or {}).get("name") or "")
    trials = str((manifest.get("trials") or {}).get("name") or "")
    keys = (f"caveat_{str(c).replace(' ', '_')}" for c in manifest.get("caveats") or ())
    return [words(key, model=model, trials=trials) for key in keys]
