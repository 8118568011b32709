"""An open model: what its sessions share, and what can be asked of it and done to it.

That is resident weights, open files, slots and the owner thread. Knows no widgets.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, TypeVar, cast

import mlx.core as mx

from flashmoe_nb.engine import card
from flashmoe_nb.engine.decoder import Decoder
from flashmoe_nb.engine.run import Memory, Run
from flashmoe_nb.engine.session import Session
from flashmoe_nb.engine.token_ids import reject_context, whole_ids
from flashmoe_nb.errors import CheckpointError, ClosedError, PromptError, SessionBusyError
from flashmoe_nb.text import ChatTemplate, GenerationDefaults, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.engine.budget import MemoryPlan
    from flashmoe_nb.engine.checkpoint import Checkpoint
    from flashmoe_nb.engine.experts import Rewrite, StreamedExperts
    from flashmoe_nb.engine.owner import Owner
    from flashmoe_nb.engine.residency import ExpertPages
    from flashmoe_nb.engine.tape import Recorder
    from flashmoe_nb.model import Transformer
    from flashmoe_nb.ops import Array, Ops

T = TypeVar("T")


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
        self.memory_limit = ""
        """In force now, e.g. "2.00 GiB, cgroup v1", where `fm.memory_limit` was given this engine; belongs beside every
        hit rate."""
        self.tokenizer = Tokenizer.open(checkpoint.folder) if (checkpoint.folder / "tokenizer.json").exists() else None
        eos_id = self.tokenizer.eos_id if self.tokenizer else None
        self.generation_defaults = GenerationDefaults.open(checkpoint.folder, tokenizer_eos_id=eos_id)
        self.stop_ids = self.generation_defaults.stop_ids
        self.template = ChatTemplate.open(checkpoint.folder)
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
    def read_ns(self) -> int:
        """Time spent waiting for expert reads since opening."""
        return self._experts.read_ns

    @property
    def resident_fraction(self) -> float | None:
        """Share of the expert bytes read that the page cache held before; None while nothing was measured."""
        return self._experts.resident_fraction

    def facts(self) -> list[tuple[str, str]]:
        """What the card says, as (name, value)."""
        return card.facts(self)

    def residency(self, layer: int) -> NDArray[np.float32]:
        """Share of each expert's pages that the page cache holds now. Shapes: [E].

        Raises:
            OptionError: a layer without experts.
            PageCacheError: experts share their pages, or the system does not say.
        """
        return self._pages().residency(layer)

    def residency_map(self) -> NDArray[np.float32]:
        """`residency`, layer after layer: the last rows are younger than the first. Shapes: [sparse layers, E].

        Raises:
            PageCacheError: as `residency`.
        """
        return self._pages().residency_map()

    def evict(self, layer: int | None = None, experts: Iterable[int] | None = None) -> float:
        """Drop experts from the page cache, for an honest cold run; returns the share of their bytes still resident.

        Args:
            layer: of one layer; None for all of every layer.
            experts: only these of the layer. The system drops whole blocks of pages, so a rest may stay.

        Raises:
            OptionError: a layer or an expert that does not exist.
            PageCacheError: this system, file system or owner does not let us.
        """
        return self._pages().evict(layer, experts)

    def warm(self, layer: int | None = None, experts: Iterable[int] | None = None) -> int:
        """Read experts into the page cache, chosen as for `evict`; returns the bytes read.

        Raises:
            OptionError: a layer or an expert that does not exist.
            PageCacheError: the bytes could not be read.
        """
        return self._pages().warm(layer, experts)

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
            text = self.template.render(messages, tools=tools, enable_thinking=enable_thinking)
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

    def _pages(self) -> ExpertPages:
        self._check_open()
        return self._experts.pages

    def _check_open(self) -> None:
        if self._decoder is None:
            raise ClosedError("this engine is closed: open the model again")

    def unembed(self, residual: Array) -> mx.array:
        """Logits that a residual stream would give if it were the last layer's: final norm and head.

        Shapes: residual [T, D] as a stage's value, result [T, V] float32, evaluated.
        """
        return self.owner_call(lambda: self._unembed(residual))

    def owner_call(self, function: Callable[[], T]) -> T:
        """Run something on the thread that owns the arrays, and wait.

        Raises:
            ClosedError: the engine is closed.
        """
        self._check_open()
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

    def new_run(
        self,
        memory: Memory,
        ids: Sequence[int],
        *,
        chunk: int | None,
        watched: bool,
        measure: bool,
        recorders: tuple[Recorder, ...] = (),
        rewrites: Mapping[tuple[int, int], Rewrite],
    ) -> Run:
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
            recorders=recorders,
            rewrites=rewrites,
        )

    def check_context(self, position: int, n_tokens: int) -> None:
        """Refuse what would not fit.

        Raises:
            ContextError: beyond the model's limit or the budget's.
        """
        reject_context(position, n_tokens, self.max_context, self.memory.limit_reason(self.config))

    def _unembed(self, residual: Array) -> mx.array:
        assert self._model is not None
        model, ops = self._model, self.ops
        logits = ops.linear(ops.rms_norm(residual, model.norm, model.config.rms_norm_eps), model.lm_head)
        return mx.array(ops.to_numpy(logits))

    def _close(self) -> None:
        ops = self.ops
        for session in list(self._sessions):
            session.release()
        self._experts.close()
        self._model = self._decoder = None
        ops.release()


def _holds_messages(prompt: object) -> bool:
    return isinstance(prompt, Mapping) or (
        isinstance(prompt, Sequence) and any(isinstance(part, Mapping) for part in prompt)
    )
