"""The unquantised demo model through transformers and through this package's engine: how far their logits are apart.

    python -m flashmoe_nb.lab.demo.against_transformers RUN/bf16 --ids data/evaluation/windows.safetensors

Hugging Face stores the same weights otherwise: norms less 1, the convolution as [C, 1, k], gate and up in one tensor.
transformers and torch are for development only; the engine uses neither.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file

from flashmoe_nb.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PREFIX = "language_model."
_N_TOKENS = 256


def hugging_face_name(name: str) -> str:
    """What transformers calls a tensor of the MLX layout; gate and up of the routed experts are joined elsewhere."""
    return name.removeprefix(_PREFIX).replace(".switch_mlp.down_proj.weight", ".experts.down_proj")


def hugging_face_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The checkpoint as transformers wants it, in float32."""
    found = {}
    for name, stored in tensors.items():
        tensor = stored.float()
        if ".switch_mlp.up_proj." in name:
            continue
        if ".switch_mlp.gate_proj." in name:
            up = tensors[name.replace("gate_proj", "up_proj")].float()
            stem = name.removeprefix(_PREFIX).removesuffix(".switch_mlp.gate_proj.weight")
            found[f"{stem}.experts.gate_up_proj"] = torch.cat([tensor, up], dim=1)
        elif "conv1d" in name:
            found[hugging_face_name(name)] = tensor.transpose(1, 2)
        elif "norm" in name and "linear_attn.norm" not in name:
            found[hugging_face_name(name)] = tensor - 1
        else:
            found[hugging_face_name(name)] = tensor
    return found


def transformers_logits(folder: Path, ids: Sequence[int]) -> NDArray[np.float32]:
    """Logits at every position, in float32. Shapes: [T, V]."""
    text = json.loads((folder / "config.json").read_text("utf8"))["text_config"]
    text.pop("model_type")
    model: Any = transformers.Qwen3_5MoeForCausalLM(transformers.Qwen3_5MoeTextConfig(**text))
    model.float().eval()
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    model.load_state_dict(hugging_face_tensors(tensors), strict=True)
    with torch.no_grad():
        logits: NDArray[np.float32] = model(input_ids=torch.tensor([list(ids)])).logits[0].numpy()
    return logits


def engine_logits(folder: Path, ids: Sequence[int], ops: str) -> NDArray[np.float32]:
    """Logits at every position, fed one by one, in float32. Shapes: [T, V]."""
    with open_engine(folder, ops=ops, dtype="float32") as engine:
        session = engine.session()
        return np.stack([np.array(session.feed([token])) for token in ids])


def difference(folder: Path, ids: Sequence[int], ops: str = "auto") -> tuple[float, float]:
    """The largest difference of two logits as a share of the largest, and how often the likeliest token agrees."""
    theirs, ours = transformers_logits(folder, ids), engine_logits(folder, ids, ops)
    agree = float((theirs.argmax(1) == ours.argmax(1)).mean())
    return float(np.abs(theirs - ours).max() / np.abs(theirs).max()), agree


def main() -> None:
    """Print the differences, one window of each domain."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ids", type=Path, required=True, help="windows.safetensors of the evaluation set")
    parser.add_argument("--tokens", type=int, default=_N_TOKENS, help="of each window (default %(default)s)")
    given = parser.parse_args()
    for domain, windows in sorted(load_numpy(given.ids).items()):
        apart, agree = difference(given.folder, windows[0][: given.tokens].tolist())
        print(f"{domain}: logits {apart:.1e} of the largest apart, likeliest token the same at {agree:.1%}")  # noqa: T201


if __name__ == "__main__":
    main()
