"""What every suite is told, and the checkpoints it runs on: given, or random weights in a true shape, made once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from flashmoe_nb.config import ModelConfig
from flashmoe_nb.storage.synth import synthesize

_CLONE_DATA = Path(__file__).resolve().parents[3] / "data"


@dataclass(frozen=True, slots=True)
class Options:
    """Of one run of `flashmoe bench`."""

    model: Path | None = None
    """A checkpoint of the user's; None takes each suite's own."""
    data: Path | None = None
    """Where checkpoints are made; None is a clone's data/bench, else the user's cache folder."""
    ops: str = "auto"
    top_k: int | None = None
    """None takes 4, as the original engine runs, where the checkpoint has more."""
    tokens: int = 16
    rounds: int = 3

    def checkpoint(self, shape: str, layers: int, *, vocab: int | None = None, dtype: str = "bfloat16") -> Path:
        """The model of the user, or `layers` layers of a named shape with random weights."""
        if self.model is not None:
            return self.model
        parts = [shape, f"{layers}-layers", *([f"vocab-{vocab}"] if vocab else []), *([dtype] * (dtype != "bfloat16"))]
        folder = self.folder() / "-".join(parts)
        if not (folder / "config.json").exists():  # written last
            print(f"making {layers} layers of {shape} in {folder}, once", file=sys.stderr)
            synthesize(shape, folder, layers=layers, vocab=vocab, dtype=dtype)
        return folder

    def folder(self) -> Path:
        """Where checkpoints and results go."""
        if self.data is not None:
            return self.data
        cache = Path(platformdirs.user_cache_dir("flashmoe_nb", appauthor=False)) / "bench"
        return _CLONE_DATA / "bench" if _CLONE_DATA.is_dir() else cache

    def active(self, folder: Path) -> int | None:
        """Experts per token to run with."""
        moe = ModelConfig.load(folder).moe
        if moe is None:
            return None
        return self.top_k or min(4, moe.top_k)
