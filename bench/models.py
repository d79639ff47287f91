"""How released models think: what karui finds in their chat templates, against a table and against peers.

Fetches pinned packages that hold chat templates (llama.cpp's, TRL's, Axolotl's, vLLM's, and the generator of
mistral-common) and the parsers of vLLM and SGLang into a temporary folder, renders every template with
transformers' own renderer, runs karui's discovery on it, and compares what it finds with families.toml, which
was written by hand. Replies put together from the findings are taken apart by the parsers that vLLM and
SGLang have for the family.

    python bench/models.py                        # downloads 250 MB
    python bench/models.py --packages FOLDER      # takes the archives from there, and leaves them there
    python bench/models.py --document             # writes the table of docs/models.md from the kept results

Three times: by the method; with the table of known pairs taken away, as a model released tomorrow meets it;
and with the source of the template hidden, as behind a server that only renders. A model that karui takes for
a thinking one and that is none counts as wrong, too. Families that no package holds are in _handmade.py.
"""

import importlib.metadata
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _explained import explanation
from _families import Family, read_families
from _figures import Figures, arguments
from _findings import Looked, ask_peers, look
from _handmade import QUICK, UNPACKAGED
from _packages import PACKAGES, Peers, Source, fetch, sources, unpack
from _page import document

from karui.engines.chat.format import ThinkingFormat

MOST_RENDERINGS = 60
"""Servers are asked over HTTP."""


def family_of(families: Sequence[Family], key: str) -> Family | None:
    """Returns the row that holds for a template."""
    return next((f for f in families if f.holds_for(key)), None)


def measured(
    figures: Figures, everything: Sequence[tuple[Source, Family | None]], peers: Peers | None
) -> None:
    """Prints a line a family, and the figures."""
    found = [look(source, family) for source, family in everything]
    if peers is not None:
        for looked, (source, _) in zip(found, everything, strict=True):
            ask_peers(looked, source, peers)
    for looked in found:
        explain(looked)
    lines(figures, found)
    thinking = [looked for looked in found if looked.family is not None]
    plain = [looked for looked in found if looked.family is None and not looked.refused]
    figures.at_least("templates of models that think", len(thinking), 90, digits=0)
    figures.at_least("families", len({x.family.name for x in thinking if x.family}), 54, digits=0)
    figures.shown("templates of models that do not think", len(plain), digits=0)
    figures.at_most("wrong", sum(bool(x.wrong) for x in found), 0, digits=0)
    figures.at_most("not loadable", sum(bool(x.refused) for x in thinking), 0, digits=0)
    figures.at_most("silently without thinking", sum(x.silent for x in thinking), 0, digits=0)
    for name, options in {
        "without the table of pairs": {"table": False},
        "source hidden": {"text": False},
    }.items():
        bare = [look(source, family, **options) for source, family in everything]
        wrong = [x for x in bare if x.wrong or (x.family is not None and x.refused)]
        if options == {"table": False}:
            figures.at_most(f"wrong {name}", len(wrong), 5, digits=0)
        else:
            figures.shown(f"wrong, {name}", len(wrong), digits=0)
        figures.note(", ".join(x.key for x in wrong) or "none")
        figures.extra[f"wrong {name}"] = {x.key: x.wrong or [x.refused] for x in wrong}
        found += bare
    most = max(x.renderings for x in found)
    figures.at_most("renderings of a template, at most", most, MOST_RENDERINGS, digits=0)
    agreed(figures, thinking)
    refused = {x.key: x.refused for x in found[: len(everything)] if x.family is None and x.refused}
    figures.extra |= {
        "models": [row(x) for x in thinking],
        "plain": [x.key for x in plain],
        "refused": refused,
    }


def explain(looked: Looked) -> None:
    """Counts a disagreement with a peer as wrong, unless the peer is shown to be the one that is."""
    for peer, said in looked.peers.items():
        if said["agrees"]:
            continue
        assert looked.family is not None
        why = explanation(peer, looked.family.name, looked.key)
        said["why"] = why or "not explained"
        if not why:
            looked.wrong.append(f"{peer} disagrees: {said['says']}")


def lines(figures: Figures, found: Sequence[Looked]) -> None:
    """Prints a line a family: how many templates, how it thinks, what is wrong."""
    for name in dict.fromkeys(x.family.name for x in found if x.family is not None):
        own = [x for x in found if x.family is not None and x.family.name == name]
        wrong = [f"{x.key}: {w}" for x in own for w in (x.wrong or ([x.refused] if x.refused else []))]
        shown = next((x.found for x in own if x.found is not None), None)
        figures.note(f"{name} ({len(own)}): {told(shown)}{'; '.join(['', *wrong])}")
    for looked in found:
        if looked.family is None and looked.wrong:
            figures.note(f"{looked.key}: {looked.wrong[0]}")


def told(found: ThinkingFormat | None) -> str:
    """Returns a finding in a line."""
    if found is None:
        return "refused"
    off = "nothing known" if found.off is None else found.off
    return f"{found.markers.open} … {found.markers.close}, thinks with {found.on}, not with {off}"


def agreed(figures: Figures, found: Sequence[Looked]) -> None:
    """Prints how many findings each peer shares."""
    for peer in dict.fromkeys(name for x in found for name in x.peers):
        said = [x.peers[peer] for x in found if peer in x.peers]
        same = sum(s["agrees"] for s in said)
        figures.shown(f"{peer} agrees, of {len(said)}", same, digits=0)


def row(looked: Looked) -> dict[str, Any]:
    """Returns all about one template, for the results."""
    assert looked.family is not None
    found = looked.found
    told_by = "" if found is None else found.markers.found_how
    return {
        "template": looked.key,
        "family": looked.family.name,
        "found": None if found is None else {n: v for n, v in found.as_dict().items() if n in _KEPT},
        "how": told_by,
        "expected": {n: v for n, v in asdict(looked.family).items() if n not in {"name", "keys", "given"}},
        "renderings": looked.renderings,
        "wrong": looked.wrong,
        "refused": looked.refused,
        "peers": looked.peers,
    }


_KEPT = {
    "open",
    "close",
    "answer",
    "bridge",
    "empty",
    "on",
    "off",
    "by_default",
    "start",
    "efforts",
    "budget",
    "history",
    "turn_end",
}


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--packages", type=Path, help="a folder with the archives, instead of downloading them"
    )
    parser.add_argument(
        "--document", action="store_true", help="write the results' table into docs/models.md"
    )
    options = parser.parse_args()
    if options.document:
        document()
        return 0
    figures = Figures("models", options)
    families = read_families()
    if options.quick:
        rows = [(s, next((f for f in families if f.name == n), None)) for s, n in QUICK]
        measured(figures, rows, None)
        return figures.close()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        archives = options.packages or root / "archives"
        fetch(archives)
        unpack(archives, root / "unpacked")
        peers = Peers(root / "unpacked")
        try:
            every = [*sources(root / "unpacked", peers), *UNPACKAGED]
            measured(figures, [(s, family_of(families, s.key)) for s in every], peers)
        finally:
            peers.close()
    own = ("transformers", "jinja2")
    figures.extra["versions"] = PACKAGES | {name: importlib.metadata.version(name) for name in own}
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
