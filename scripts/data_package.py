"""Builds `karui-data`, the package of results that are too large for the repository.

    python scripts/data_package.py restore FOLDER      the files of packages/karui-data/files.tsv, from git
    python scripts/data_package.py build FOLDER        a wheel of all that lies in FOLDER
    python scripts/data_package.py list FOLDER         the lines of files.tsv for what lies in FOLDER
    python scripts/data_package.py slim RECORDING      takes a recording's per-token signals out, in place

A wheel is a zip file with three files of facts, so nothing has to be installed to build one, and the same
folder gives the same bytes. Installed, `karui_data.path("shorter/adapters")` is where a file or folder lies.
"""

import argparse
import base64
import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "packages" / "karui-data"
LISTING = PACKAGE / "files.tsv"
NAME, VERSION = "karui_data", "1"

_EPOCH = (1980, 1, 1, 0, 0, 0)
_METADATA = f"""Metadata-Version: 2.4
Name: karui-data
Version: {VERSION}
Summary: Recordings and adapters behind karui's figures, too large for its repository.
License-Expression: Apache-2.0
Requires-Python: >=3.11
"""
_WHEEL = "Wheel-Version: 1.0\nGenerator: karui\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def listed() -> list[dict[str, str]]:
    """Returns the rows of the listing: path, bytes, sha256, and the commit and place at which git has it."""
    with LISTING.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def restore(folder: Path) -> None:
    """Writes every listed file below a folder, out of git's history.

    Raises:
        SystemExit: A commit is missing (a shallow clone), or a file is not what the listing says.
    """
    kept = [row for row in listed() if row["commit"]]
    for row in kept:
        blob = f"{row['commit']}:{row['place']}"
        got = subprocess.run(["git", "-C", ROOT, "show", blob], capture_output=True, check=False)
        if got.returncode:
            fetch = f"git fetch --depth 1 origin {row['commit']}"
            raise SystemExit(f"git has no {blob}. In a shallow clone, fetch it first: {fetch}")
        if hashlib.sha256(got.stdout).hexdigest() != row["sha256"]:
            raise SystemExit(f"{blob} is not the file that {LISTING.name} lists.")
        target = folder / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(got.stdout)
    print(f"{len(kept)} files in {folder}")


def build(folder: Path, out: Path) -> Path:
    """Returns the wheel made of everything below a folder.

    Raises:
        SystemExit: The folder is empty, or a listed file in it is not what the listing says.
    """
    content = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    if not content:
        raise SystemExit(f"{folder} holds no files (try: data_package.py restore {folder}).")
    for row in listed():
        found = content.get(row["path"])
        if found is not None and hashlib.sha256(found).hexdigest() != row["sha256"]:
            raise SystemExit(f"{folder / row['path']} is not the file that {LISTING.name} lists.")
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{NAME}-{VERSION}-py3-none-any.whl"
    wheel.write_bytes(_zipped(content))
    return wheel


def _zipped(content: Mapping[str, bytes]) -> bytes:
    info = f"{NAME}-{VERSION}.dist-info"
    files = {f"{NAME}/__init__.py": (PACKAGE / NAME / "__init__.py").read_bytes()}
    files |= {f"{NAME}/files/{path}": data for path, data in content.items()}
    files |= {f"{info}/METADATA": _METADATA.encode(), f"{info}/WHEEL": _WHEEL.encode()}
    records = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*records, f"{info}/RECORD,,", ""]).encode()
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def lines(folder: Path, commit: str, below: str) -> Iterator[str]:
    """Yields the listing's lines for what lies in a folder of the repository as of a commit."""
    yield "path\tbytes\tsha256\tcommit\tplace"
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data, inside = path.read_bytes(), path.relative_to(folder)
        place = f"{below}/{inside}" if below else str(inside)
        yield f"{inside}\t{len(data)}\t{hashlib.sha256(data).hexdigest()}\t{commit}\t{place}"


def slim(recording: Path) -> None:
    """Takes the per-token signals out of a recording, and the ability that they give out of its manifest."""
    from karui.recording import columns, store

    for part in sorted(recording.glob("traces-*.parquet")):
        part.write_bytes(columns.write(list(columns.read(part, signals=False)), store.SMALL))
    manifest = recording / store.MANIFEST
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts["abilities"] = [a for a in facts["abilities"] if a != "signals"]
    manifest.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def main() -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("restore", "build", "list", "slim"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of the wheel")
    parser.add_argument("--commit", default="HEAD", help="where git has the listed files")
    parser.add_argument("--below", default="", help="folder of the repository that the listed files lie in")
    given = parser.parse_args()
    if given.what == "restore":
        restore(given.folder)
    elif given.what == "build":
        print(build(given.folder, given.out))
    elif given.what == "list":
        print("\n".join(lines(given.folder, given.commit, given.below)))
    else:
        slim(given.folder)


if __name__ == "__main__":
    main()
