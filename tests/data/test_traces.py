"""The traces in data/ are of the demo model in data/: they open, say so, and a new run chooses the same experts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.lab.demo.traces import NAMES, record_example
from flashmoe_nb.observe.facts import TraceFacts

TRACES = Path(__file__).parents[2] / "data" / "traces"


@pytest.mark.parametrize("name", NAMES)
def test_trace_is_whole_small_and_of_the_demo(name: str) -> None:
    path = TRACES / f"{name}.safetensors"
    trace = fm.load_trace(path)
    assert trace.complete
    assert path.stat().st_size <= 2_000_000
    assert trace.routed_experts.shape == (len(trace), 8, 10)
    assert len(trace.decode) > 20
    rates = trace.hit_rates
    assert rates.measured_fraction == 1
    assert rates.prefill is not None
    assert rates.steady_state is not None
    assert rates.prefill < rates.steady_state  # it began cold


def test_no_other_file_is_among_them() -> None:
    assert sorted(path.name for path in TRACES.iterdir()) == sorted(f"{name}.safetensors" for name in NAMES)


@pytest.mark.parametrize("name", ["prose", "tool_chat"])
def test_a_new_run_is_the_recorded_one(name: str, tmp_path: Path) -> None:
    """Up to the times; and another prompt is another run."""
    recorded = fm.load_trace(TRACES / f"{name}.safetensors")
    with fm.open() as engine:
        assert TraceFacts.of(engine).fingerprint == recorded.facts.fingerprint
        again = fm.load_trace(record_example(engine, name, tmp_path, n_tokens=30))
    count = len(again)
    assert count > 40 or name == "prose"
    np.testing.assert_array_equal(again.token_ids, recorded.token_ids[:count])
    same = (np.sort(again.routed_experts) == np.sort(recorded.routed_experts[:count])).mean()
    assert same > 0.999  # a tie of two experts may fall either way on another machine
    other = fm.load_trace(TRACES / "code.safetensors")
    assert not np.array_equal(other.token_ids[:count], again.token_ids)
