"""The questions that karui-mini was made for: `mini` (its test split), `mini:pilot`, `mini:confirm`."""

from importlib.resources import as_file, files

from karui.core.errors import InputError, UnknownName
from karui.core.question import Question
from karui.tasks.sources.files import load_file

SPLITS = ("pilot", "test", "confirm")


def load_mini(split: str = "test") -> tuple[Question, ...]:
    """Returns the questions of one split, in the order of its file.

    A row without a verifier is compared as text (`exact`), which also reads numbers in their normal form.

    Raises:
        UnknownName: There is no such split.
        InputError: This installation has no questions of mini.
    """
    if split not in SPLITS:
        raise UnknownName("split of mini", split, list(SPLITS))
    resource = files("karui") / "models" / "mini" / "questions" / f"{split}.jsonl"
    if not resource.is_file():
        raise InputError(
            f"The questions of mini:{split} are not in this installation.",
            why=f"The package file models/mini/questions/{split}.jsonl is missing.",
            remedy="Install karui again, or make them with recipes/mini.",
        )
    with as_file(resource) as path:
        return load_file(path, default="exact")
