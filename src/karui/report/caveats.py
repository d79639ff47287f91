"""What a reader of figures from an imported recording has to know first, in sentences."""

from collections.abc import Callable

from karui.core.recording import Manifest


def caveats(manifest: Manifest, words: Callable[..., str]) -> list[str]:
    """Returns a sentence for each of a recording's caveats.

    Args:
        manifest: Of the recording.
        words: Returns the text of a key in some language.
    """
    trials = manifest.trials.name if manifest.trials else ""
    keys = (f"caveat_{c.value.replace(' ', '_')}" for c in manifest.caveats)
    return [words(key, model=manifest.model.name, trials=trials) for key in keys]
