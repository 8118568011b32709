"""`fm.open`: check every option, plan the memory, load what stays resident, and leave the experts on disk."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.engine.budget import MemoryPlan, plan_memory, resident_bytes
from flashmoe_nb.engine.checkpoint import Checkpoint, open_checkpoint
from flashmoe_nb.engine.demo import demo_source, packed_demo
from flashmoe_nb.engine.engine import Engine
from flashmoe_nb.engine.experts import StreamedExperts, slot_bytes
from flashmoe_nb.engine.options import check_compute_threads, check_slots, check_threads, check_top_k, whole
from flashmoe_nb.engine.owner import Owner
from flashmoe_nb.errors import BudgetError, PageCacheError
from flashmoe_nb.model import ResidentLoader, Transformer, load_transformer
from flashmoe_nb.ops import open_ops
from flashmoe_nb.pagecache import open_probe
from flashmoe_nb.storage.policy import find_policy

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from flashmoe_nb.ops import Ops
    from flashmoe_nb.storage import ExpertStore
    from flashmoe_nb.storage.policy import SlotPolicy


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
    compute_threads: int | None = None,
) -> Engine:
    """Open a checkpoint: resident weights are loaded, experts stay on disk.

    Args:
        path: folder with config.json and safetensors shards; None opens the demo model.
        top_k: experts a token goes through; None takes the checkpoint's own number.
        experts: "auto" reads a pack where there is one, else the shards in place; "in-place"; "packed"; or a folder.
        policy: how slots are used; "trust-os" keeps nothing and lets the page cache work.
        slots: experts that fit in memory at once, K or more; more make prefill waves longer.
        read_threads: parallel reads; None picks by core count.
        ops: back end, `ops.OPS_NAMES`; "auto" is "cpu" where there is no GPU, else "mlx".
        dtype: of activations; None is float32 on a CPU and the checkpoint's own on a GPU.
        memory_budget: bytes for weights, slots, state, keys and values and working memory, without the interpreter.
        compute_threads: cores ops="cpu" may use; None takes those this process may run on, 8 at most.

    Raises:
        CheckpointError: the folder cannot be used as it stands.
        BudgetError: the budget is too small; nothing was loaded.
        OptionError: an argument out of range.
    """
    folder, note = _find_folder(path, experts)
    checkpoint = open_checkpoint(folder, experts)
    backend = open_ops(ops, dtype, checkpoint.dtype, check_compute_threads(compute_threads))
    k = check_top_k(top_k, checkpoint.config)
    n_slots, threads, kept = check_slots(slots, k, checkpoint.config), check_threads(read_threads), find_policy(policy)
    budget = None if memory_budget is None else whole("memory_budget", memory_budget)
    stores, stream_dense, plan = _plan(checkpoint, backend, n_slots, budget)
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
            engine = Engine(checkpoint, model, streamed, owner, plan, k, kept.name, notes)
            owner.call(backend.release)  # what reading tokenizer and weights left in the heap
        except BaseException:
            owner.call(streamed.close)
            raise
    except BaseException:
        owner.close()
        raise
    return engine


def _plan(
    checkpoint: Checkpoint, ops: Ops, n_slots: int, budget: int | None
) -> tuple[list[ExpertStore], bool, MemoryPlan]:
    """What streams, and the memory for the rest; dense MLPs stay resident unless the budget cannot hold them."""
    config = checkpoint.config
    routed = [checkpoint.routed] if checkpoint.routed else []

    def plan(stores: list[ExpertStore], *, stream_dense: bool) -> MemoryPlan:
        resident = resident_bytes(checkpoint.index, checkpoint.names, config, ops, stream_dense=stream_dense)
        return plan_memory(config, resident, slot_bytes(stores, n_slots), ops.dtype, budget)

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
