"""Chunks of a trace: every row once, numbers as a browser takes them, small snapshots that count everything."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load

import flashmoe_nb as fm
from flashmoe_nb.observe.stats_usage import usage_counts
from flashmoe_nb.widgets.feed import Feed
from tests.observe.made_traces import made_trace


class Growing:
    """A trace that is recorded: `n` tokens of it are there so far."""

    def __init__(self, whole: fm.Trace, n: int) -> None:
        self.whole, self.n, self.facts, self.complete = whole, n, whole.facts, False

    def __len__(self) -> int:
        return self.n

    def tail(self, name: str, start: int) -> np.ndarray:
        """More may have come in since the length was asked: give one token more than there were."""
        return self.whole[: self.n + 1].tail(name, start)

    @property
    def routed_experts(self) -> np.ndarray:
        return self.whole[: self.n].routed_experts


def place(blob: bytes) -> dict[str, Any]:
    length = int.from_bytes(blob[:8], "little")
    return json.loads(json.loads(blob[8 : 8 + length])["__metadata__"]["place"])


def chunks(trace: fm.Trace, stops: list[int]) -> list[bytes]:
    growing = Growing(trace, 0)
    feed, found = Feed(growing), []
    for growing.n in stops:
        chunk = feed.next_chunk()
        assert chunk is not None
        found.append(chunk[0])
    return found


def test_chunks_one_after_the_other_are_the_trace():
    trace = made_trace(prompt=5, decoded=12)
    found = chunks(trace, [5, 6, 9, 17])
    rows = [load(chunk) for chunk in found]
    for name in ("token_id", "expert_ids", "routing_weights", "read_expert", "read_token", "text"):
        assert np.array_equal(np.concatenate([one[name] for one in rows]), trace.column(name)), name
    starts = {"token_row": "token_id", "read_row": "read_token", "text_byte": "text"}
    for key, name in starts.items():
        sizes = [len(one[name]) for one in rows]
        assert [place(chunk)[key] for chunk in found] == np.cumsum([0, *sizes[:-1]]).tolist(), key


def test_times_are_milliseconds_since_the_start():
    trace = made_trace(prompt=3, decoded=4)
    rows = load(chunks(trace, [7])[0])
    assert rows["start_ms"].dtype == np.float64
    assert np.allclose(rows["end_ms"] - rows["start_ms"], (trace.column("end_ns") - trace.column("start_ns")) / 1e6)
    assert rows["start_ms"][0] == (trace.column("start_ns")[0] - trace.facts.started_ns) / 1e6
    assert not [name for name, values in rows.items() if values.dtype == np.int64], "a browser has no such numbers"


def test_only_the_first_chunk_says_what_it_is_of(tmp_path: Path):
    (tmp_path / "first").write_bytes((found := chunks(made_trace(prompt=3, decoded=4), [3, 7]))[0])
    (tmp_path / "second").write_bytes(found[1])
    first, second = (safe_open(tmp_path / name, "numpy").metadata() for name in ("first", "second"))
    assert json.loads(first["facts"])["num_experts"] == made_trace(prompt=3, decoded=4).facts.num_experts
    assert "facts" not in second


def test_nothing_new_is_nothing():
    growing = Growing(made_trace(prompt=3, decoded=4), 3)
    feed = Feed(growing)
    assert feed.next_chunk()[1] == 3
    assert feed.next_chunk() is None
    growing.complete = True
    assert feed.next_chunk()[1] == 0, "that it is whole is news"
    assert feed.next_chunk() is None


@pytest.mark.parametrize("most_bytes", [2_000, 20_000])
def test_a_small_snapshot_leaves_out_old_routing_and_counts_it(most_bytes: int):
    trace = made_trace(prompt=20, decoded=60)
    feed = Feed(trace)
    feed.next_chunk()
    blob = feed.snapshot(most_bytes)
    rows, at = load(blob), place(blob)
    assert len(rows["token_id"]) == len(trace)
    assert 0 < at["routed_row"] < len(trace)
    assert len(rows["expert_ids"]) == len(trace) - at["routed_row"]
    total = rows["counts_before"] + usage_counts(rows["expert_ids"], trace.facts.num_experts)
    assert np.array_equal(total, trace.logical_count)
    assert np.array_equal(rows["read_token"], trace.column("read_token")[at["read_row"] :])
    assert rows["read_token"].nbytes < most_bytes


def test_a_large_snapshot_has_everything():
    trace = made_trace(prompt=20, decoded=60)
    feed = Feed(trace)
    feed.next_chunk()
    blob = feed.snapshot()
    assert place(blob)["routed_row"] == place(blob)["read_row"] == 0
    assert "counts_before" not in load(blob)
    assert len(load(blob)["read_token"]) == len(trace.reads)
