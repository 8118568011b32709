"""The fixed evaluation set: held-out windows, prose by source, tool prompts and later turns, in four small files.

    python -m flashmoe_nb.lab.demo.evalset PACKAGES CORPUS TOKENS OUT

Made once from the corpus (`turns` makes the fourth); measuring needs nothing but these files.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file, save_file

from flashmoe_nb.engine.demo import shipped_places
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.demo import corpus, prompts, turns
from flashmoe_nb.lab.demo.chatml import ToolFormat
from flashmoe_nb.lab.demo.corpus import Domain
from flashmoe_nb.lab.demo.pools import Pools, Split
from flashmoe_nb.lab.demo.prompts import Ask, Prompt
from flashmoe_nb.lab.demo.toolbox import Call

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.turns import Turn

WINDOW = 1024
WINDOWS = 16
PROSE_DOCUMENTS = 6
COUNTS = {ToolFormat.JSON: 600, ToolFormat.XML: 300}
REFUSALS = 50
# Its notes overlap from verse to verse: 82 % of its held-out sentences also stand in a training note.
LEAKED = frozenset({"SWORD MHCC"})
PLACES = shipped_places("evaluation")
FILES = ("windows.safetensors", "prose.json.gz", "prompts.json.gz")


@dataclass(frozen=True, slots=True)
class EvalSet:
    """What is measured on. `windows` [n, 1025] token ids by domain; `prose` documents by source."""

    windows: dict[str, np.ndarray]
    prose: dict[str, list[str]]
    prompts: list[Prompt]
    turns: list[Turn]

    @classmethod
    def load(cls, folder: Path) -> EvalSet:
        """Read the files."""
        prose = json.loads(gzip.decompress((folder / FILES[1]).read_bytes()))
        rows = json.loads(gzip.decompress((folder / FILES[2]).read_bytes()))
        read = [
            Prompt(Ask(row["ask"]), ToolFormat(row["tool_format"]), row["text"], tuple(Call(**c) for c in row["calls"]))
            for row in rows
        ]
        return cls(load_file(folder / FILES[0]), prose, read, turns.load(folder))


def shipped() -> Path:
    """The folder of the evaluation set, and of what was measured on it.

    Raises:
        CheckpointError: it is in none of its places.
    """
    for place in PLACES:
        if (place / FILES[0]).exists():
            return place
    raise CheckpointError(f"the evaluation set is not in {PLACES[0]}: install the package anew")


def _windows(tokens: Path) -> dict[str, np.ndarray]:
    found = {}
    for domain in Domain:
        stream = np.load(tokens / f"{domain}.{Split.HELDOUT}.npy")
        # Spread over the stream, so that every source has its part.
        starts = np.linspace(0, len(stream) - WINDOW - 1, WINDOWS).astype(int)
        found[str(domain)] = np.stack([stream[start : start + WINDOW + 1] for start in starts])
    return found


def _prose(folder: Path) -> dict[str, list[str]]:
    by_source: dict[str, list[str]] = defaultdict(list)
    for source, text in corpus.read(folder, Domain.PROSE, Split.HELDOUT):
        if source not in LEAKED and len(by_source[source]) < PROSE_DOCUMENTS:
            by_source[source].append(text[:4000])
    return dict(sorted(by_source.items()))


def build(packages: Path, folder: Path, tokens: Path, out: Path) -> dict[str, str]:
    """Write the files.

    Returns:
        SHA-256 by file name.
    """
    out.mkdir(parents=True, exist_ok=True)
    pools = Pools.read(packages, Split.HELDOUT)
    asked = [prompt for tool_format, count in COUNTS.items() for prompt in prompts.heldout(pools, tool_format, count)]
    asked += [prompt for tool_format in ToolFormat for prompt in prompts.refusals(pools, tool_format, REFUSALS)]
    save_file(_windows(tokens), out / FILES[0])
    for name, content in ((FILES[1], _prose(folder)), (FILES[2], [asdict(prompt) for prompt in asked])):
        (out / name).write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), 9, mtime=0))
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}


def main() -> None:
    """Build the evaluation set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name in ("packages", "corpus", "tokens", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    print(json.dumps(build(given.packages, given.corpus, given.tokens, given.out), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
