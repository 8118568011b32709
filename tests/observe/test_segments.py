"""A trace in pieces: its tail is the end of the whole column, and costs no joining."""

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe import Trace
from flashmoe_nb.observe.segments import Segments
from tests.observe.made_traces import columns, facts, made_trace


def pieces(sizes: tuple[int, ...]) -> Segments:
    """Columns of tokens one after the other, cut into pieces of these sizes; the first is empty."""
    whole = columns(facts(), prompt=4, decoded=16)
    edges = np.cumsum((0, *sizes))
    cuts = zip((0, *edges), edges, strict=False)
    return Segments([{name: values[start:end] for name, values in whole.items()} for start, end in cuts])


@pytest.mark.parametrize("start", [0, 1, 4, 5, 11, 19, 20, 99])
@pytest.mark.parametrize("name", ["token_id", "expert_ids", "router_entropy"])
def test_the_tail_is_the_end_of_the_column(name: str, start: int):
    segments = pieces((5, 6, 1, 8))
    assert np.array_equal(segments.tail(name, start), segments.column(name)[start:])
    assert segments.tail(name, start).dtype == segments.column(name).dtype


def test_the_tail_joins_nothing_before_it():
    segments = pieces((5, 6, 1, 8))
    last = segments.tail("expert_ids", 12)
    assert np.shares_memory(last, segments.pieces()[-1]["expert_ids"])
    assert segments._joined == {}
    segments.column("expert_ids")
    assert segments._joined


def test_a_cut_and_a_live_trace_have_tails():
    cut = made_trace(prompt=5, decoded=12)[3:14]
    assert np.array_equal(cut.tail("read_token", 7), cut.column("read_token")[7:])
    with fm.open() as engine:
        session = engine.session()
        with fm.record(session) as trace:
            session.feed([1, 2, 3])
            assert trace.tail("token_id", 2).tolist() == [3]
            session.feed([4])
            assert trace.tail("token_id", 2).tolist() == [3, 4]
        assert trace.tail("token_id", 3).tolist() == [4]


def test_a_tail_of_no_column_is_refused():
    trace = Trace(facts(), pieces((5,)), None, complete=True)
    with pytest.raises(OptionError, match='no column "experts"'):
        trace.tail("experts", 0)
