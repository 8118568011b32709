"""The tool finds nothing between two engines that agree, and the very stage where one was made to differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.cli import main
from flashmoe_nb.config import ModelConfig
from flashmoe_nb.lab.against_mlx_lm import compare_stages, first_beyond
from flashmoe_nb.model.attention import Attention
from flashmoe_nb.model.gated_delta import GatedDeltaNet
from tests.oracle.checkpoints import Case, write_mlx_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.ops.protocol import Ops

IDS = [1, 2, 3, 5, 8, 13, 21]


@pytest.mark.parametrize("architecture", ["qwen3_5_moe", "qwen3_next", "qwen3_moe", "qwen3_5"])
def test_all_stages_agree(architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_mlx_checkpoint(Case(architecture, "4bit-g64", "float32"), tmp_path / "m")
    differences = compare_stages(folder, IDS)
    assert first_beyond(differences, 1e-4) is None
    layers = {one.layer for one in differences}
    assert {0, 1, 2, 3, None} <= layers
    assert {"input_norm", "mixer", "post_norm", "combine", "logits"} <= {one.name for one in differences}
    assert main(["compare", "--against", "mlx-lm", str(folder)]) == 0
    assert "stages agree within 0.001" in capsys.readouterr().out


@pytest.mark.parametrize(("mixer", "kind"), [(GatedDeltaNet, "linear_attention"), (Attention, "full_attention")])
def test_a_wrong_mixer_is_named(mixer: type, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer kind with its last gate forgotten: the first stage that differs is that one, in its first layer."""
    folder = write_mlx_checkpoint(Case("qwen3_5_moe", "4bit-g64", "float32"), tmp_path / "m")
    steps = mixer.steps

    def wrong(self: object, ops: Ops, h: object, state: object) -> object:
        generator = steps(self, ops, h, state)
        sent = None
        while True:
            try:
                stage, value = generator.send(sent)
            except StopIteration as stop:
                return stop.value
            sent = yield stage, ops.add(value, value) if str(stage) == "gated" else value

    monkeypatch.setattr(mixer, "steps", wrong)
    first = first_beyond(compare_stages(folder, IDS))
    assert first is not None
    assert (first.layer, first.name) == (ModelConfig.load(folder).mixer_kinds.index(kind), "gated")
    assert main(["compare", str(folder), "--ids", "1 2 3"]) == 1
