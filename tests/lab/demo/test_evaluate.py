"""The evaluation: the fast CPU forms equal mlx_lm's own, and the measures on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")
pytest.importorskip("mlx_lm")

from typing import TYPE_CHECKING  # noqa: E402

from mlx_lm.models import gated_delta  # noqa: E402
from mlx_lm.utils import load_model  # noqa: E402

from flashmoe_nb.lab.demo import evaluate, export, fewer_bits, grouped, mlx_lm_subject, tokens, turns  # noqa: E402
from flashmoe_nb.lab.demo.chatml import ToolFormat  # noqa: E402
from flashmoe_nb.lab.demo.evalset import EvalSet  # noqa: E402
from flashmoe_nb.lab.demo.network import Network  # noqa: E402
from flashmoe_nb.lab.demo.pools import Pools, Split  # noqa: E402
from flashmoe_nb.lab.demo.prompts import heldout, refusals  # noqa: E402
from flashmoe_nb.lab.demo.shape import Shape  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy 4-bit checkpoint with a tokenizer."""
    path = tmp_path_factory.mktemp("toy")
    torch.manual_seed(5)
    export.save_quantised(Network(Shape().toy()), path)
    tokens.train(iter(["some text, and some more text"] * 50), 300).save(str(path / "tokenizer.json"))
    return path


def test_plain_float_form_equals_the_quantised_kernels(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated_delta, "gated_delta_ops", gated_delta.gated_delta_ops)
    ids = mx.array(np.random.default_rng(0).integers(0, 500, (2, 24)))
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    expected = np.array(model(ids))
    grouped.plain_linear(model)
    assert np.linalg.norm(np.array(model(ids)) - expected) < 1e-4 * np.linalg.norm(expected)


def test_delta_rule_keeps_the_state_where_masked() -> None:
    generator = np.random.default_rng(1)
    q, k = (mx.array(generator.normal(size=(2, 5, 1, 8)).astype(np.float32)) for _ in range(2))
    v = mx.array(generator.normal(size=(2, 5, 2, 8)).astype(np.float32))
    g, beta = (mx.array(generator.uniform(size=(2, 5, 2)).astype(np.float32)) for _ in range(2))
    state = mx.array(generator.normal(size=(2, 2, 8, 8)).astype(np.float32))
    mask = mx.array(np.array([[False, False, True, True, True], [True] * 5]))
    for given in (None, mask):
        ours = grouped.delta_rule(q, k, v, g, beta, state, given)
        theirs = gated_delta.gated_delta_ops(q, k, v, g, beta, state, given)
        assert np.allclose(np.array(ours[1]), np.array(theirs[1]), atol=1e-5)
        valid = np.array(mask) if given is not None else np.ones((2, 5), bool)
        assert np.allclose(np.array(ours[0])[valid], np.array(theirs[0])[valid], atol=1e-5)


def test_fewer_bits_change_the_experts_only(folder: Path) -> None:
    for way in fewer_bits.Way:
        model, _ = load_model(folder)
        before = np.array(model.layers[0].mlp.gate.weight)
        fewer_bits.apply(model, 2, way)
        switch = model.layers[0].mlp.switch_mlp
        assert switch.up_proj.bits == 2
        assert switch.up_proj.weight.shape[-1] == 64 * 2 // 32
        assert (np.array(model.layers[0].mlp.gate.weight) == before).all()


def test_whole_evaluation_runs(folder: Path, pools: dict[Split, Pools], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated_delta, "gated_delta_ops", gated_delta.gated_delta_ops)
    monkeypatch.setattr(mlx_lm_subject, "MAX_ANSWER_TOKENS", 3)
    windows = np.random.default_rng(2).integers(0, 300, (4, 65)).astype(np.uint16)
    held = pools[Split.HELDOUT]
    asked = heldout(held, ToolFormat.JSON, 3) + refusals(held, ToolFormat.XML, 1)
    evalset = EvalSet(
        {"prose": windows, "code": windows[::-1]}, {"a": ["some text"]}, asked, turns.heldout(held, ToolFormat.XML, 2)
    )
    subject = mlx_lm_subject.MlxLmSubject(folder, batch=2)
    found = {
        part: list(evaluate.measure(part, subject, evalset, evaluate.Sizes(json=2)))[-1] for part in evaluate.PARTS
    }
    assert found["tools"]["outcomes"] == {"json": "00"}
    assert found["refusals"]["counts"] == {"xml": {"n": 1, "refused": 1}}
    assert found["turns"]["outcomes"] == {"xml answer": "1", "xml call": "0"}
    assert found["prose"]["bits_per_byte"]["all"] > 0  # type: ignore[index]
    assert len(found["windows"]["layers"]) == 4  # type: ignore[arg-type]
    assert found["windows"]["guess"]["from_64_tokens"]["mean"] >= 0  # type: ignore[index]
