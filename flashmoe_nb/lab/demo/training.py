"""Train the demo model for a given number of seconds on one GPU (or, with `--toy`, for a few steps on a CPU).

    python -m flashmoe_nb.lab.demo.training TOKENS RUN --seconds 1200
    python -m flashmoe_nb.lab.demo.training TOKENS RUN --seconds 1000 --from CHECKPOINT

Writes to RUN: `log.txt`, a 4-bit `snapshot/` every few minutes, at the end `bf16/`, `q4/` and `record.json` (seed,
steps, tokens, hashes, losses). `--from` starts from a checkpoint's weights, 4-bit or not, by the recipe for that. The
clock sets the schedule, so a run uses the time it was given; the number of seconds is read again from `RUN/seconds`
when that file is there.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from flashmoe_nb.lab.demo import delta, export
from flashmoe_nb.lab.demo.network import Network
from flashmoe_nb.lab.demo.recipe import CONTINUED, Recipe, Report
from flashmoe_nb.lab.demo.shape import Shape
from flashmoe_nb.lab.demo.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable


def _losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, head).float(), targets, reduction="none")


token_losses: Callable[[Tensor, Tensor, Tensor], Tensor] = (
    torch.compile(_losses, dynamic=False) if torch.cuda.is_available() else _losses
)


def losses_of(network: Network, rows: Tensor, top_k: int) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Loss of every token. Shapes: rows [B, T + 1] -> [B, T], balance loss, counts by layer."""
    hidden, balance, counts = network.hidden(rows[:, :-1], top_k)
    head = network.lm_head.cast(network.dtype)
    flat = token_losses(hidden.reshape(-1, hidden.shape[-1]), head, rows[:, 1:].reshape(-1))
    return flat.view(rows.shape[0], -1), balance, counts


