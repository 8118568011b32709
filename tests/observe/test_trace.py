import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.errors import OptionError, TraceError
from flashmoe_nb.observe import load_trace
from flashmoe_nb.observe.columns import map_columns, write_columns
from flashmoe_nb.observe.facts import TraceFacts
from flashmoe_nb.observe.schema import COLUMNS
from tests.observe.made_traces import columns, facts, made_trace, same, saved, with_columns


@given(st.integers(0, 20), st.integers(0, 20))
def test_a_slice_is_what_numpy_would_cut(start: int, stop: int):
    trace = made_trace(prompt=5, decoded=12)
    part = trace[start:stop]
    assert len(part) == len(trace.token_ids[start:stop])
    assert (part.routed_experts == trace.routed_experts[start:stop]).all()
    assert part.token_texts == trace.token_texts[start:stop]
    assert part.text == trace.text[start:stop]
    owners = trace.reads.token
    kept = (owners >= start) & (owners < stop)
    assert (part.reads.expert == trace.reads.expert[kept]).all()
    assert (part.reads.token + min(start, len(trace)) == owners[kept]).all()


def test_phases_are_cut_apart_and_make_up_the_whole():
    trace = made_trace(prompt=5, decoded=12)
    assert (len(trace.prefill), len(trace.decode)) == (5, 12)
    assert (trace.prefill.logical_count + trace.decode.logical_count == trace.logical_count).all()
    assert len(trace.prefill.reads) + len(trace.decode.reads) == len(trace.reads)


def test_phases_that_alternate_are_cut_apart():
    """Two turns: prefill, decode, prefill, decode."""
    trace = made_trace(prompt=0, decoded=10)
    phase = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1, 1], np.uint8)
    starts = np.array([0, 0, 2, 3, 4, 5, 5, 5, 8, 9])
    turns = with_columns(trace, phase=phase, pass_start=starts, read_token=starts[trace.reads.token])
    decode = turns.decode
    assert decode.token_ids.tolist() == trace.token_ids[phase == 1].tolist()
    in_decode = phase[turns.reads.token] == 1
    assert decode.reads.expert.tolist() == turns.reads.expert[in_decode].tolist()
    assert [np.flatnonzero(phase == 1)[token] for token in np.unique(decode.reads.token)] == [2, 3, 4, 8, 9]
    assert decode.column("pass_start").tolist() == [0, 1, 2, 3, 4]


def test_a_slice_of_a_slice_is_one_slice():
    trace = made_trace()
    assert same(trace[3:12][2:6], trace[5:9])
    assert not same(trace[3:12][2:6], trace[5:10])


def test_one_token_and_refusals():
    trace = made_trace()
    assert trace[-1].token_ids[0] == trace.token_ids[-1]
    with pytest.raises(IndexError, match="token 17 of a trace of 17"):
        trace[17]
    with pytest.raises(OptionError, match="step"):
        trace[::2]
    with pytest.raises(OptionError, match="no column"):
        trace.column("nonsense")
    with pytest.raises(OptionError, match="layer 3"):
        trace.layer_count(3)


def test_counts_are_those_of_a_loop():
    trace = made_trace()
    expected = np.zeros((3, 16), int)
    for token in trace.routed_experts:
        for layer, ids in enumerate(token):
            expected[layer, ids] += 1
    assert (trace.logical_count == expected).all()
    assert (trace.layer_count(1) == expected[1]).all()


