"""Where the demo model is: a clone's data/demo, or inside an installed wheel; and its packed copy in the user's cache.

In the shards hundreds of its small experts share a page, so residency by expert would mean nothing. Packed, with
records of whole 16 KiB pages, it is exact; so the demo is packed once, at first opening. Knows no arrays.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import platformdirs

from flashmoe_nb.errors import CheckpointError, PackError
from flashmoe_nb.storage.pack import pack

_PACKAGE = Path(__file__).resolve().parents[1]
CHECKSUMS = "SHA256SUMS"


def shipped_places(name: str) -> tuple[Path, Path]:
    """Where a folder of data/ may be: in a clone, and in an installed wheel."""
    return _PACKAGE.parent / "data" / name, _PACKAGE / "data" / name


PLACES = shipped_places("demo")


def demo_source() -> Path:
    """The folder of the demo checkpoint as it is shipped.

    Raises:
        CheckpointError: it is in none of its places.
    """
    for place in PLACES:
        if (place / "config.json").exists():
            return place
    msg = f"the demo model is not in {PLACES[0]}: install the package anew, or give the path of a checkpoint"
    raise CheckpointError(msg)


def packed_demo() -> tuple[Path, str]:
    """The demo's packed copy, made if need be; or the source with a note where the cache folder cannot be written.

    Raises:
        CheckpointError: there is no demo model.
    """
    source = demo_source()
    cache = Path(platformdirs.user_cache_dir("flashmoe_nb", appauthor=False))
    target = cache / _fingerprint(source) / "demo"
    if (target / "packed_experts" / "manifest.json").exists():
        return target, ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _pack_whole(source, target)
    except (OSError, PackError) as error:
        return source, f"the demo model is read in place, because its packed copy could not be written: {error}"
    return target, ""


def _pack_whole(source: Path, target: Path) -> None:
    """Pack under another name and rename, so that two processes at once both end with one whole copy."""
    with tempfile.TemporaryDirectory(prefix=".demo-", dir=target.parent) as scratch:
        made = Path(scratch) / "demo"
        pack(source, made, progress=False)
        try:
            made.rename(target)
        except OSError:
            if not (target / "packed_experts" / "manifest.json").exists():
                shutil.rmtree(target)  # half a copy, left by somebody else
                made.rename(target)


def _fingerprint(source: Path) -> str:
    """Of the shipped checksums, which cover all weights; without them, of names, sizes and times."""
    checksums = source / CHECKSUMS
    if checksums.exists():
        return hashlib.sha256(checksums.read_bytes()).hexdigest()[:16]
    seen = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(source.iterdir())]
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]
