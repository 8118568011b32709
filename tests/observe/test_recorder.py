from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Routing, Stage, StageEvent
from flashmoe_nb.observe.schema import DECODE, NO_EXPERT, PREFILL
from tests.observe.made_traces import same

PROMPT = [5, 6, 7, 8, 9]


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _watched(session: fm.Session, ids: list[int], *, prefill: bool = False) -> list[StageEvent]:
    return list(session.steps(ids, prefill=prefill))


def _check_routing(trace: fm.Trace, events: list[StageEvent], row: int) -> None:
    """The rows from `row` on hold what the router events say."""
    routers = [event for event in events if event.stage is Stage.ROUTER]
    for at, event in enumerate(routers):
        rows = slice(row, row + event.n_tokens)
        layer = at % len(trace.sparse_layers)
        probabilities = _softmax(np.array(event.value.logits))
        ids = np.array(event.value.expert_ids)
        ranked = -np.sort(-np.log(probabilities), axis=-1)
        entropy = -(probabilities * np.log(probabilities)).sum(-1)
        kept = np.take_along_axis(probabilities, ids.astype(int), -1).sum(-1)
        np.testing.assert_array_equal(trace.routed_experts[rows, layer], ids)
        np.testing.assert_array_equal(trace.routing_weights[rows, layer], np.array(event.value.routing_weights))
        np.testing.assert_allclose(trace.column("router_entropy")[rows, layer], entropy, rtol=1e-4)
        np.testing.assert_allclose(trace.column("kept_mass")[rows, layer], kept, rtol=1e-4)
        k = ids.shape[-1]
        np.testing.assert_allclose(
            trace.column("router_margin")[rows, layer], ranked[:, k - 1] - ranked[:, k], rtol=1e-3, atol=1e-5
        )


def test_recorded_decode_is_what_stepping_shows(engine: fm.Engine):
    watched, recorded = engine.session(), engine.session()
    events = _watched(watched, PROMPT)
    with fm.record(recorded) as trace:
        for token in PROMPT:
            recorded.feed([token])
    assert trace.token_ids.tolist() == PROMPT
    assert (trace.phase == DECODE).all()
    per_token = [[event for event in events if event.position == at] for at in range(len(PROMPT))]
    for row, of_token in enumerate(per_token):
        _check_routing(trace, of_token, row)
    shown = [read for event in events if event.stage is Stage.EXPERT_READ for read in event.value]
    reads = trace.reads
    assert [(r.layer, r.expert, r.nbytes) for r in shown] == list(
        zip(reads.layer.tolist(), reads.expert.tolist(), reads.nbytes.tolist(), strict=True)
    )
    assert (reads.end_ns >= reads.start_ns).all()


def test_recorded_prefill_is_what_stepping_shows(engine: fm.Engine):
    watched, recorded = engine.session(), engine.session()
    events = _watched(watched, PROMPT, prefill=True)
    with fm.record(recorded) as trace:
        recorded.feed(PROMPT, chunk=len(PROMPT))
    assert (trace.phase == PREFILL).all()
    assert set(trace.column("pass_start").tolist()) == {0}
    _check_routing(trace, events, 0)


def test_recording_changes_no_logits(engine: fm.Engine):
    plain, recorded = engine.session(), engine.session()
    with fm.record(recorded):
        ours = np.array(recorded.feed(PROMPT)), np.array(recorded.feed([3]))
    theirs = np.array(plain.feed(PROMPT)), np.array(plain.feed([3]))
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_recording_evaluates_no_stage(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch):
    counts = []
    ops = type(engine.ops)
    original = ops.evaluate
    for recording in (False, True):
        calls: list[int] = []
        monkeypatch.setattr(ops, "evaluate", lambda self, *v, calls=calls: calls.append(1) or original(self, *v))
        session = engine.session()
        if recording:
            with fm.record(session):
                session.feed([3])
        else:
            session.feed([3])
        counts.append(len(calls))
    assert counts[0] == counts[1] > 0


