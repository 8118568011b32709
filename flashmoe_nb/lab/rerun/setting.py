"""What every experiment is told: the engine, how often, how many tokens, how much memory; and the tokens it feeds."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from flashmoe_nb.engine import open_engine
from flashmoe_nb.engine.demo import PLACES
from flashmoe_nb.lab.demo.evalset import EvalSet, shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.storage.policy import SlotPolicy

Start = Literal["warm", "cold", "limited"]

_VOCABULARY = 64
"""Different tokens in a made-up stream: few, so that experts come back as they do in a text."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Of one experiment."""

    engine: Engine
    repetitions: int
    tokens: int
    """Timed in each repetition."""
    warmup: int
    """Fed before them."""
    limit_bytes: int | None
    """Of memory, page cache and slots together; None leaves the machine's."""
    cold: bool
    """Without a limit: evict all experts before every token; else everything is resident."""
    ids: tuple[int, ...]
    """Fed one by one, `warmup` and `tokens` of them and one."""
    is_text: bool
    """Whether the tokens mean something, so that perplexity does."""
    scratch: Path | None
    """Where copies of a pack go; None takes the system's temporary folder."""
    seed: int = 0

    @property
    def start(self) -> Start:
        """What the page cache holds."""
        if self.limit_bytes is not None:
            return "limited"
        return "cold" if self.cold else "warm"

    def wanted_bytes(self, top_k: int) -> int:
        """Expert bytes of one token."""
        store = self.engine.checkpoint.routed
        assert store is not None, "checked when the experiment was started"
        return sum(store.layout(layer).payload_bytes for layer in store.layers) * top_k

    def describe(self) -> str:
        """In one line."""
        memory = {
            "warm": "page cache warm",
            "cold": "page cache emptied before every token",
            "limited": f"{(self.limit_bytes or 0) / 2**30:.2f} GiB of memory, settled",
        }
        counts = f"{self.repetitions} x {self.tokens} tokens after {self.warmup}"
        return f"{self.engine!r}, {memory[self.start]}, {counts}, ways in turns"

    @contextmanager
    def reopened(
        self,
        *,
        policy: str | SlotPolicy = "trust-os",
        slots: int | None = None,
        top_k: int | None = None,
        read_threads: int | None = None,
        experts: str | None = None,
    ) -> Iterator[Engine]:
        """The same checkpoint as another engine, with some options changed."""
        engine = self.engine
        opened = open_engine(
            engine.checkpoint.folder,
            top_k=engine.top_k if top_k is None else top_k,
            experts=experts_of(engine) if experts is None else experts,
            policy=policy,
            slots=slots,
            read_threads=read_threads,
            ops=engine.ops.name,
            dtype=engine.ops.dtype,
        )
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="flashmoe-lab-", dir=self.scratch) as made:
            yield Path(made)


def experts_of(engine: Engine) -> str:
    """What `fm.open(experts=...)` must be given to read the same files."""
    store = engine.checkpoint.routed
    assert store is not None, "checked when the experiment was started"
    return "in-place" if store.kind == "in-place" else str(store.files[0].parent)


def token_stream(engine: Engine, count: int, seed: int) -> tuple[tuple[int, ...], bool]:
    """Tokens to feed, and whether they are text: held-out text for the demo model, else few tokens by Zipf's law."""
    if _is_demo(engine):
        windows = EvalSet.load(shipped()).windows
        text = np.concatenate([windows[domain][seed % len(windows[domain])][:257] for domain in sorted(windows)])
        return tuple(int(token) for token in np.resize(text, count)), True
    rng = np.random.default_rng(seed)
    vocabulary = rng.permutation(engine.config.vocab_size)[:_VOCABULARY]
    shares = 1 / np.arange(1, len(vocabulary) + 1)
    return tuple(int(token) for token in rng.choice(vocabulary, count, p=shares / shares.sum())), False


def _is_demo(engine: Engine) -> bool:
    """By its config: a packed copy in a cache folder is the demo too."""
    own = engine.checkpoint.folder / "config.json"
    return any(
        (place / "config.json").exists() and (place / "config.json").read_bytes() == own.read_bytes()
        for place in PLACES
    )