class Trainer:
    """A network, its optimiser and its clock."""

    def __init__(self, streams: Streams, shape: Shape, recipe: Recipe, run: Path, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.streams, self.recipe, self.run = streams, recipe, run
        self.network = Network(shape).to(device)
        if device == "cpu":
            self.network.dtype = torch.float32
        decayed, plain = export.set_linear_parameters(self.network)
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=recipe.peak_rate, betas=(0.9, 0.95), eps=1e-10, fused=device != "cpu"
        )
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.step = 0
        self.history: list[Report] = []

    def log(self, text: str) -> None:
        """Print and append to the log."""
        print(text, flush=True)  # noqa: T201
        with (self.run / "log.txt").open("a", encoding="utf8") as lines:
            lines.write(text + "\n")

    def _few(self) -> bool:
        return torch.rand(1, generator=self.generator).item() < self.recipe.few_experts_share

    def update(self, progress: float) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """One optimiser step; returns device tensors, so that nothing waits."""
        recipe, network = self.recipe, self.network
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(progress, self.step)
        context = recipe.long_context if progress >= recipe.long_from else recipe.context
        rows, weights, domains = self.streams.batch(recipe.tokens_per_step // context, context, self.generator)
        top_k = recipe.few_experts if self._few() else network.shape.num_experts_per_tok
        losses, balance, _ = losses_of(network, rows, top_k)
        loss = (losses * weights).sum() / weights.sum()
        (loss + recipe.balance(progress) * balance).backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.detach(), balance.detach(), norm, losses.detach().mean(1), domains

    def train(self, seconds: float, snapshot_every_s: float, max_steps: int | None = None) -> None:
        """Train until the clock runs out."""
        start = marked = saved = time.perf_counter()
        marked_step = self.step
        while True:
            now = time.perf_counter()
            if self.step % 20 == 0 and (self.run / "seconds").exists():
                seconds = float((self.run / "seconds").read_text())
            progress = (now - start) / seconds if max_steps is None else self.step / max_steps
            if progress >= 1:
                break
            if progress >= self.recipe.fake_quantised_from:
                self.network.fake_quantise(on=True)
            result = self.update(progress)
            if self.step % 100 == 0 or self.step in {1, 2, 10, 30}:
                self._report(result, now - start, (self.step - marked_step), time.perf_counter() - marked)
                marked, marked_step = time.perf_counter(), self.step
            if now - saved > snapshot_every_s:
                self._snapshot()
                saved = now
        self.network.fake_quantise(on=False)

    def _report(self, result: tuple[Tensor, ...], seconds: float, steps: int, wall_s: float) -> None:
        loss, balance, norm, by_row, domains = result
        by_domain = {
            str(domain): round(by_row[domains == i].mean().item(), 3)
            for i, domain in enumerate(self.streams.domains)
            if bool((domains == i).any())
        }
        rate = self.optimizer.param_groups[0]["lr"]
        speed = steps * self.recipe.tokens_per_step / wall_s
        report = Report(
            self.step, round(seconds, 1), loss.item(), balance.item(), norm.item(), rate, round(speed), by_domain
        )
        if not math.isfinite(report.loss):
            raise FloatingPointError(f"the loss of step {self.step} is {report.loss}; lower the peak rate")
        self.history.append(report)
        memory = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0.0
        self.log(
            f"{seconds:7.1f} s step {self.step} loss {report.loss:.3f} balance {report.balance:.3f} "
            f"norm {report.gradient_norm:.2f} rate {rate:.1e} {speed / 1e3:.0f}k tok/s {memory:.0f} GiB {by_domain}"
        )

    def _snapshot(self) -> None:
        fresh = self.run / "snapshot.new"
        shutil.rmtree(fresh, ignore_errors=True)
        export.save_quantised(self.network, fresh)
        shutil.rmtree(self.run / "snapshot", ignore_errors=True)
        fresh.rename(self.run / "snapshot")

    def heldout(self, top_k: int) -> dict[str, float]:
        """Mean loss in nats a token on the first held-out windows of every domain.

        The windows are repeated to the shape of a training batch and gradients stay enabled: another shape, or another
        gradient mode, would compile everything once more.
        """
        rows = self.recipe.tokens_per_step // self.recipe.context
        out = {}
        for domain in self.streams.domains:
            windows = self.streams.heldout(domain, rows, self.recipe.context)
            full = windows.repeat(-(-rows // len(windows)), 1)[:rows]
            losses, _, _ = losses_of(self.network, full, top_k)
            out[str(domain)] = round(losses[: len(windows)].mean().item(), 4)
        return out

    def finish(self, seconds: float, about: dict[str, object]) -> None:
        """Save both checkpoints and the record of the run."""
        quantised = export.save_quantised(self.network, self.run / "q4")
        unquantised = export.save_unquantised(self.network, self.run / "bf16")
        few = self.recipe.few_experts
        losses = {"bf16": self.heldout(self.network.shape.num_experts_per_tok), f"bf16 K={few}": self.heldout(few)}
        self.network.fake_quantise(on=True)
        losses["4 bits"] = self.heldout(self.network.shape.num_experts_per_tok)
        for name, values in losses.items():
            self.log(f"held-out {name}: mean {np.mean(list(values.values())):.4f} {values}")
        record = {
            "recipe": asdict(self.recipe), "shape": asdict(self.network.shape), "steps": self.step,
            "tokens": self.step * self.recipe.tokens_per_step, "seconds": round(seconds, 1), "heldout_nats": losses,
            "sha256": {"q4": quantised, "bf16": unquantised}, "history": [asdict(line) for line in self.history],
        }  # fmt: skip
        (self.run / "record.json").write_text(json.dumps(record | about, indent=1) + "\n", "utf8")
        (self.run / "done").write_text("done\n", "utf8")


def check_kernel(device: str) -> float:
    """Relative error of the delta kernel's outputs and gradients against the recurrence, on random inputs."""
    torch.manual_seed(1)
    q, k = (F.normalize(torch.randn(2, 48, 4, 32, device=device), dim=-1) for _ in range(2))
    v = torch.randn(2, 48, 8, 32, device=device)
    g, beta = -torch.rand(2, 48, 8, device=device), torch.rand(2, 48, 8, device=device)
    pull = torch.randn_like(v)
    ours = [tensor.clone().requires_grad_() for tensor in (q, k, v, g, beta)]
    plain = [tensor.clone().requires_grad_() for tensor in (q, k, v, g, beta)]
    pairs = [(delta.gated_delta_rule(*ours), delta.recurrence(*plain))]
    for out, _ in (pairs[0], pairs[0][::-1]):
        torch.autograd.backward((out * pull).sum())
    pairs += [(a.grad, b.grad) for a, b in zip(ours, plain, strict=True)]  # type: ignore[misc]
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--snapshot-every", type=float, default=200.0)
    parser.add_argument(
        "--few-share", type=float, help="share of steps with few experts instead of the recipe's; 0: never"
    )
    parser.add_argument("--from", dest="checkpoint", type=Path, help="start from this checkpoint's weights")
    parser.add_argument("--toy", action="store_true", help="a toy shape for a few steps, on a CPU")
    arguments = parser.parse_args()
    run: Path = arguments.run
    run.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch._dynamo.config.recompile_limit = 128  # noqa: SLF001
    shape = Shape().toy() if arguments.toy else Shape()
    recipe = CONTINUED if arguments.checkpoint else Recipe()
    if arguments.toy:
        recipe = replace(recipe, tokens_per_step=512, context=64, long_context=128, warmup_steps=5)
    if arguments.few_share is not None:
        recipe = replace(recipe, few_experts_share=arguments.few_share)
    streams = Streams.load(arguments.tokens, recipe.mix, device)
    trainer = Trainer(streams, shape, recipe, run, device)
    began = export.load(trainer.network, arguments.checkpoint) if arguments.checkpoint else {}
    error = check_kernel(device)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    trainer.log(
        f"{name}, torch {torch.__version__}, delta kernel error {error:.1e}, {streams.tokens() / 1e6:.1f} M tokens"
    )
    if not error < 2e-2:  # noqa: PLR2004 - bfloat16 states
        raise ArithmeticError(f"the delta kernel is off by {error:.1e}; do not train with it")
    start = time.perf_counter()
    trainer.train(arguments.seconds, arguments.snapshot_every, 24 if arguments.toy else None)
    about: dict[str, object] = {"device": name, "kernel_error": error, "tokens_sha256": streams.sha256}
    trainer.finish(time.perf_counter() - start, about | ({"continued_from": began} if began else {}))


if __name__ == "__main__":
    main()
