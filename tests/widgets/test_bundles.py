"""The committed bundles: made of the sources as they are, small, and they fetch nothing. Needs no Node."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "widgets" / "src"
BUNDLES = ROOT / "flashmoe_nb" / "widgets" / "static"
MOST_BYTES = 150_000

_IMPORT = re.compile(r'from "\./([\w.]+)"')
_FETCH = re.compile(r"https?://(?!www\.w3\.org/)|\bfetch\(|XMLHttpRequest|\bimport\(")


def with_imports(name: str, folder: Path, found: set[str]) -> set[str]:
    """Names of a source file and of all it imports, as widgets/build.mjs finds them."""
    if name not in found:
        found.add(name)
        if name.endswith(".ts"):
            for imported in _IMPORT.findall((folder / name).read_text("utf-8")):
                with_imports(imported if "." in imported else f"{imported}.ts", folder, found)
    return found


def source_hash(name: str, folder: Path) -> str:
    """Of everything a bundle is made of."""
    digest = hashlib.sha256()
    for one in sorted(with_imports(name, folder, set())):
        digest.update(f"{one}\n{(folder / one).read_text('utf-8')}".encode())
    return digest.hexdigest()


def widget_sources() -> list[str]:
    return [path.name for path in sorted(SOURCES.glob("*.ts")) if "\nexport default widget(" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", widget_sources())
def test_a_bundle_is_made_of_the_sources_as_they_are(name: str):
    with (BUNDLES / name.replace(".ts", ".js")).open(encoding="utf-8") as bundle:
        first = bundle.readline()
    assert first == f"// widgets/src sha256 {source_hash(name, SOURCES)}\n", "stale: make widgets"


def test_a_changed_source_changes_the_hash(tmp_path: Path):
    (tmp_path / "a.ts").write_text('import { b } from "./b";\n')
    (tmp_path / "b.ts").write_text("export const b = 1;\n")
    before = source_hash("a.ts", tmp_path)
    (tmp_path / "b.ts").write_text("export const b = 2;\n")
    assert source_hash("a.ts", tmp_path) != before


def test_every_bundle_has_a_source_and_a_python_half():
    assert widget_sources()
    names = {name.removesuffix(".ts") for name in widget_sources()}
    assert {path.stem for path in BUNDLES.glob("*.js")} == names
    assert [name for name in names if not (BUNDLES.parent / f"{name}.py").is_file()] == []


def test_all_bundles_together_are_small():
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in BUNDLES.glob("*.js")}
    print(sizes)
    assert 0 < sum(sizes.values()) <= MOST_BYTES


def test_no_bundle_fetches_anything():
    found = {path.name: _FETCH.findall(path.read_text("utf-8")) for path in BUNDLES.glob("*.js")}
    assert {name: fetches for name, fetches in found.items() if fetches} == {}


@pytest.mark.parametrize("code", ['fetch("x")', 'import("./x.js")', 'src="http://cdn.example/x.js"'])
def test_a_fetch_is_found(code: str):
    assert _FETCH.search(code)
    assert not _FETCH.search('xmlns="http://www.w3.org/2000/svg"')
