"""Writes docs/example and README's picture from the study of `make poc`.

    python -m scripts.example            runs/poc -> docs/example, docs/figures/accuracy-cost.svg
    python -m scripts.example STUDY

A test holds the picture to the report.
"""

import sys
from pathlib import Path

import karui
from karui.report import write
from scripts import picture

EXAMPLE = picture.REPORT.parent


def main() -> None:
    """Writes the reports in both languages, and the picture from one of them."""
    study = karui.load_study(Path(sys.argv[1]) if len(sys.argv) > 1 else picture.ROOT / "runs" / "poc")
    for language, name, formats in (("ja", "report.ja", ["html"]), ("en", "report", ["html", "md"])):
        for made in write(study.data, EXAMPLE, lang=language, formats=formats):
            print(made.rename(EXAMPLE / f"{name}{made.suffix}"))
    picture.PICTURE.write_text(picture.drawn(picture.study_of(picture.REPORT)), encoding="utf-8")
    print(picture.PICTURE)


if __name__ == "__main__":
    main()