def test_a_token_says_what_it_was_drawn_from(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        logits = np.array(session.feed(PROMPT))
        session.feed([11])
    probabilities = _softmax(logits)
    assert np.isnan(trace.column("token_logprob")[: len(PROMPT)]).all()
    assert (trace.column("token_rank")[: len(PROMPT)] == -1).all()
    np.testing.assert_allclose(trace.column("token_logprob")[-1], np.log(probabilities[11]), rtol=1e-4)
    assert trace.column("token_rank")[-1] == (probabilities > probabilities[11]).sum()
    assert trace.column("sampled_from_ids")[-1].tolist() == np.argsort(-probabilities, kind="stable")[:5].tolist()
    entropy = -(probabilities * np.log(probabilities)).sum()
    np.testing.assert_allclose(trace.column("sampled_from_entropy")[-1], entropy, rtol=1e-4)


def test_after_a_reset_nothing_was_drawn(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        session.feed([3])
        session.reset()
        session.feed([4])
    assert trace.column("position").tolist() == [0, 0]
    assert (trace.column("token_rank") == -1).all()


def test_generated_text_is_recorded_but_for_the_last_token(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        tokens = list(session.generate("hello", max_tokens=6))
    fed = engine.encode("hello") + [token.id for token in tokens[:-1]]
    assert trace.token_ids.tolist() == fed
    assert trace.text == engine.decode(fed)
    assert (trace.column("turn") == 1).all()
    assert len(trace.prefill) == len(engine.encode("hello"))


def test_a_failed_token_leaves_no_row(engine: fm.Engine):
    session = engine.session()

    def fail(event: StageEvent) -> None:
        if event.stage is Stage.COMBINE and event.layer == 2:
            raise RuntimeError("stop here")

    with fm.record(session) as trace:
        session.feed([3])
        with session.observe(fail), pytest.raises(RuntimeError, match="stop here"):
            session.feed([4])
        session.feed([5])
    assert trace.token_ids.tolist() == [3, 5]
    assert trace.column("text_end")[-1] == len(trace.column("text"))
    assert set(trace.reads.token.tolist()) == {0, 1}


def test_an_abandoned_step_leaves_no_row(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        steps = session.steps([3, 4])
        for event in steps:
            if event.position == 1 and event.layer == 1:
                break
        steps.close()
    assert trace.token_ids.tolist() == [3]


def test_a_prefill_that_fails_in_its_second_chunk_leaves_no_row(engine: fm.Engine):
    session = engine.session()

    def fail(event: StageEvent) -> None:
        if event.chunk == 1:
            raise RuntimeError("stop here")

    with fm.record(session) as trace:
        with session.observe(fail), pytest.raises(RuntimeError, match="stop here"):
            session.feed(PROMPT, chunk=2)
        assert len(trace) == 0
        session.feed(PROMPT, chunk=2)
    assert trace.column("pass_start").tolist() == [0, 0, 2, 2, 4]
    assert (trace.column("turn") == 1).all()


def test_patches_are_recorded_with_what_went_on(engine: fm.Engine):
    session = engine.session()
    forced = []
    with fm.record(session) as trace:
        session.feed([2])
        steps = session.steps([3])
        event = next(steps)
        while True:
            reply = None
            if event.stage is Stage.ROUTER and event.layer == 1:
                ids = event.value.expert_ids
                reply = Routing(event.value.logits, (ids + 1) % 16, event.value.routing_weights)
                forced = np.array(reply.expert_ids)[0].tolist()
            try:
                event = steps.send(reply)
            except StopIteration:
                break
    assert [(patch.token, patch.layer, patch.stage) for patch in trace.patches] == [(1, 1, "router")]
    assert trace.routed_experts[1, 1].tolist() == forced
    assert trace[0:1].patches == []


def test_residency_is_unknown_unless_measured(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as unmeasured:
        session.feed([3])
    with fm.record(session, measure_residency=True) as measured:
        session.feed([4])
    assert np.isnan(unmeasured.reads.resident_fraction_before).all()
    assert unmeasured.hit_rates.lifetime is None
    assert not np.isnan(measured.reads.resident_fraction_before).any()


def test_a_file_holds_what_memory_does(engine: fm.Engine, tmp_path: Path):
    session, path = engine.session(), tmp_path / "run.safetensors"
    with fm.record(session, path) as on_disk, fm.record(session) as in_memory:
        list(session.generate("hello", max_tokens=5))
    loaded = fm.load_trace(path)
    assert same(on_disk, in_memory)
    assert same(loaded, on_disk)
    assert loaded.facts == on_disk.facts
    assert loaded.complete
    assert [item.name for item in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_live_trace_can_be_looked_at(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        assert len(trace) == 0
        assert "not finished" in repr(trace)
        assert "Trace of" in trace._repr_html_()
        session.feed([3])
        assert len(trace) == 1
        session.feed([4])
        assert trace.routed_experts.shape == (2, 4, 4)
    session.feed([5])
    assert len(trace) == 2
    assert "not finished" not in repr(trace)


def test_a_taken_path_is_refused(engine: fm.Engine, tmp_path: Path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"something of mine")
    with pytest.raises(fm.errors.OptionError, match="exists"), fm.record(engine.session(), path):
        pass
    assert path.read_bytes() == b"something of mine"


def test_a_dense_model_has_tokens_and_reads_but_no_routing(tmp_path: Path):
    from tests.oracle.checkpoints import Case, write_mlx_checkpoint

    folder = write_mlx_checkpoint(Case("qwen3_5", "4bit-g64", "float32"), tmp_path / "dense")
    with fm.open(folder) as engine:
        session = engine.session()
        with fm.record(session) as trace:
            session.feed([3, 4])
            session.feed([5])
    assert trace.routed_experts.shape == (3, 0, 0)
    assert "dense" in repr(trace)
    times = trace.layer_times
    assert (times.routed_ns == times.start_ns).all()
    assert (times.end_ns > times.start_ns).all()
    assert "Trace of" in trace._repr_html_()
    assert trace.text == ""


def _with_top_k(session: fm.Session, token: int, layer: int, top_k: int) -> None:
    """Feed one token, a layer of which chooses another number of experts."""
    steps = session.steps([token])
    event = next(steps)
    while True:
        reply = None
        if event.stage is Stage.ROUTER and event.layer == layer:
            order = np.argsort(-np.array(event.value.logits), axis=-1)[:, :top_k]
            weights = np.full((1, top_k), 1 / top_k, np.float32)
            same_kind = type(event.value.logits)
            if same_kind is np.ndarray:
                reply = Routing(event.value.logits, order.astype(event.value.expert_ids.dtype), weights)
            else:
                ids = same_kind(order).astype(event.value.expert_ids.dtype)
                reply = Routing(event.value.logits, ids, same_kind(weights))
        try:
            event = steps.send(reply)
        except StopIteration:
            return


def test_a_layer_with_fewer_experts_is_filled_up(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        session.feed([2])
        _with_top_k(session, 3, layer=1, top_k=2)
        session.feed([4])
    assert (trace.routed_experts[1, 1, 2:] == NO_EXPERT).all()
    assert (trace.routing_weights[1, 1] == [0.5, 0.5, 0, 0]).all()
    assert (trace.routed_experts == NO_EXPERT).sum() == 2
    assert trace.logical_count.sum() == 3 * 4 * 4 - 2


def test_a_layer_with_more_experts_than_the_trace_keeps_is_refused(engine: fm.Engine):
    session = engine.session()
    with fm.record(session) as trace:
        session.feed([2])
        with pytest.raises(fm.errors.OptionError, match=r"choose 6 experts, this trace keeps 4"):
            _with_top_k(session, 3, layer=1, top_k=6)
        session.feed([4])
    assert trace.token_ids.tolist() == [2, 4]
    assert session.position == 2


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
def test_times_of_layers_are_in_order_and_enclose_their_reads(tiny: Path, ops: str):
    with fm.open(tiny, ops=ops) as engine:
        session = engine.session()
        with fm.record(session) as trace:
            session.feed([1, 2, 3], chunk=3)
            for token in (4, 5):
                session.feed([token])
        times = trace.layer_times
        assert times.known
        assert times.synced == (ops == "cpu")
        assert times.start_ns.shape == (5, engine.config.num_layers)
    assert (times.start_ns <= times.routed_ns).all()
    assert (times.routed_ns <= times.read_ns).all()
    assert (times.read_ns <= times.end_ns).all()
    assert (times.end_ns[:, :-1] <= times.start_ns[:, 1:]).all()
    assert (trace.column("start_ns") <= times.start_ns[:, 0]).all()
    assert (times.end_ns[:, -1] <= trace.column("end_ns")).all()
    assert (times.start_ns[:3] == times.start_ns[0]).all(), "a prefill goes through a layer together"
    assert (np.diff(times.start_ns[2:, 0]) > 0).all()
    reads = trace.reads
    at = reads.token, reads.layer
    assert (reads.start_ns >= times.routed_ns[at]).all()
    assert (reads.end_ns <= times.read_ns[at]).all()


def test_room_for_more_experts_holds_what_a_patch_chose(engine: fm.Engine):
    """Without the room it is refused before anything is fed, and the error says what to ask for."""
    for room in (None, 6):
        debugger = fm.Debugger(engine.session(), [3, 4])
        debugger.patches.set_top_k(1, 6)
        with fm.record(debugger.session, most_experts=room) as trace:
            if room is None:
                with pytest.raises(OptionError, match=r"top_k 6 is more than .* keeps of a token, 4: .*most_experts=6"):
                    debugger.run()
                assert debugger.session.position == 0
                continue
            debugger.run()
        assert trace.routed_experts.shape == (2, 4, 6)
        chosen = (trace.routed_experts != NO_EXPERT).sum(axis=-1)
        assert chosen.tolist() == [[4, 6, 4, 4]] * 2
        assert (trace.routing_weights[trace.routed_experts == NO_EXPERT] == 0).all()
        assert trace.logical_count.sum() == 2 * (4 + 6 + 4 + 4)
        assert trace.facts.top_k == 4


@pytest.mark.parametrize("room", [3, 17])
def test_room_that_makes_no_sense_is_refused(engine: fm.Engine, room: int):
    message = f"most_experts is {room}, the engine's top_k 4 of 16"
    with pytest.raises(OptionError, match=message), fm.record(engine.session(), most_experts=room):
        pass
