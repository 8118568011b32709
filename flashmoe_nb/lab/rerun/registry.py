"""All experiments by name, and the one way to run them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.rerun.caches import CACHES
from flashmoe_nb.lab.rerun.copies import COPIES
from flashmoe_nb.lab.rerun.kernels import KERNELS
from flashmoe_nb.lab.rerun.prefetch import PREFETCH
from flashmoe_nb.lab.rerun.quality import QUALITY
from flashmoe_nb.lab.rerun.reading import READING
from flashmoe_nb.lab.rerun.result import Result
from flashmoe_nb.lab.rerun.setting import Setting, token_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.lab.rerun.experiment import Experiment

REPETITIONS = 5
_WARMUP = 24
_TURNOVERS = 2
"""Times what fits the limit is read before anything is timed, so that it is full and has begun to choose."""
_MOST_WARMUP = 400


@cache
def all_experiments() -> dict[str, Experiment]:
    """By name, in the order of the table."""
    return {one.name: one for group in (CACHES, READING, COPIES, PREFETCH, QUALITY, KERNELS) for one in group}


def experiments() -> Table:
    """What can be run, and what the original found."""
    table = Table("experiments", "What can be rerun here", ("name", "what", "the original", "its verdict", "tokens"))
    for one in all_experiments().values():
        verdict = None if one.original_verdict is None else str(one.original_verdict)
        tokens = "none" if not one.needs_streaming else "other ones" if one.changes_tokens else "the same"
        table.add(one.name, one.title, one.original, verdict, tokens)
    return table


def find_experiment(name: str) -> Experiment:
    """By name.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in all_experiments():
        raise OptionError(f'there is no experiment "{name}": give one of {", ".join(all_experiments())}')
    return all_experiments()[name]


def run(
    name: str,
    engine: Engine,
    *,
    repetitions: int = REPETITIONS,
    tokens: int | None = None,
    warmup: int | None = None,
    memory_limit: int | None = None,
    cold: bool = False,
    ids: Sequence[int] | None = None,
    scratch: str | Path | None = None,
    seed: int = 0,
) -> Result:
    """Run an experiment: every way in turn, the same tokens through each, and the verdict beside the original's.

    Args:
        name: one of `experiments()`.
        engine: whose checkpoint, K and back end are used; opened anew for each way, this one is left as it is.
        repetitions: of every way, 2 or more; an interval comes from their spread.
        tokens: timed in each repetition; None takes the experiment's own number.
        warmup: tokens fed before them; None takes 24, and under a limit enough to fill it twice.
        memory_limit: bytes of memory for page cache and slots; None leaves what the machine has.
        cold: without a limit: empty the page cache before every token.
        ids: tokens to feed, `warmup` + `tokens` + 1 of them; None takes held-out text for the demo model, else few
            tokens drawn by Zipf's law.
        scratch: where copies of the experts go, as large as all of them; None takes the system's temporary folder.
        seed: of tokens and order.

    Raises:
        OptionError: an unknown name, counts that make no interval, too few ids, or a model without experts.
        PageCacheError: memory cannot be limited, or the cache emptied, on this system.
    """
    experiment = find_experiment(name)
    if experiment.needs_streaming and engine.checkpoint.routed is None:
        raise OptionError(f"{name} reads experts, {engine.checkpoint.folder.name} is dense: open a model with experts")
    if whole("repetitions", repetitions) < 2:  # noqa: PLR2004 - a spread needs two
        raise OptionError(f"repetitions is {repetitions}: an interval needs 2 or more, give 5 or more to trust it")
    timed = experiment.tokens if tokens is None else whole("tokens", tokens)
    before = _warmup(engine, memory_limit) if warmup is None else whole("warmup", warmup)
    if timed < 2 or before < 0:  # noqa: PLR2004 - as above
        raise OptionError(f"tokens is {timed} and warmup {before}: give 2 or more, and 0 or more")
    stream, is_text = _stream(engine, ids, before + timed + 1, seed)
    folder = None if scratch is None else Path(scratch)
    setting = Setting(engine, repetitions, timed, before, memory_limit, cold, stream, is_text, folder, seed)
    return _run(experiment, setting)


def _warmup(engine: Engine, limit_bytes: int | None) -> int:
    store = engine.checkpoint.routed
    if limit_bytes is None or store is None:
        return _WARMUP
    a_token = sum(store.layout(layer).payload_bytes for layer in store.layers) * engine.top_k
    return min(_MOST_WARMUP, max(_WARMUP, _TURNOVERS * limit_bytes // a_token))


def _stream(engine: Engine, ids: Sequence[int] | None, count: int, seed: int) -> tuple[tuple[int, ...], bool]:
    if ids is None:
        return token_stream(engine, count, seed)
    if len(ids) < count:
        raise OptionError(f"ids are {len(ids)}, {count} are needed (warmup + tokens + 1): give more, or lower tokens")
    return tuple(ids[:count]), True


def _run(experiment: Experiment, setting: Setting) -> Result:
    found = experiment.run(setting)
    counts = f"{setting.repetitions} repetitions, in turns"
    return Result(
        experiment.name,
        experiment.title,
        setting.describe() if experiment.needs_streaming else counts,
        found.per,
        found.arms,
        found.same_tokens,
        experiment.original,
        experiment.original_verdict,
        found.judged,
        experiment.why,
        list(found.notes),
    )
