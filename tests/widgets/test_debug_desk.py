"""The debugger's panel without a panel: every command, what it does to the debugger, and what the report says then."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.widgets.debug_desk import DebugDesk
from flashmoe_nb.widgets.debug_difference import difference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDS = [7, 91, 200, 33, 5]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.fixture
def desk(model: Path) -> Iterator[DebugDesk]:
    with fm.open(model) as engine:
        yield DebugDesk(fm.Debugger(engine.session(), IDS))


def _do(desk: DebugDesk, command: str, **args: Any) -> dict[str, Any]:
    """The facts of a command that goes well."""
    facts = desk.answer({"do": command, **args}).facts
    assert facts["error"] == ""
    json.dumps(facts, allow_nan=False)
    return facts


def _stands(facts: dict[str, Any]) -> tuple[int, int | None, str]:
    place = facts["place"]
    return place["token"], place["layer"], place["stage"]


def test_steps_move_the_debugger_and_light_the_diagram(desk: DebugDesk) -> None:
    assert _do(desk, "show")["place"] is None
    assert _stands(_do(desk, "step")) == (0, None, "embed")
    assert _stands(_do(desk, "step")) == (0, 0, "input_norm")
    assert _stands(_do(desk, "layer")) == (0, 1, "input_norm")
    assert _stands(_do(desk, "back_layer")) == (0, 0, "input_norm")
    assert _stands(_do(desk, "layer")) == (0, 1, "input_norm")
    assert _stands(_do(desk, "step")) == (0, 1, "project")
    assert _stands(_do(desk, "back")) == (0, 1, "input_norm")
    facts = _do(desk, "token")
    assert _stands(facts) == (1, None, "embed")
    assert (facts["tokens"]["given"], facts["tokens"]["left"], facts["tokens"]["now"]) == (5, 4, 1)
    facts = _do(desk, "goto", layer=3, stage="expert_read")
    assert _stands(facts) == (1, 3, "expert_read")
    lit = [stage for branch in facts["diagram"] for stage in branch["stages"]]
    assert [stage["stage"] for stage in lit if stage["current"]] == ["expert_read"]
    unseen = [stage["stage"] for stage in lit if not stage["seen"]]
    assert unseen == ["expert_compute", "shared_expert", "combine"]
    assert {read["expert"] for read in facts["reads"]} == {expert for expert, _, _ in facts["router"]["chosen"]}
    assert _stands(_do(desk, "goto", stage="mixer")) == (1, 3, "mixer")
    assert _stands(_do(desk, "goto", layer=1)) == (1, 1, "input_norm")
    assert _do(desk, "run")["place"] is None


def test_every_kind_of_layer_has_its_diagram(desk: DebugDesk) -> None:
    _do(desk, "step")
    branches = {}
    for layer in range(4):
        facts = _do(desk, "goto", layer=layer)
        branches[facts["kinds"][layer]] = [branch["name"] for branch in facts["diagram"]]
    assert branches == {
        "linear_attention": ["gated delta net", "experts"],
        "full_attention": ["full attention", "experts"],
    }


def test_the_value_is_the_stage_s_or_the_one_chosen(desk: DebugDesk) -> None:
    _do(desk, "goto", layer=1, stage="router")
    report = desk.answer({"do": "look", "name": "mixer"})
    value = desk.debugger.values["mixer"]
    assert (report.facts["value"]["name"], report.facts["value"]["shape"]) == ("mixer", value.shape)
    assert report.facts["value"]["maximum"] == value.max()
    np.testing.assert_array_equal(report.arrays["slice"].ravel()[: value.size], value.ravel())
    assert _do(desk, "look", name="")["value"]["name"] == "router.logits"
    refused = desk.answer({"do": "look", "name": "decay"}).facts
    assert '"decay" is no value here' in refused["error"] or refused["value"]["name"] == "decay.decay"


@pytest.mark.parametrize("how", ["zero", "scale", "shuffle"])
def test_an_edit_changes_what_comes_after(desk: DebugDesk, how: str) -> None:
    _do(desk, "goto", layer=1, stage="mixer")
    before = desk.debugger.values["mixer"]
    facts = _do(desk, "edit", how=how, factor=3)
    after = desk.debugger.values["mixer"]
    expected = {"zero": before * 0, "scale": before * 3}.get(how)
    if expected is None:
        np.testing.assert_array_equal(np.sort(after), np.sort(before))
        assert not np.array_equal(after, before)
    else:
        np.testing.assert_allclose(after, expected, rtol=1e-6)
    assert _stands(facts) == (0, 1, "mixer")
    facts = _do(desk, "goto", stage="combine")
    changed = [stage["stage"] for branch in facts["diagram"] for stage in branch["stages"] if stage["changed"]]
    assert changed == ["mixer"]


def test_what_cannot_be_edited_says_why(desk: DebugDesk) -> None:
    assert "no value to change" in desk.answer({"do": "edit", "how": "zero"}).facts["error"]
    _do(desk, "goto", layer=1, stage="router")
    _do(desk, "look", name="router.expert_ids")
    assert "cannot be done to router.expert_ids" in desk.answer({"do": "edit", "how": "zero"}).facts["error"]


def test_router_editor_bans_forces_and_sets_k_at_once(desk: DebugDesk) -> None:
    facts = _do(desk, "goto", layer=2, stage="router")
    first = facts["router"]["chosen"][0][0]
    facts = _do(desk, "ban", experts=[first])
    assert first not in [expert for expert, _, _ in facts["router"]["chosen"]]
    assert (facts["router"]["banned"], facts["changes"]) == ([first], f"ban [{first}] in layer 2")
    unlikely = int(np.argmin(desk.debugger.values["router.logits"][0]))
    facts = _do(desk, "force", experts=[unlikely])
    assert facts["router"]["chosen"][0][0] == unlikely
    facts = _do(desk, "top_k", k=2)
    assert len(facts["router"]["chosen"]) == 2
    facts = _do(desk, "goto", stage="expert_read")
    assert {read["expert"] for read in facts["reads"]} == {expert for expert, _, _ in facts["router"]["chosen"]}
    facts = _do(desk, "top_k", k=None)  # behind the router: back to it, so that it shows
    assert _stands(facts) == (0, 2, "router")
    assert len(facts["router"]["chosen"]) == 4
    facts = _do(desk, "ban", experts=[first], on=False)
    assert facts["router"]["banned"] == []
    assert _do(desk, "force", experts=[])["changes"] == "none"
    _do(desk, "ban", experts=[1, 2])
    assert _do(desk, "unpatch")["changes"] == "none"
    _do(desk, "ban", experts=[1, 2])
    _do(desk, "layer")
    assert _do(desk, "unpatch")["changes"] == "ban [1, 2] in layer 2"
    _do(desk, "token")
    assert _do(desk, "unpatch", everywhere=True)["changes"] == "none"
    assert not desk.debugger.patches


def test_changes_the_model_cannot_take_are_refused_and_leave_the_rest(desk: DebugDesk) -> None:
    assert "no router here" in desk.answer({"do": "ban", "experts": [1]}).facts["error"]
    _do(desk, "goto", layer=2, stage="router")
    assert "expert 16 is not in layer 2" in desk.answer({"do": "ban", "experts": [16]}).facts["error"]
    assert "top_k 99" in desk.answer({"do": "top_k", "k": 99}).facts["error"]
    assert not desk.debugger.patches
    facts = desk.answer({"do": "ban", "experts": list(range(13))}).facts
    assert "3 experts left to choose 4 from" in facts["error"]
    assert len(facts["router"]["chosen"]) == 4  # still shown, without the change
    assert _do(desk, "unpatch")["error"] == ""


def test_breakpoints_stop_a_run_and_can_be_cleared(desk: DebugDesk) -> None:
    facts = _do(desk, "break", token=2, layer=1, stage="mixer", expert=None)
    assert [one["text"] for one in facts["breakpoints"]] == ["1: token 2, layer 1, stage mixer"]
    assert _stands(_do(desk, "run")) == (2, 1, "mixer")
    expert = _do(desk, "goto", layer=3, stage="router")["router"]["chosen"][0][0]
    number = _do(desk, "break", layer=3, expert=expert)["breakpoints"][1]["number"]
    _do(desk, "goto", layer=2)
    assert _stands(_do(desk, "run")) == (2, 3, "router")
    assert [one["number"] for one in _do(desk, "clear", number=number)["breakpoints"]] == [1]
    assert _do(desk, "clear")["breakpoints"] == []
    assert desk.debugger.breakpoints == []
    assert _do(desk, "run")["place"] is None
    assert "layer 9 does not exist" in desk.answer({"do": "break", "layer": 9}).facts["error"]


@pytest.mark.parametrize("measure", ["largest magnitude", "rms", "mean"])
def test_a_condition_on_a_value_stops_where_it_holds(desk: DebugDesk, measure: str) -> None:
    measured = {
        "largest magnitude": lambda values: np.abs(values).max(),
        "rms": lambda values: np.sqrt((values**2).mean()),
        "mean": np.mean,
    }[measure]
    facts = _do(desk, "step")
    seen = []
    while facts["place"] is not None:
        if facts["place"]["stage"] == "mixer":
            seen.append((measured(desk.debugger.values["mixer"].astype(np.float64)), _stands(facts)))
        facts = _do(desk, "step")
    above = sorted(size for size, _ in seen)[-3]
    desk = DebugDesk(fm.Debugger(desk.debugger.session.engine.session(), IDS))
    facts = _do(desk, "break", stage="mixer", measure=measure, above=float(above))
    assert facts["breakpoints"][0]["text"] == f"1: stage mixer when {measure} > {above:g}"
    found = []
    while (facts := _do(desk, "run"))["place"] is not None:
        found.append(_stands(facts))
    assert found == [place for size, place in seen if size > above]
    assert "give one of largest magnitude" in desk.answer({"do": "break", "measure": "luck", "above": 1}).facts["error"]


def test_lens_is_the_head_on_the_stream_as_it_stands(desk: DebugDesk) -> None:
    assert _do(desk, "lens", on=True)["lens"] is None
    facts = _do(desk, "goto", layer=3, stage="combine")
    engine = desk.debugger.session.engine
    own = fm.logit_lens(engine.session(), IDS[0], n_top=8)
    assert facts["lens"]["layer"] == 3
    assert [token["id"] for token in facts["lens"]["tokens"]] == own.top_ids[3].tolist()
    np.testing.assert_allclose(
        [token["share"] for token in facts["lens"]["tokens"]], own.top_probabilities[3], rtol=1e-4
    )
    assert _do(desk, "goto", layer=1, stage="mixer")["lens"]["layer"] == 0  # the stream before this layer's mixer
    assert _do(desk, "lens", on=False)["lens"] is None


def test_comparing_shows_what_an_edit_did_to_this_layer(desk: DebugDesk) -> None:
    _do(desk, "goto", layer=1, stage="router")
    facts = _do(desk, "compare", on=True)
    assert {stage["relative"] for stage in facts["difference"]["stages"]} == {0.0}
    facts = _do(desk, "ban", experts=[facts["router"]["chosen"][0][0]])
    relative = {stage["name"]: stage["relative"] for stage in facts["difference"]["stages"]}
    assert relative["mixer"] == relative["router.logits"] == 0
    assert relative["expert_compute"] > 0.01
    assert relative["combine"] > 0
    at, before, after = facts["difference"]["most"][0]
    assert facts["difference"]["largest"] == pytest.approx(abs(after - before))
    _do(desk, "goto", stage="combine")
    assert desk.debugger.values["combine"].ravel()[at] == pytest.approx(after, rel=1e-5)
    facts = _do(desk, "top_k", k=2)
    assert {s["name"]: s["relative"] for s in facts["difference"]["stages"]}["router.routing_weights"] is None
    assert _do(desk, "compare", on=False)["difference"] is None


def test_difference_of_other_shapes_is_said() -> None:
    before = {"router.routing_weights": np.ones((1, 4), np.float32), "combine": np.ones((1, 3), np.float32)}
    after = {"router.routing_weights": np.ones((1, 2), np.float32), "combine": np.zeros((1, 3), np.float32)}
    facts = difference(0, before, after, "router.routing_weights")
    assert not facts["comparable"]
    assert difference(0, before, after, "nonsense")["largest"] == 1


def test_grow_adds_the_likeliest_token_and_another_prompt_begins_again(desk: DebugDesk) -> None:
    engine = desk.debugger.session.engine
    expected = [token.id for token in engine.session().generate(IDS, max_tokens=2)]
    assert _stands(_do(desk, "grow")) == (len(IDS), None, "embed")
    _do(desk, "grow")
    assert desk.debugger.token_ids == (*IDS, *expected)
    _do(desk, "break", layer=2, stage="mixer")
    facts = _do(desk, "prompt", text="hello")
    assert facts["place"] is None
    assert list(desk.debugger.token_ids) == engine.encode("hello")
    assert desk.debugger.session.position == 0
    assert _stands(_do(desk, "run")) == (0, 2, "mixer")  # breakpoints stay
    facts = desk.answer({"do": "prompt", "text": ""}).facts
    assert "prompt is empty" in facts["error"]
    assert facts["place"]["layer"] == 2


def test_halt_stops_a_run_between_tokens(model: Path) -> None:
    with fm.open(model) as engine:
        session = engine.session()
        desk = DebugDesk(fm.Debugger(session, [1] * 300))
        worker = threading.Thread(target=lambda: desk.answer({"do": "run"}))
        worker.start()
        while session.position < 5:
            pass
        desk.halt()
        worker.join()
        assert 4 <= session.position < 299
        assert desk.debugger.where is not None
        assert desk.debugger.breakpoints == []
        assert _do(desk, "run")["place"] is None  # and it goes on from there
        assert session.position == 300


def test_commands_and_stages_nobody_knows_are_refused(desk: DebugDesk) -> None:
    with pytest.raises(OptionError, match="command 'fly' is not known: give one of show, prompt"):
        desk.answer({"do": "fly"})
    _do(desk, "goto", layer=0)
    assert 'layer 0 has no stage "rope"' in desk.answer({"do": "goto", "stage": "rope"}).facts["error"]
    assert desk.debugger.session.position == 0
