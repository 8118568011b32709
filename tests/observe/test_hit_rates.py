import numpy as np
import pytest

from tests.observe.made_traces import made_trace, with_columns


def test_lifetime_and_steady_state_are_two_numbers():
    """Prefill and the first half of decode miss, the second half hits."""
    trace = made_trace(prompt=4, decoded=10)
    late = trace.reads.token >= 4 + 5
    rates = with_columns(trace, read_resident_fraction_before=late.astype(np.float32)).hit_rates
    assert rates.steady_state == 1
    assert rates.prefill == 0
    assert rates.decode == pytest.approx(0.5)
    assert rates.lifetime == pytest.approx(late.mean())
    assert rates.measured_fraction == 1


def test_bytes_weigh_not_reads():
    trace = made_trace(prompt=0, decoded=2)
    hit = np.arange(len(trace.reads)) % 2 == 0
    nbytes = np.where(hit, 3000, 1000)
    rates = with_columns(trace, read_resident_fraction_before=hit.astype(np.float32), read_bytes=nbytes).hit_rates
    assert rates.lifetime == pytest.approx(nbytes[hit].sum() / nbytes.sum())


def test_what_was_not_measured_counts_neither_way():
    trace = made_trace(prompt=0, decoded=4)
    fraction = np.where(trace.reads.token < 2, np.nan, 0.25).astype(np.float32)
    rates = with_columns(trace, read_resident_fraction_before=fraction).hit_rates
    assert rates.lifetime == pytest.approx(0.25)
    assert rates.prefill is None
    assert 0 < rates.measured_fraction < 1


def test_nothing_measured_is_unknown_not_zero():
    trace = made_trace()
    unknown = np.full(len(trace.reads), np.nan, np.float32)
    rates = with_columns(trace, read_resident_fraction_before=unknown).hit_rates
    assert rates[:4] == (None, None, None, None)
    assert "not measured" in with_columns(trace, read_resident_fraction_before=unknown)._repr_html_()
