"""`fm.open`: a checkpoint folder becomes an engine, whose sessions decode with experts streamed from disk.

The engine holds what sessions share: resident weights, open files, slots and the owner thread. Knows no widgets.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

from flashmoe_nb.engine import card
from flashmoe_nb.engine.budget import MemoryPlan, plan_memory, resident_bytes
from flashmoe_nb.engine.checkpoint import Checkpoint, open_checkpoint
from flashmoe_nb.engine.decoder import Decoder
from flashmoe_nb.engine.demo import demo_source, packed_demo
from flashmoe_nb.engine.experts import StreamedExperts, slot_bytes
from flashmoe_nb.engine.options import check_slots, check_threads, check_top_k, whole
from flashmoe_nb.engine.owner import Owner
from flashmoe_nb.engine.run import Memory, Run
from flashmoe_nb.engine.session import Session, reject_context, whole_ids
from flashmoe_nb.errors import BudgetError, CheckpointError, ClosedError, PageCacheError, PromptError, SessionBusyError
from flashmoe_nb.model import ResidentLoader, Transformer, load_transformer
from flashmoe_nb.ops import open_ops
from flashmoe_nb.pagecache import open_probe
from flashmoe_nb.storage.policy import find_policy
from flashmoe_nb.text import ChatTemplate, GenerationDefaults, Tokenizer

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.ops import Ops
    from flashmoe_nb.storage import ExpertStore
    from flashmoe_nb.storage.policy import SlotPolicy

T = TypeVar("T")

_PROGRESS_BYTES = 500_000_000
"""Loading this much shows a progress bar."""


def open_engine(
    path: str | os.PathLike[str] | None = None,
    top_k: int | None = None,
    experts: str = "auto",
    policy: str | SlotPolicy = "trust-os",
    slots: int | None = None,
    read_threads: int | None = None,
    ops: str = "auto",
    dtype: str | None = None,
    memory_budget: int | None = None,
) -> Engine:
    """Open a checkpoint: resident weights are loaded, experts stay on disk.

    Args:
        path: folder with config.json and safetensors shards; None opens the demo model.
        top_k: experts a token goes through; None takes the checkpoint's own number.
        experts: "auto" reads a pack where there is one, else the shards in place; "in-place"; "packed"; or a folder.
        policy: how slots are used; "trust-os" keeps nothing and lets the page cache work.
        slots: experts that fit in memory at once, K or more; more make prefill waves longer.
        read_threads: parallel reads; None picks by core count.
        ops: back end, "auto" or "mlx".
        dtype: of activations; None is float32 on a CPU and the checkpoint's own on a GPU.
        memory_budget: bytes for weights, slots, state, keys and values and working memory, without the interpreter.

    Raises:
        CheckpointError: the folder cannot be used as it stands.
        BudgetError: the budget is too small; nothing was loaded.
        OptionError: an argument out of range.
    """
    folder, note = _find_folder(path, experts)
    checkpoint = open_checkpoint(folder, experts)
    backend = open_ops(ops, dtype, checkpoint.dtype)
    k = check_top_k(top_k, checkpoint.config)
    n_slots, threads, kept = check_slots(slots, k, checkpoint.config), check_threads(read_threads), find_policy(policy)
    budget = None if memory_budget is None else whole("memory_budget", memory_budget)
    stores, stream_dense, plan = _plan(checkpoint, backend.dtype, n_slots, budget)
    owner = Owner(f"flashmoe {folder.name}")
    try:
        streamed = owner.call(
            lambda: StreamedExperts(
                stores,
                backend,
                kept,
                n_slots=n_slots,
                hidden_size=checkpoint.config.hidden_size,
                read_threads=threads,
                probe=_probe(),
                cancelled=owner.cancelled,
            )
        )
        try:
            model, notes = owner.call(
                lambda: _load(
                    checkpoint, backend, owner, top_k=k, stream_dense=stream_dense, nbytes=plan.resident_bytes
                )
            )
            notes = (note, *notes) if note else notes
            return Engine(checkpoint, model, streamed, owner, plan, k, kept.name, notes)
        except BaseException:
            owner.call(streamed.close)
            raise
    except BaseException:
        owner.close()
        raise


class Engine:
    """An open model; a context manager. Made by `flashmoe_nb.open`."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: Transformer,
        experts: StreamedExperts,
        owner: Owner,
        memory: MemoryPlan,
        top_k: int,
        policy: str,
        notes: tuple[str, ...],
    ) -> None:
        self.checkpoint = checkpoint
        self.memory = memory
        self.top_k = top_k
        """Experts per token in force; 0 for a dense model."""
        self.policy = policy
        self.notes = notes
        """What was found while opening that a user should know."""
        self.measure_residency = False
        """Ask before every read how much of it the page cache holds; stepping always does."""
        self.tokenizer = Tokenizer.open(checkpoint.folder) if (checkpoint.folder / "tokenizer.json").exists() else None
        eos_id = self.tokenizer.eos_id if self.tokenizer else None
        self.stop_ids = GenerationDefaults.open(checkpoint.folder, tokenizer_eos_id=eos_id).stop_ids
        self._template = ChatTemplate.open(checkpoint.folder)
        self._model: Transformer | None = model
        self._decoder: Decoder | None = Decoder(model)
        self._experts = experts
        self._owner = owner
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self._dropped = weakref.finalize(self, owner.leave, experts.close)
        self._dropped.atexit = False  # the system closes files faster than a step in progress can be waited for
        self.ops: Ops = model.ops

    def __repr__(self) -> str:
        return card.one_line(self)

    def _repr_html_(self) -> str:
        return card.html(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def config(self) -> ModelConfig:
        """Of the checkpoint."""
        return self.checkpoint.config

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._decoder is None

    @property
    def max_context(self) -> int:
        """Positions a session may have."""
        return self.memory.max_context

    @property
    def bytes_read(self) -> int:
        """Expert bytes read since opening."""
        return self._experts.bytes_read

    @property
    def n_reads(self) -> int:
        """Experts read since opening."""
        return self._experts.n_reads

    @property
    def resident_fraction(self) -> float | None:
        """Share of the expert bytes read that the page cache held before; None while nothing was measured."""
        return self._experts.resident_fraction

    def facts(self) -> list[tuple[str, str]]:
        """What the card says, as (name, value)."""
        return card.facts(self)

    def evict(self) -> float:
        """Drop the expert files from the page cache, for an honest cold run; returns the share still resident.

        Raises:
            PageCacheError: this system, file system or owner does not let us.
        """
        return self.owner_call(self._experts.evict)

    def session(self) -> Session:
        """A new, empty session."""
        return self.owner_call(lambda: self.new_session(self.new_memory(), None))

    def close(self) -> None:
        """Close the files and free the memory; sessions of this engine can no longer be used.

        Raises:
            SessionBusyError: an observer called it, in the middle of a token.
        """
        if self._decoder is None:
            return
        if self._owner.is_current():
            msg = "close() was called by an observer, in the middle of a token: raise there to stop the feed, then "
            raise SessionBusyError(msg + "close the engine from outside")
        self._dropped.detach()
        self._owner.call(self._close)
        self._owner.close()

    def encode(
        self,
        prompt: str | Sequence[Mapping[str, object]] | Sequence[int],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        enable_thinking: bool = False,
    ) -> list[int]:
        """Token ids of raw text, or of messages through the chat template; ids go through as they are.

        Raises:
            PromptError: nothing to encode, an image, or messages without a template.
            CheckpointError: the folder has no tokenizer.
        """
        if isinstance(prompt, str):
            text = prompt
        elif _holds_messages(prompt):
            messages = cast("Sequence[Mapping[str, object]]", prompt)
            text = self._template.render(messages, tools=tools, enable_thinking=enable_thinking)
        else:
            text, ids = "", whole_ids(prompt)
            if ids:
                return ids
        if not text:
            raise PromptError("the prompt is empty: give some text, at least one message, or token ids")
        if self.tokenizer is None:
            msg = f"{self.checkpoint.folder} has no tokenizer.json, so it takes token ids only: "
            raise CheckpointError(msg + "put the model's tokenizer.json there, or give ids in place of text")
        return self.tokenizer.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of token ids, special tokens included.

        Raises:
            CheckpointError: the folder has no tokenizer.
        """
        if self.tokenizer is None:
            msg = f"{self.checkpoint.folder} has no tokenizer.json to tell text by: put the model's there"
            raise CheckpointError(msg)
        return self.tokenizer.decode(token_ids)

    def owner_call(self, function: Callable[[], T]) -> T:
        """Run something on the thread that owns the arrays, and wait.

        Raises:
            ClosedError: the engine is closed.
        """
        if self._decoder is None:
            raise ClosedError("this engine is closed: open the model again")
        return self._owner.call(function)

    # -- for sessions, on the owner thread ---------------------------------------------------------------------------
    def new_memory(self) -> Memory:
        """Empty state for a session."""
        assert self._model is not None
        return Memory(self._model.new_state())

    def new_session(self, memory: Memory, pending: int | None) -> Session:
        """A session that gives its state back when the engine closes."""
        session = Session(self, memory, pending)
        self._sessions.add(session)
        return session

    def new_run(self, memory: Memory, ids: Sequence[int], *, chunk: int | None, watched: bool, measure: bool) -> Run:
        """A feed that has not begun."""
        assert self._decoder is not None
        return Run(
            self._decoder,
            self._experts,
            memory,
            ids,
            chunk=chunk,
            watched=watched,
            measure=measure or self.measure_residency,
            check=self._owner.check,
        )

    def check_context(self, position: int, n_tokens: int) -> None:
        """Refuse what would not fit.

        Raises:
            ContextError: beyond the model's limit or the budget's.
        """
        reject_context(position, n_tokens, self.max_context, self.memory.limit_reason(self.config))

    def _close(self) -> None:
        ops = self.ops
        for session in list(self._sessions):
            session.release()
        self._experts.close()
        self._model = self._decoder = None
        ops.release()


def _plan(
    checkpoint: Checkpoint, dtype: str, n_slots: int, budget: int | None
) -> tuple[list[ExpertStore], bool, MemoryPlan]:
    """What streams, and the memory for the rest; dense MLPs stay resident unless the budget cannot hold them."""
    config = checkpoint.config
    routed = [checkpoint.routed] if checkpoint.routed else []

    def plan(stores: list[ExpertStore], *, stream_dense: bool) -> MemoryPlan:
        resident = resident_bytes(checkpoint.index, checkpoint.names, config, dtype, stream_dense=stream_dense)
        return plan_memory(config, resident, slot_bytes(stores, n_slots), dtype, budget)

    try:
        return routed, False, plan(routed, stream_dense=False)
    except BudgetError:
        if all(config.sparse_layers):
            raise
    stores = [*routed, checkpoint.dense_store()]
    return stores, True, plan(stores, stream_dense=True)


def _load(
    checkpoint: Checkpoint, ops: Ops, owner: Owner, *, top_k: int, stream_dense: bool, nbytes: int
) -> tuple[Transformer, tuple[str, ...]]:
    config = checkpoint.config
    with _progress(nbytes, checkpoint.folder.name, owner) as told:
        loader = ResidentLoader(checkpoint.index, checkpoint.names, config.quantization, ops, told)
        with loader:
            model = load_transformer(loader, config, top_k=top_k, stream_dense=stream_dense)
    ops.release()  # buffers left over from casting
    return model, (*checkpoint.notes, *loader.notes)


@contextmanager
def _progress(nbytes: int, name: str, owner: Owner) -> Iterator[Callable[[int], object]]:
    """A bar for big models; in any case the place where loading can be interrupted."""
    if nbytes < _PROGRESS_BYTES:
        yield lambda _: owner.check()
        return
    from tqdm.auto import tqdm  # noqa: PLC0415 - draws in ipywidgets when in a notebook: not for small models

    with tqdm(total=nbytes, unit="B", unit_scale=True, desc=f"loading {name}") as bar:

        def told(count: int) -> None:
            bar.update(count)
            owner.check()

        yield told


def _holds_messages(prompt: object) -> bool:
    return isinstance(prompt, Mapping) or (
        isinstance(prompt, Sequence) and any(isinstance(part, Mapping) for part in prompt)
    )


def _probe() -> Callable[[int, int, int], float] | None:
    try:
        return open_probe().residency
    except PageCacheError:
        return None


def _find_folder(path: str | os.PathLike[str] | None, experts: str) -> tuple[Path, str]:
    """The checkpoint's folder, and a note about it; the demo's packed copy unless it is to be read in place."""
    if path is not None:
        return Path(path).expanduser(), ""
    return (demo_source(), "") if experts == "in-place" else packed_demo()
