"""The planned stages are those the engine goes through, in every kind of layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import flashmoe_nb as fm
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.stage_plan import OUTSIDE, mixer_stages, mlp_stages
from tests.oracle.checkpoints import Case, write_mlx_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("model_type", ["qwen3_5_moe", "qwen3_next", "qwen3_moe", "qwen3_5"])
def test_plan_is_what_happens(model_type: str, tmp_path: Path) -> None:
    folder = write_mlx_checkpoint(Case(model_type, "4bit-g64", "float32"), tmp_path / "model")
    with fm.open(folder) as engine:
        events = list(engine.session().steps([1]))
        outside = [event.stage for event in events if event.layer is None]
        assert tuple(outside) == OUTSIDE
        for layer in range(engine.config.num_layers):
            stages = tuple(dict.fromkeys(event.stage for event in events if event.layer == layer))
            plan = mixer_stages(engine.config, layer) + mlp_stages(
                engine.config, layer, streamed=Stage.EXPERT_READ in stages
            )
            assert stages == plan
        assert len({mixer_stages(engine.config, layer) for layer in range(engine.config.num_layers)}) == len(
            set(engine.config.mixer_kinds)
        )
