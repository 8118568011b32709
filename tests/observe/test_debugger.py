"""Stepping forward and back, changing values and routing: always the numbers a plain run with that change gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import NumericError, OptionError
from flashmoe_nb.observe.debugger import Debugger
from flashmoe_nb.observe.patches import Patches
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IDS = [7, 91, 200, 33, 5, 18, 140, 77]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debugger") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.fixture
def engine(model: Path) -> Iterator[fm.Engine]:
    with fm.open(model) as opened:
        yield opened


def _fed(engine: fm.Engine, ids: list[int] = IDS) -> np.ndarray:
    session = engine.session()
    for token in ids:
        logits = session.feed([token])
    return np.array(logits)


def _routing(engine: fm.Engine) -> dict[tuple[int, int], list[int]]:
    """Experts by (token, layer), stepped."""
    steps = engine.session().steps(IDS)
    return {
        (event.position, event.layer): np.array(event.value.expert_ids)[0].tolist()
        for event in steps
        if event.stage == "router"
    }


def test_stepping_through_everything_is_feeding(engine: fm.Engine) -> None:
    session = engine.session()
    with Debugger(session, IDS) as dbg:
        places = []
        while (place := dbg.step()) is not None:
            places.append(place)
        np.testing.assert_array_equal(np.array(dbg.logits), _fed(engine))
    assert session.position == len(IDS)
    assert [place.token for place in places] == sorted(place.token for place in places)
    assert (places[0].stage, places[-1].stage) == ("embed", "logits")
    assert {place.layer for place in places} == {None, 0, 1, 2, 3}


def test_layer_and_token_steps_land_on_first_stages(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    dbg.step()
    assert str(dbg.step_layer()).endswith("layer 0, input_norm")
    assert str(dbg.step_layer()).endswith("layer 1, input_norm")
    place = dbg.step_token()
    assert place is not None
    assert (place.token, place.stage) == (1, "embed")
    assert dbg.run() is None


@pytest.mark.parametrize("expert", [0, 3, 9])
def test_breakpoint_on_an_expert_stops_wherever_it_is_chosen(expert: int, engine: fm.Engine) -> None:
    expected = [key for key, experts in _routing(engine).items() if expert in experts]
    dbg = Debugger(engine.session(), IDS)
    dbg.break_at(expert=expert)
    found = []
    while (place := dbg.run()) is not None:
        assert place.stage == "router"
        found.append((place.token, place.layer))
    assert found == expected
    np.testing.assert_array_equal(np.array(dbg.logits), _fed(engine))


def test_breakpoints_by_place_condition_and_once(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    first = dbg.break_at(token=3, layer=2, stage="mixer")
    dbg.break_at(when=lambda event: event.stage == "logits" and event.position == 5)
    assert str(dbg.run_until(token=1)).startswith("token 1")
    assert str(dbg.run()).endswith("layer 2, mixer")
    dbg.clear(first.number)
    place = dbg.run()
    assert place is not None
    assert (place.token, place.stage) == (5, "logits")
    assert dbg.run() is None


@pytest.mark.parametrize("mark_bytes", [1, 10**9])
def test_back_and_forth_gives_identical_values(mark_bytes: int, engine: fm.Engine) -> None:
    """With room for every mark, and for two only: then tokens are done again."""
    dbg = Debugger(engine.session(), IDS, mark_bytes=mark_bytes)
    seen: dict[str, dict[str, np.ndarray]] = {}
    while (place := dbg.step()) is not None:
        seen[str(place)] = dbg.values
    dbg = Debugger(engine.session(), IDS, mark_bytes=mark_bytes)
    dbg.run_until(token=6, layer=3, stage="router")
    for back in ({}, {}, {"layer": 1}, {"token": 4}, {"token": 1, "layer": 2, "stage": "combine"}, {"token": 0}):
        place = dbg.back(**back)
        _same(dbg.values, seen[str(place)])
        assert all(getattr(place, name) == value for name, value in back.items())
        _same_step(dbg, seen)
    dbg.clear()
    assert dbg.run() is None
    np.testing.assert_array_equal(np.array(dbg.logits), _fed(engine))
    with pytest.raises(OptionError, match="nothing before token 0"):
        dbg.back(token=9, layer=0)


def _same_step(dbg: Debugger, seen: dict[str, dict[str, np.ndarray]]) -> None:
    place = dbg.step()
    _same(dbg.values, seen[str(place)])


def _same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])


def test_value_set_goes_on_as_if_it_had_been_computed(engine: fm.Engine) -> None:
    """The mixer of layer 1 silenced: set at once, set after going on, and sent by hand."""
    steps = engine.session().steps([IDS[0]])
    event: Any = next(steps)
    while True:
        silent = event.stage == "mixer" and event.layer == 1
        try:
            event = steps.send(event.value * 0 if silent else None)
        except StopIteration:
            break
    for late in (0, 3):
        dbg = Debugger(engine.session(), IDS[:1])
        dbg.run_until(layer=1, stage="mixer")
        for _ in range(late):
            dbg.step()
        dbg.set("mixer", np.zeros_like(dbg.values["mixer"]))
        assert str(dbg.where).endswith("layer 1, mixer")
        assert not dbg.values["mixer"].any()
        assert dbg.run() is None
        np.testing.assert_array_equal(np.array(dbg.logits), np.array(steps.logits))
    assert not np.allclose(np.array(dbg.logits), _fed(engine, IDS[:1]))


def test_what_was_set_stays_when_one_goes_back_further(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    dbg.run_until(token=2, layer=1, stage="mixer")
    dbg.set("mixer", np.zeros_like(dbg.values["mixer"]))
    dbg.run()
    expected = np.array(dbg.logits)
    dbg.back(token=0)
    assert dbg.run() is None
    assert not np.allclose(expected, _fed(engine))
    dbg = Debugger(engine.session(), IDS, mark_bytes=1)
    dbg.run_until(token=2, layer=1, stage="mixer")
    dbg.set("mixer", np.zeros_like(dbg.values["mixer"]))
    dbg.run_until(token=6)
    dbg.back(token=5)
    assert dbg.run() is None
    np.testing.assert_array_equal(np.array(dbg.logits), expected)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("mixer", np.zeros(3), "mixer is [1, 128], what was given [3]"),
        ("delta", np.zeros(3), '"delta" is no value of this layer so far: give one of input_norm'),
    ],
)
def test_wrong_values_are_refused(name: str, values: np.ndarray, says: str, engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    with pytest.raises(OptionError, match="no stage to change"):
        dbg.set(name, values)
    dbg.run_until(layer=engine.config.mixer_kinds.index("full_attention"), stage="mixer")
    with pytest.raises(OptionError) as caught:
        dbg.set(name, values)
    assert says in str(caught.value)


def test_banned_expert_is_replaced_by_the_next_best(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    dbg.run_until(token=3, layer=2, stage="router")
    logits, before = dbg.values["router.logits"][0], dbg.values["router.expert_ids"][0].tolist()
    order = np.argsort(-logits, kind="stable").tolist()
    assert set(before) == set(order[:4])
    dbg.patches.ban_experts(2, [before[0]])
    dbg.step()
    assert {read.expert for read in dbg.event.value} == set(order[1:5])  # type: ignore[union-attr]
    dbg.back()
    weights = np.exp(logits[order[1:5]] - logits[order[1]])
    np.testing.assert_allclose(dbg.values["router.expert_ids"][0], order[1:5])
    np.testing.assert_allclose(dbg.values["router.routing_weights"][0], weights / weights.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    "patch",
    [
        lambda p: p.ban_experts(1, range(8)),
        lambda p: p.force_experts(1, [3, 11]),
        lambda p: p.scale_expert(1, 5, 0.0),
        lambda p: p.set_top_k(1, 2),
        lambda p: p.set_top_k(1, 7),
        lambda p: p.requantize_expert(1, 5, bits=2),
    ],
    ids=["ban", "force", "scale", "fewer", "more", "requantize"],
)
def test_patch_acts_wherever_it_is_made_and_ends_there(patch: Callable[[Patches], object], engine: fm.Engine) -> None:
    """Made before the token, or when standing in its first stages: the same; and the next session is as before."""
    plain = _fed(engine, IDS)
    found = []
    for wait in (0, 2):
        dbg = Debugger(engine.session(), IDS)
        for _ in range(wait):
            dbg.step()
        patch(dbg.patches)
        assert dbg.run() is None
        found.append(np.array(dbg.logits))
        dbg.close()
    np.testing.assert_array_equal(*found)
    assert not np.allclose(found[0], plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(_fed(engine, IDS), plain)


@pytest.mark.parametrize(
    ("patches", "says"),
    [
        (Patches().ban_experts(9, [1]), "layer 9 has no router"),
        (Patches().ban_experts(0, [16]), "expert 16 is not in layer 0: give 0 to 15"),
        (Patches().ban_experts(0, range(13)), "3 experts left to choose 4 from"),
        (Patches().set_top_k(0, 17), "top_k 17 in layer 0: give 1 to 16"),
    ],
)
def test_patches_the_model_has_not_are_refused(patches: Patches, says: str, engine: fm.Engine) -> None:
    session = engine.session()
    session.feed([1, 2, 3])
    dbg = Debugger(session, IDS)
    dbg.patches = patches
    with pytest.raises(OptionError, match=says), dbg:
        dbg.run()
    assert session.position == 3
    assert session.feed([4]).shape == (512,)


def test_aborted_debugger_leaves_the_session_as_it_was(engine: fm.Engine) -> None:
    session, other = engine.session(), engine.session()
    for one in (session, other):
        one.feed([1, 2, 3])
    dbg = Debugger(session, IDS)
    dbg.run_until(token=6, layer=2)
    dbg.patches.ban_experts(2, [1])
    with pytest.raises(RuntimeError), dbg:
        raise RuntimeError
    assert session.position == 3
    np.testing.assert_array_equal(np.array(session.feed([9])), np.array(other.feed([9])))


def test_generation_goes_on_token_by_token(engine: fm.Engine) -> None:
    expected = [token.id for token in engine.session().generate(IDS, max_tokens=5)]
    dbg = Debugger(engine.session(), IDS)
    with pytest.raises(OptionError, match="run\\(\\) to the end"):
        dbg.add_likeliest()
    found = []
    for _ in range(5):
        dbg.run()
        found.append(dbg.add_likeliest())
    assert found == expected


def test_debugger_after_generate_begins_with_the_sampled_token(engine: fm.Engine) -> None:
    session, other = engine.session(), engine.session()
    for one in (session, other):
        sampled = [token.id for token in one.generate(IDS, max_tokens=2)]
    dbg = Debugger(session, [5, 6])
    place = dbg.step()
    assert place is not None
    assert place.token == len(IDS) + 1
    assert dbg.session.engine.decode(sampled[-1:]) == place.text
    assert dbg.run() is None
    np.testing.assert_allclose(np.array(dbg.logits), np.array(other.feed([5, 6])), atol=1e-4)
    dbg.abort()
    assert session.pending == sampled[-1]


@pytest.mark.parametrize("stage", ["router", "expert_compute", "combine"])
def test_layer_is_compared_without_and_with_its_changes(stage: str, engine: fm.Engine) -> None:
    """Changes of an earlier layer and an earlier token are in both; the debugger stands and goes on as before."""

    def changed() -> Debugger:
        dbg = Debugger(engine.session(), IDS)
        dbg.patches.ban_experts(1, range(6)).ban_experts(2, range(5)).set_top_k(2, 3)
        dbg.run_until(token=3, layer=2, stage="mixer")
        dbg.set("mixer", dbg.values["mixer"] * 2)
        return dbg

    dbg, plain = changed(), changed()
    plain.back(layer=1, stage="combine")
    plain.patches = Patches().ban_experts(1, range(6))
    plain.run_until(token=3, layer=2, stage="combine")
    place, seen = dbg.run_until(layer=2, stage=stage), dbg.values
    before, after = dbg.compare_layer()
    assert dbg.where == place
    _same(dbg.values, seen)
    _same(before, plain.values)
    dbg.run_until(token=4, layer=0)
    dbg.back(token=3, layer=2, stage="combine")
    _same(after, dbg.values)
    assert not np.allclose(before["combine"], after["combine"])
    np.testing.assert_array_equal(before["input_norm"], after["input_norm"])
    assert after["router.expert_ids"].shape == (1, 3)


def test_layer_without_changes_compares_equal_and_outside_layers_is_refused(engine: fm.Engine) -> None:
    session = engine.session()
    list(session.generate(IDS, max_tokens=1))  # a sampled token goes in by itself
    dbg = Debugger(session)
    with pytest.raises(OptionError, match="no layer to compare"):
        dbg.compare_layer()
    dbg.step()
    with pytest.raises(OptionError, match="no layer to compare"):
        dbg.compare_layer()
    dbg.run_until(layer=3, stage="post_norm")
    before, after = dbg.compare_layer()
    _same(before, after)
    assert "combine" in before
    dbg.patches.requantize_expert(3, int(np.argmax(before["router.logits"])), 2)
    before, after = dbg.compare_layer()
    np.testing.assert_array_equal(before["router.expert_ids"], after["router.expert_ids"])
    assert not np.array_equal(before["expert_compute"], after["expert_compute"])
    assert dbg.run() is None


def test_a_stage_that_fails_leaves_one_where_one_stood(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    place = dbg.run_until(token=2, layer=1, stage="mixer")
    mixer = dbg.values["mixer"]
    dbg.set("mixer", np.full_like(mixer, np.nan))
    for _ in range(2):
        with pytest.raises(NumericError, match="layer 1 gave values that are not finite"):
            dbg.run_until(layer=1, stage="combine")
        assert dbg.where is not None
        assert (dbg.where.token, dbg.where.layer, dbg.where.stage) == (2, 1, "shared_expert")
    dbg.back(stage="mixer")
    assert dbg.where == place
    dbg.set("mixer", mixer)
    assert dbg.run() is None
    np.testing.assert_array_equal(np.array(dbg.logits), _fed(engine))
    assert dbg.token_ids == tuple(IDS)


def test_comparing_takes_patches_made_since_the_router_was_left(engine: fm.Engine) -> None:
    dbg = Debugger(engine.session(), IDS)
    dbg.run_until(token=2, layer=1, stage="router")
    dbg.patches.set_top_k(1, 2)
    dbg.step()
    dbg.back()
    dbg.patches.set_top_k(1, 3)
    _, after = dbg.compare_layer()
    assert after["router.expert_ids"].shape == (1, 3)
    dbg.run_until(layer=1, stage="combine")
    _same(after, dbg.values)
