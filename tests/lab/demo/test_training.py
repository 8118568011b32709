"""The network against mlx_lm, quantisation against MLX, the delta kernel against the recurrence, a toy run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")
pytest.importorskip("mlx_lm")

from typing import TYPE_CHECKING  # noqa: E402

from mlx_lm.utils import load_model  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from flashmoe_nb.errors import CheckpointError  # noqa: E402
from flashmoe_nb.lab.demo import against_transformers, delta, export, fewer_bits, quantise, release, tokens  # noqa: E402
from flashmoe_nb.lab.demo.corpus import WRITTEN, Domain, write_source  # noqa: E402
from flashmoe_nb.lab.demo.linear import Norm  # noqa: E402
from flashmoe_nb.lab.demo.network import Network  # noqa: E402
from flashmoe_nb.lab.demo.pools import Pools, Split  # noqa: E402
from flashmoe_nb.lab.demo.quantise import Precision  # noqa: E402
from flashmoe_nb.lab.demo.recipe import CONTINUED, MIX, Recipe  # noqa: E402
from flashmoe_nb.lab.demo.shape import Shape  # noqa: E402
from flashmoe_nb.lab.demo.streams import Streams, spoken  # noqa: E402
from flashmoe_nb.lab.demo.training import Trainer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tiny tensors: more threads only wait for each other, minutes of it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def network() -> Network:
    """A toy network in float32 whose weights are bfloat16 values and whose norms are not all one."""
    torch.manual_seed(3)
    toy = Network(Shape().toy())
    toy.dtype = torch.float32
    with torch.no_grad():
        for module in toy.modules():
            if isinstance(module, Norm):
                module.weight.add_(torch.randn_like(module.weight) * 0.2)
        for parameter in toy.parameters():
            parameter.copy_(parameter.bfloat16().float())
    return toy


def _mlx_logits(folder: Path, ids: Tensor) -> np.ndarray:
    model, _ = load_model(folder, strict=True)
    model.set_dtype(mx.float32)
    return np.array(model(mx.array(ids.numpy())))


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_unquantised_checkpoint_equals_mlx_lm(network: Network, tmp_path: Path) -> None:
    ids = torch.randint(0, 512, (2, 40), generator=torch.Generator().manual_seed(0))
    export.save_unquantised(network, tmp_path)
    with torch.no_grad():
        ours = network(ids).numpy()
        other = network(ids, top_k=2).numpy()
    theirs = _mlx_logits(tmp_path, ids)
    assert _distance(theirs, ours) < 1e-4
    assert _distance(theirs, other) > 1e-3


def test_unquantised_checkpoint_equals_transformers(network: Network, tmp_path: Path) -> None:
    ids = torch.randint(0, 512, (40,), generator=torch.Generator().manual_seed(0)).tolist()
    export.save_unquantised(network, tmp_path)
    apart, agree = against_transformers.difference(tmp_path, ids)
    assert apart < 1e-4
    assert agree == 1.0
    ours = against_transformers.engine_logits(tmp_path, ids, "mlx")
    other = against_transformers.transformers_logits(tmp_path, ids[::-1])
    assert _distance(other, ours) > 1e-2  # the control: other tokens


def test_quantised_checkpoint_equals_mlx_lm(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_float32(weight: Tensor, precision: Precision) -> Tensor:
        codes, scale, bias = quantise.affine(weight, precision)
        groups = codes.unflatten(-1, (-1, precision.group_size))
        return (groups * scale.float()[..., None] + bias.float()[..., None]).flatten(-2)

    ids = torch.randint(0, 512, (1, 30), generator=torch.Generator().manual_seed(1))
    digests = export.save_quantised(network, tmp_path)
    assert set(digests) == {path.name for path in tmp_path.glob("*.safetensors")}
    monkeypatch.setattr(quantise, "rounded", in_float32)
    network.fake_quantise(on=True)
    with torch.no_grad():
        ours = network(ids).numpy()
    network.fake_quantise(on=False)
    assert _distance(_mlx_logits(tmp_path, ids), ours) < 1e-4


@pytest.mark.parametrize("save", [export.save_unquantised, export.save_quantised])
def test_a_network_takes_the_weights_of_a_checkpoint(
    network: Network, tmp_path: Path, save: Callable[[Network, Path], dict[str, str]]
) -> None:
    ids = torch.randint(0, 512, (1, 30), generator=torch.Generator().manual_seed(1))
    digests = save(network, tmp_path)
    other = Network(Shape().toy())
    other.dtype = torch.float32
    with torch.no_grad():
        before = _distance(_mlx_logits(tmp_path, ids), other(ids).numpy())
        assert export.load(other, tmp_path) == digests
        assert _distance(_mlx_logits(tmp_path, ids), other(ids).numpy()) < 1e-4 < before


def test_a_checkpoint_of_another_shape_is_refused(network: Network, tmp_path: Path) -> None:
    export.save_quantised(network, tmp_path)
    wider = Network(replace(Shape().toy(), moe_intermediate_size=64))
    with pytest.raises(CheckpointError, match="gate_proj") as refused:
        export.load(wider, tmp_path)
    assert "[16, 32, 64]" in str(refused.value)
    assert "[16, 64, 64]" in str(refused.value)
    deeper = Network(replace(Shape().toy(), num_hidden_layers=8))
    with pytest.raises(CheckpointError, match=r"has no .*layers\.4"):
        export.load(deeper, tmp_path)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_unpacked_codes_are_those_packed(bits: int) -> None:
    codes = torch.randint(0, 2**bits, (3, 64), generator=torch.Generator().manual_seed(bits)).float()
    assert torch.equal(quantise.unpack(quantise.pack(codes, bits).view(torch.uint32), bits), codes)


@pytest.mark.parametrize(("bits", "group_size"), [(4, 32), (8, 64), (2, 32), (4, 64)])
def test_affine_equals_mlx(bits: int, group_size: int) -> None:
    weight = (torch.randn(32, 192, generator=torch.Generator().manual_seed(bits)) * 0.05).bfloat16()
    weight[0, :group_size] = 0
    codes, scales, biases = quantise.affine(weight, Precision(bits, group_size))
    theirs = mx.quantize(mx.array(weight.float().numpy()).astype(mx.bfloat16), group_size=group_size, bits=bits)
    assert (quantise.pack(codes, bits).numpy().view(np.uint32) == np.array(theirs[0])).all()
    for ours, other in zip((scales, biases), theirs[1:], strict=True):
        assert (ours.float().numpy() == np.array(other.astype(mx.float32))).all()


def test_straight_through_rounds_forward_and_passes_the_gradient() -> None:
    weight = torch.randn(4, 64, requires_grad=True)
    rounded = quantise.StraightThrough.apply(weight, 4, 32)
    rounded.float().sum().backward()
    assert weight.grad is not None
    assert bool((weight.grad == 1).all())
    assert len(rounded[0, :32].unique()) <= 16


def test_min_max_grid_covers_its_group() -> None:
    values = mx.random.normal((3, 64), key=mx.random.key(0))
    words, scales, biases = fewer_bits.minmax(values, 2, 32)
    back = mx.dequantize(words, scales, biases, group_size=32, bits=2).astype(mx.float32)
    reach = values.reshape(3, 2, 32).max(-1) - values.reshape(3, 2, 32).min(-1)
    assert float(mx.abs(back - values).max()) <= float(reach.max()) / 6 + 0.02
    assert fewer_bits.Way("mx") is fewer_bits.Way.MX


def _delta_inputs(time: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(4)
    q, k = (nn.functional.normalize(torch.randn(1, time, 2, 16, generator=generator), dim=-1) for _ in range(2))
    v = torch.randn(1, time, 4, 16, generator=generator)
    g, beta = (torch.rand(1, time, 4, generator=generator) for _ in range(2))
    return [tensor.requires_grad_() for tensor in (q, k, v, -g, beta)]


def test_recurrence_forgets_and_overwrites() -> None:
    q, k, v, g, beta = (tensor.detach() for tensor in _delta_inputs(6))
    whole = delta.recurrence(q, k, v, g, beta)
    assert torch.allclose(delta.recurrence(*(t[:, :3] for t in (q, k, v, g, beta))), whole[:, :3])
    forgotten = g.clone()
    forgotten[:, 3] = -100.0
    fresh = delta.recurrence(*(t[:, 3:] for t in (q, k, v, g, beta)))
    assert torch.allclose(delta.recurrence(q, k, v, forgotten, beta)[:, 3:], fresh, atol=1e-6)


def test_kernel_equals_recurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    if not torch.cuda.is_available():
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        if not _interpreted():
            pytest.skip("triton was imported without TRITON_INTERPRET=1")
    ours, plain = _delta_inputs(7), _delta_inputs(7)
    out, expected = delta.fused(*ours), delta.recurrence(*plain)
    assert torch.allclose(out, expected, atol=1e-5)
    out.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(ours, plain, strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert float((a.grad - b.grad).norm() / b.grad.norm()) < 1e-2


def _interpreted() -> bool:
    from triton.runtime.interpreter import InterpretedFunction

    from flashmoe_nb.lab.demo import delta_kernel

    return isinstance(delta_kernel.forward, InterpretedFunction)


def test_spoken_marks_the_assistant_and_its_end() -> None:
    start, end, assistant, user = tokens.IM_START, tokens.IM_END, 50, 51
    stream = np.array([start, user, 60, end, 9, start, assistant, 61, 62, end, 9, start, user, 63, end])
    assert list(spoken(stream, assistant)) == [False] * 6 + [True] * 4 + [False] * 5


def _write_streams(folder: Path, pools: dict[Split, Pools]) -> None:
    documents = [d for written in WRITTEN for d in write_source(written, pools, 3e-4)]
    tokenizer = tokens.train(iter([d.text for d in documents]), 512)
    tokenizer.save(str(folder / "tokenizer.json"))
    for domain in Domain:
        for split in Split:
            own = [d.text for d in documents if d.domain is domain and d.split is split]
            texts = own if sum(map(len, own)) > 4000 else [d.text for d in documents][:40]
            np.save(folder / f"{domain}.{split}.npy", tokens.encode(tokenizer, texts))


def test_toy_run_learns_repeats_and_loads(tmp_path: Path, pools: dict[Split, Pools]) -> None:
    _write_streams(tmp_path, pools)
    recipe = Recipe(tokens_per_step=128, context=16, long_context=32, warmup_steps=2)
    first = []
    for name in ("a", "b"):
        run = tmp_path / name
        run.mkdir()
        trainer = Trainer(Streams.load(tmp_path, MIX, "cpu"), Shape().toy(), recipe, run, "cpu")
        before = trainer.heldout(4)
        trainer.train(1e9, 1e9, max_steps=8)
        trainer.finish(1.0, {"device": "cpu"})
        record = json.loads((run / "record.json").read_text())
        assert np.mean(list(record["heldout_nats"]["bf16"].values())) < np.mean(list(before.values()))
        first.append(record["sha256"]["q4"])
    assert first[0] == first[1]
    release.assemble(tmp_path / "a" / "q4", tmp_path / "tokenizer.json", tmp_path / "out")
    assert not json.loads((tmp_path / "out" / "tokenizer.json").read_text())["added_tokens"][5]["special"]
    load_model(tmp_path / "out", strict=True)


@pytest.mark.parametrize("recipe", [Recipe(), CONTINUED])
def test_schedule_warms_up_holds_and_falls(recipe: Recipe) -> None:
    assert sum(recipe.mix.values()) == pytest.approx(1)
    assert recipe.rate(0.0, 0) < recipe.rate(0.0, 100) < recipe.rate(0.1, 1000) == recipe.peak_rate
    assert recipe.rate(0.75, 1000) < recipe.peak_rate
    assert recipe.rate(1.0, 1000) == pytest.approx(recipe.peak_rate * recipe.final_share)
