"""Forecast against measurement on this machine: true shapes of two layers, under memory limits, cold and settled.

Each shape is probed with a part of its experts; then all of them are decoded under a limit, and the forecast, made from
the probe and the routing of other tokens, is held against the clock. Needs what `fm.memory_limit` needs.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict, dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine import memory_limit, open_engine
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.bench.machine import about_this_run
from flashmoe_nb.lab.bench.options import Options
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.forecasting.demand import HitRate, Routing, hit_rate
from flashmoe_nb.lab.forecasting.estimating import MODEL_SPREAD, tokens_per_s
from flashmoe_nb.lab.forecasting.misses import decode_bytes
from flashmoe_nb.lab.forecasting.outcome import Estimate
from flashmoe_nb.lab.forecasting.probing import probe
from flashmoe_nb.lab.sizes import model_sizes
from flashmoe_nb.observe import record
from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flashmoe_nb.engine import Engine, Session
    from flashmoe_nb.lab.forecasting.costs import Costs
    from flashmoe_nb.lab.sizes import ModelSizes

SHAPES = ("qwen3.5-397b", "qwen3.5-122b", "qwen3.5-35b", "qwen3-next-80b")
HELD = (0.2, 0.4, 0.7)
"""Share of the experts the page cache has room for."""
FILE = "forecast-check.json"
_VOCABULARY = 96
"""Different tokens fed, by Zipf's law, so that experts come back."""
_MOST_BETWEEN = 400
"""Tokens that fill a limit, at most."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One forecast and what came of it."""

    shape: str
    top_k: int
    held: float
    start: str
    """"cold": from an empty cache; "settled": after the limit was filled twice."""
    forecast: Estimate
    """Tokens a second."""
    measured: float
    forecast_hits: float
    measured_hits: float

    @property
    def error(self) -> float:
        """Of the forecast, relative to the measurement."""
        return self.forecast.value / self.measured - 1

    @property
    def inside(self) -> bool:
        """Whether the interval holds the measurement."""
        return self.measured in self.forecast


def check(
    shapes: Sequence[str] = SHAPES,
    *,
    held: Sequence[float] = HELD,
    tokens: int = 64,
    top_k: int | None = 4,
    options: Options | None = None,
) -> Iterator[Checked]:
    """Probe, forecast and measure, shape by shape.

    Raises:
        PageCacheError: memory cannot be limited here.
    """
    chosen = options or Options()
    for shape in shapes:
        folder = chosen.checkpoint(shape, 2, vocab=4096)
        with open_engine(folder, top_k=top_k, ops=chosen.ops) as engine:
            config = engine.config
            costs = probe(config, top_k=engine.top_k, folder=chosen.folder(), ops=chosen.ops)
            for share in held:
                yield from _measure(engine, shape, share, costs, tokens)


def table(found: Sequence[Checked]) -> Table:
    """For people, with the two sums."""
    columns = (
        "shape",
        "K",
        "cache holds",
        "start",
        "forecast tok/s",
        "90 %",
        "measured",
        "error",
        "inside",
        "hits",
        "hits measured",
    )
    made = Table("forecast-check", "Forecast against measurement, two layers of each shape", columns)
    for one in found:
        interval = f"{one.forecast.low:.3g} to {one.forecast.high:.3g}"
        made.add(
            one.shape, one.top_k, f"{one.held:.0%}", one.start, one.forecast.value, interval, one.measured,
            f"{one.error:+.0%}", one.inside, f"{one.forecast_hits:.0%}", f"{one.measured_hits:.0%}",
        )  # fmt: skip
    if found:
        median = statistics.median(abs(one.error) for one in found)
        inside = sum(one.inside for one in found)
        made.notes.append(f"median absolute error {median:.1%}; {inside} of {len(found)} inside the 90 % interval")
        made.notes.append(
            f"residual spread {residual_spread(found):.1%}: what the intervals' other parts leave of the errors; "
            f"they are made with {MODEL_SPREAD:.0%} for it"
        )
    return made


