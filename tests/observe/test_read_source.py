"""Where reads are said to come from: measured first, time and size where nothing was measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.observe.read_source import ReadSource, read_sources
from tests.observe.made_traces import facts, made_trace, with_columns

TRACES = sorted((Path(__file__).parents[2] / "data" / "traces").glob("*.safetensors"))


def _trace(fractions: list[float], durations_ns: list[int], nbytes: int = 11_520, *, apart: bool = True):
    made = made_trace(prompt=0, decoded=2, of=replace(facts(), residency_per_expert=apart))
    count = len(fractions)
    names = ("token", "layer", "expert", "slot", "thread", "calls", "start_ns")
    kept = {f"read_{name}": np.array(made.column(f"read_{name}")[:count]) for name in names}
    return with_columns(
        made,
        **kept,
        read_bytes=np.full(count, nbytes),
        read_end_ns=kept["read_start_ns"] + np.array(durations_ns),
        read_resident_fraction_before=np.array(fractions, np.float32),
    )


def test_a_measured_read_is_what_was_measured_whatever_its_time():
    slow, quick = 10_000_000, 1_000
    found = read_sources(_trace([1.0, 0.5, 0.0], [slow, quick, quick]))
    assert found.tolist() == [ReadSource.PAGE_CACHE, ReadSource.PARTLY, ReadSource.SSD]


def test_an_unmeasured_read_is_inferred_from_its_time_and_size():
    nan = float("nan")
    assert read_sources(_trace([nan, nan], [3_000, 70_000])).tolist() == [
        ReadSource.INFERRED_PAGE_CACHE,
        ReadSource.INFERRED_SSD,
    ]
    # The same 700 microseconds are long for 11 kB and short for 7 MB.
    assert read_sources(_trace([nan], [700_000])).tolist() == [ReadSource.INFERRED_SSD]
    assert read_sources(_trace([nan], [700_000], 7_077_888)).tolist() == [ReadSource.INFERRED_PAGE_CACHE]


def test_reads_have_an_inferred_value_of_their_own_beside_the_measured_one():
    """A slow read that was measured as resident is no inferred hit, and the other way round."""
    reads = _trace([1.0, 0.0, float("nan")], [10_000_000, 1_000, 1_000]).reads
    assert reads.inferred_hit.tolist() == [False, True, True]
    assert reads.resident_fraction_before[:2].tolist() == [1.0, 0.0]


def test_a_measurement_of_shared_pages_is_not_taken_for_the_experts_own():
    assert read_sources(_trace([1.0], [70_000], apart=False)).tolist() == [ReadSource.INFERRED_SSD]


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_inference_agrees_with_what_was_measured_in_the_recorded_traces(path: Path):
    trace = fm.load_trace(path)
    measured = read_sources(trace)
    inferred = read_sources(with_columns(trace, read_resident_fraction_before=np.full(len(measured), np.nan, "f4")))
    from_ssd, told = measured == ReadSource.SSD, measured != ReadSource.PARTLY
    assert ((inferred == ReadSource.INFERRED_SSD) == from_ssd)[told].mean() > 0.99
    # Shuffled times carry nothing: the agreement is no accident of many hits.
    shuffled = np.random.default_rng(0).permutation(inferred)
    assert (shuffled[from_ssd] == ReadSource.INFERRED_PAGE_CACHE).mean() > 0.5
