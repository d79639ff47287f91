"""The evidence page and README's first picture hold what bench/results holds."""

import re

import pytest

from scripts import _results, evidence


@pytest.mark.parametrize("lang", evidence.PAGES)
def test_the_pages_show_the_results(lang):
    text = evidence.PAGES[lang].read_text(encoding="utf-8")
    assert all(f"<!-- figures: {name} -->" in text for name in evidence.TABLES)
    assert evidence.page(text, lang) == text


@pytest.mark.parametrize("name", evidence.TABLES)
def test_no_english_is_left_in_a_japanese_table(name):
    rows = re.sub(r"`[^`]*`|\(exit-[^|]*\)|.*sha256.*", "", evidence.block(name, "ja"))  # names stay
    names = {"cot", "direct", "few", "shot", "thinker", "karui"}
    left = set(re.findall(r"(?<![\w.])[a-z]{3,}(?![\w.])", rows)) - names
    assert not left


@pytest.mark.parametrize("name", evidence.PICTURES)
def test_the_pictures_are_drawn_from_the_results(name):
    assert (evidence.FIGURES / name).read_text(encoding="utf-8") == evidence.PICTURES[name]()


def test_negative_numbers_have_a_minus_sign():
    drawn = [draw() for draw in evidence.PICTURES.values()]
    told = [evidence.block(name, lang) for name in evidence.TABLES for lang in evidence.PAGES]
    assert not [found for text in (*drawn, *told) if (found := re.search(r"[>\s\[(]-\d", text))]


@pytest.mark.parametrize(
    ("readme", "picture"), [("README.md", "evidence.svg"), ("README.ja.md", "evidence.ja.svg")]
)
def test_readme_begins_with_real_reasoners(readme, picture):
    text = (evidence.ROOT / readme).read_text(encoding="utf-8")
    assert text.index("](docs/figures/") == text.index(f"](docs/figures/{picture})")


def test_a_figure_that_changes_changes_the_page(monkeypatch, tmp_path):
    for file in _results.RESULTS.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    gemma = tmp_path / "gemma.json"
    gemma.write_text(gemma.read_text().replace('"reached": 0.', '"reached": 0.9'))
    monkeypatch.setattr(_results, "RESULTS", tmp_path)
    assert evidence.gemma_table() not in evidence.PAGES["en"].read_text(encoding="utf-8")