def test_a_loaded_trace_is_mapped_and_read_only(tmp_path: Path):
    trace = load_trace(saved(made_trace(), tmp_path))
    assert isinstance(trace.routed_experts.base, np.memmap)
    assert isinstance(trace[2:9].routed_experts.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        trace.routed_experts[0] = 1


def test_the_safetensors_library_reads_the_file(tmp_path: Path):
    from safetensors import safe_open

    trace = made_trace()
    with safe_open(saved(trace, tmp_path), "numpy") as file:
        assert set(file.keys()) == {column.name for column in COLUMNS}
        assert (file.get_tensor("expert_ids") == trace.routed_experts).all()
        assert file.metadata()["schema_version"] == "2"


def test_a_trace_of_the_first_schema_opens_with_unknown_layer_times(tmp_path: Path):
    """What version 1 wrote: no times of layers, and facts without those that came with them."""
    of = facts()
    old = {name: array for name, array in columns(of, 3, 2).items() if not name.startswith("layer_")}
    known = json.loads(of.metadata(complete=True)["facts"])
    for name in ("most_experts", "layer_times_synced", "memory_limit"):
        del known[name]
    metadata = of.metadata(complete=True) | {"schema_version": "1", "facts": json.dumps(known)}
    write_columns(tmp_path / "old.safetensors", [old], metadata, durable=False)
    trace = load_trace(tmp_path / "old.safetensors")
    assert (trace.column("layer_end_ns") == -1).all()
    assert trace.column("layer_end_ns").shape == (5, of.num_layers)
    assert not trace.layer_times.known
    assert not trace[1:3].layer_times.known
    assert "unknown" in repr(trace.layer_times)
    assert same(load_trace(trace.save(tmp_path / "new.safetensors")), trace)
    write_columns(tmp_path / "cut.safetensors", [old], of.metadata(complete=True), durable=False)
    with pytest.raises(TraceError, match="no column layer_start_ns"):
        load_trace(tmp_path / "cut.safetensors")


def test_the_recorded_traces_of_this_repository_open():
    paths = sorted((Path(__file__).parents[2] / "data" / "traces").glob("*.safetensors"))
    assert paths
    for path in paths:
        assert len(load_trace(path).column("layer_start_ns")) == len(load_trace(path))


def test_a_later_schema_is_refused(tmp_path: Path):
    metadata = facts().metadata(complete=True) | {"schema_version": "99"}
    write_columns(tmp_path / "a.safetensors", [columns(facts(), 1, 1)], metadata, durable=False)
    with pytest.raises(TraceError, match="schema 99"):
        load_trace(tmp_path / "a.safetensors")


def test_files_that_are_no_trace_are_refused(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(TraceError, match="does not exist"):
        load_trace(path)
    write_columns(path, [{"weight": np.zeros(3, np.float32)}], {"format": "mlx"}, durable=False)
    with pytest.raises(TraceError, match="no trace"):
        load_trace(path)
    for content in (
        b"",
        b"hello",
        b"\xff" * 100,
        (5).to_bytes(8, "little") + b"hello",
        (2).to_bytes(8, "little") + b"[]",
    ):
        path.write_bytes(content)
        with pytest.raises(TraceError):
            load_trace(path)


@pytest.mark.parametrize("name", ["expert_ids", "read_token", "text"])
def test_a_missing_or_misshapen_column_is_refused(tmp_path: Path, name: str):
    path, made = tmp_path / "a.safetensors", columns(facts(), 2, 3)
    metadata = facts().metadata(complete=True)
    write_columns(path, [{key: values for key, values in made.items() if key != name}], metadata, durable=False)
    with pytest.raises(TraceError, match=f"no column {name}"):
        load_trace(path)
    write_columns(path, [made | {name: made[name].astype(np.int32)}], metadata, durable=False)
    with pytest.raises(TraceError, match=f"column {name}"):
        load_trace(path)


@given(st.integers(0, 2**32))
def test_a_cut_or_bent_file_raises_or_loads_whole(seed: int):
    """Never anything but a TraceError, whatever bytes of the header are wrong."""
    import tempfile

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = saved(made_trace(2, 3), Path(folder))
        content = bytearray(path.read_bytes())
        header = 8 + int.from_bytes(content[:8], "little")
        if rng.random() < 0.5:
            del content[int(rng.integers(0, len(content))) :]
        else:
            content[int(rng.integers(0, header))] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        with contextlib.suppress(TraceError):
            load_trace(path)._repr_html_()


def test_columns_in_pieces_are_one_column(tmp_path: Path):
    rng = np.random.default_rng(0)
    pieces = [{"a": rng.random((n, 3)).astype(np.float32), "b": rng.integers(0, 9, 2 * n)} for n in (3, 0, 5)]
    write_columns(tmp_path / "x", pieces, {"k": "v"}, durable=True)
    found, metadata = map_columns(tmp_path / "x")
    assert metadata == {"k": "v"}
    for name in ("a", "b"):
        assert (found[name] == np.concatenate([piece[name] for piece in pieces])).all()
        assert found[name].ctypes.data % found[name].dtype.itemsize == 0


def test_facts_survive_the_file():
    of = facts()
    assert TraceFacts.read(of.metadata(complete=True), "x") == of
    with pytest.raises(TraceError, match="facts"):
        TraceFacts.read(of.metadata(complete=True) | {"facts": "{}"}, "x")


def test_the_card_names_the_model_and_escapes_its_text():
    trace = with_columns(made_trace(2, 1), text=np.frombuffer(b"<b>", np.uint8))
    html = trace._repr_html_()
    assert "top_k 4 of 16 experts" in html
    assert "&lt;b&gt;" in html
    assert "<b>'" not in html
    assert "\n" not in repr(trace)
    assert "made-up, top_k 4 of 16 experts: 2 prefill + 1 decode tokens" in repr(trace)


def test_an_empty_trace_shows_itself():
    trace = made_trace(0, 0)
    assert "0 prefill + 0 decode" in repr(trace)
    assert "Trace of" in trace._repr_html_()
    assert trace.logical_count.sum() == 0
    assert trace.text == ""