def residual_spread(found: Sequence[Checked]) -> float:
    """What `MODEL_SPREAD` stands for, as these checks have it: the errors' spread beyond the intervals' other parts.

    Relative, about a forecast that is right on the mean; 0 where the other parts explain more than there is.
    """
    errors = statistics.mean(math.log(one.measured / one.forecast.value) ** 2 for one in found)
    others = statistics.mean(one.forecast.relative**2 - MODEL_SPREAD**2 for one in found)
    return math.sqrt(max(0.0, errors - others))


def write_checked(found: Sequence[Checked], folder: Path) -> Path:
    """As JSON, with machine, date and command."""
    rows = [asdict(one) | {"error": one.error, "inside": one.inside} for one in found]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text(json.dumps({"about": about_this_run(), "checked": rows}, indent=1) + "\n", encoding="utf-8")
    return path


def read_checked(path: Path) -> Table:
    """The table of a file that `write_checked` wrote.

    Raises:
        CheckpointError: it is none.
    """
    try:
        rows = json.loads(path.read_text("utf-8"))["checked"]
        names = [name for name in Checked.__slots__ if name != "forecast"]
        found = [Checked(**{name: row[name] for name in names}, forecast=Estimate(**row["forecast"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} holds no checked forecasts ({error!r}): run flashmoe forecast check") from error
    return table(found)


def _learn(engine: Engine, count: int) -> Routing:
    """Of the same words in another order."""
    session = engine.session()
    with record(session) as trace:
        for token in _ids(engine, count, 1):
            session.feed([token])
        moe = engine.config.moe
        assert moe is not None
        return Routing("the same words in another order", np.asarray(trace.routed_experts), moe.num_experts)


def _measure(engine: Engine, shape: str, share: float, costs: Costs, tokens: int) -> Iterator[Checked]:
    """Cold first, then settled, under the same limit."""
    sizes, k = model_sizes(engine.config), engine.top_k
    between = min(_MOST_BETWEEN, int(2 * share * engine.checkpoint.expert_bytes / sizes.read_bytes(k)))
    routing = _learn(engine, between + 2 * tokens)
    limit = int(share * engine.checkpoint.expert_bytes) + decode_bytes(engine)
    ids = _ids(engine, between + 2 * tokens, 2)
    with open_engine(engine.checkpoint.folder, top_k=k, ops=engine.ops.name) as fresh, memory_limit(limit, fresh):
        session = fresh.session()
        cold = _decode(session, ids[:tokens])
        for token in ids[tokens:-tokens]:
            session.feed([token])
        settled = _decode(session, ids[-tokens:])
    for start, (speed, measured_hits), counted in (("cold", cold, tokens), ("settled", settled, None)):
        hits = hit_rate([routing], share, k, tokens=counted, settle=between + tokens)
        estimate = tokens_per_s(
            sizes, costs, hits, fresh=0.0 if counted is None else _fresh(sizes, k, hits, share, tokens)
        )
        yield Checked(shape, k, share, start, estimate, speed, hits.mean, measured_hits)


def _fresh(sizes: ModelSizes, top_k: int, hits: HitRate, share: float, tokens: int) -> float:
    """Share of the misses of a run from an empty cache that come before it is full."""
    missed = (1 - hits.mean) * sizes.read_bytes(top_k) * tokens
    return min(1.0, share * sizes.experts.nbytes / missed) if missed else 1.0


def _decode(session: Session, ids: Sequence[int]) -> tuple[float, float]:
    """Tokens a second, and the share of the bytes that did not come from the device."""
    engine, counter = session.engine, open_probe()
    device, wanted, start_ns = counter.device_bytes_read(), engine.bytes_read, perf_counter_ns()
    for token in ids:
        session.feed([token])
    spent_ns = perf_counter_ns() - start_ns
    missed = (counter.device_bytes_read() - device) / (engine.bytes_read - wanted)
    return len(ids) / spent_ns * 1e9, max(0.0, 1 - missed)


def _ids(engine: Engine, count: int, seed: int) -> list[int]:
    """The same few words in another order for every seed."""
    words = np.random.default_rng(0).permutation(engine.config.vocab_size)[:_VOCABULARY]
    shares = 1 / np.arange(1, _VOCABULARY + 1)
    drawn = np.random.default_rng(seed).choice(words, count, p=shares / shares.sum())
    return [int(token) for token in drawn]
