"""Kernels on disk: found by the next process, never mistaken for others, and done without where nothing can be kept."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.ops.kernels import compiled as module
from flashmoe_nb.ops.kernels.compiled import compiled, kernel, sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the user's."""
    monkeypatch.setattr(module, "folder", lambda: tmp_path / "kernels")
    return tmp_path / "kernels"


def _adder(constant: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + constant

    return add


def test_kernel_is_kept_and_found_again(kept: Path) -> None:
    first = compiled()(_adder(5))
    assert first(1) == 6
    assert len(list(kept.iterdir())) == 1
    again = compiled()(_adder(5))
    assert again(2) == 7
    assert sum(again.stats.cache_hits.values()) == 1
    assert sum(first.stats.cache_hits.values()) == 0


def test_other_constants_sources_or_arguments_are_other_kernels(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is part of the file's name; the same name would run the wrong code."""
    assert compiled()(_adder(5))(1) == 6
    assert compiled()(_adder(7))(1) == 8
    assert compiled()(_adder(7))(1.5) == 8.5
    changed = sources() + "x"
    monkeypatch.setattr(module, "sources", lambda: changed)
    assert compiled()(_adder(7))(1) == 8
    assert len(list(kept.iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"not a pickle", None])
def test_damaged_file_is_compiled_again(damage: bytes | None, kept: Path) -> None:
    compiled()(_adder(5))(1)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    again = compiled()(_adder(5))
    assert again(1) == 6
    assert sum(again.stats.cache_hits.values()) == 0
    assert len(file.read_bytes()) > len(whole) // 2


def test_folder_that_cannot_be_made_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(module, "folder", lambda: tmp_path / "file" / "kernels")
    assert compiled()(_adder(5))(1) == 6

    @kernel()
    def nothing(task: int, x: int, y: int, start: int, stop: int) -> None:
        pass

    assert nothing.address


def test_next_process_compiles_nothing(tmp_path: Path) -> None:
    """Small layers and products of the back end, in two processes one after the other."""
    script = """
import numpy as np
from flashmoe_nb.ops.cpu import CpuOps
from flashmoe_nb.ops.kernels import layers
CpuOps(1).rms_norm(np.ones((1, 8), np.float32), np.ones(8, np.float32), 1e-6)
print(sum(layers.rms_norm.stats.cache_hits.values()))
"""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    answers = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [answer.stdout.strip() for answer in answers] == ["0", "1"]
