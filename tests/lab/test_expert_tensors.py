"""An expert's matrices read off the disk: those the engine computes with, whatever way the experts lie."""

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.lab.expert_tensors import ExpertMatrix, expert_matrices


def by_hand(matrices: dict[str, ExpertMatrix], x: np.ndarray) -> np.ndarray:
    gate, up, down = (matrices[name].values for name in ("gate_proj", "up_proj", "down_proj"))
    inner = gate @ x
    return down @ (inner / (1 + np.exp(-inner)) * (up @ x))


@pytest.mark.parametrize("experts", ["auto", "in-place"])
def test_matrices_give_what_the_engine_computes(experts: str):
    with fm.open(experts=experts) as engine:
        session = engine.session()
        with fm.Debugger(session, [1, 2]) as debugger:
            debugger.run_until(token=1, layer=2, stage=Stage.COMBINE)
            values = debugger.values
        chosen, weights = values["router.expert_ids"][0], values["router.routing_weights"][0]
        x = values["post_norm"][0]
        found = sum(
            weight * by_hand(expert_matrices(engine, 2, int(expert)), x)
            for expert, weight in zip(chosen, weights, strict=True)
        )
        assert np.allclose(found, values["expert_compute"][0], atol=1e-4)
        wrong = by_hand(expert_matrices(engine, 3, int(chosen[0])), x)
        assert not np.allclose(wrong, by_hand(expert_matrices(engine, 2, int(chosen[0])), x), atol=1e-4)


def test_codes_lie_lowest_bits_first():
    with fm.open() as engine:
        matrix = expert_matrices(engine, 0, 5)["down_proj"]
    codes = (matrix.words[..., None] >> np.arange(0, 32, matrix.bits, dtype=np.uint32)) & (2**matrix.bits - 1)
    groups = codes.reshape(matrix.shape[0], -1, matrix.group_size)
    values = groups * matrix.scales[..., None] + matrix.biases[..., None]
    assert np.allclose(values.reshape(matrix.shape), matrix.values, atol=1e-6)


@pytest.mark.parametrize(("layer", "expert"), [(99, 0), (0, 512), (0, -1)])
def test_an_expert_that_is_not_there_is_refused(layer: int, expert: int):
    with fm.open() as engine, pytest.raises(OptionError, match=f"no expert {expert} in layer {layer}"):
        expert_matrices(engine, layer, expert)
