"""Everything wrong with a checkpoint or an option of `fm.open` is one clear error: what, both values, what to do.

Each row of the table damages a good checkpoint and lists what the message must say.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import (
    BudgetError,
    CheckpointError,
    OptionError,
)
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize
from tests.engine.bad_checkpoints import Row, shard_of
from tests.engine.bad_checkpoints_table import TABLE
from tests.engine.damage import split_shards
from tests.engine.refusals import open_files, refused, says

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_open_refuses(row: Row, folder: Path) -> None:
    size = shard_of(folder).stat().st_size
    row.damage(folder)
    before = open_files(), threading.active_count()
    error = refused(row.error, partial(fm.open, folder, **row.options))
    says(error, tuple(words.format(size=size, size_less=size - 1000) for words in row.says))
    assert (open_files(), threading.active_count()) == before


def test_open_takes_the_good_folder_of_the_table(folder: Path) -> None:
    """The negative control of the whole table."""
    split_shards(folder)
    pack(folder, progress=False)
    with fm.open(folder, top_k=5, slots=5, read_threads=1, memory_budget=10**9) as engine:
        assert engine.session().feed([1]).shape == (512,)


@pytest.mark.parametrize("path", ["absent", "file"])
def test_open_refuses_a_path_that_is_no_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(CheckpointError, lambda: fm.open(tmp_path / path))
    says(error, (f"{path} is not a folder", "give the folder that holds config.json"))


@pytest.mark.parametrize("top_k", [0, 1, 4])
def test_open_refuses_top_k_for_a_dense_model(top_k: int, dense: Path) -> None:
    error = refused(OptionError, lambda: fm.open(dense, top_k=top_k))
    says(error, (f"top_k={top_k}", "qwen3_5 is dense", "leave it out"))


@pytest.mark.parametrize("policy", [None, object(), 5])
def test_open_refuses_what_is_no_policy(policy: object, tiny: Path) -> None:
    error = refused(OptionError, lambda: fm.open(tiny, policy=policy))
    says(error, (f"policy={policy!r} is not known", 'give "trust-os", or an object with name and table()'))


def test_open_refuses_a_pack_of_another_quantization(folder: Path, tiny: Path) -> None:
    """Same layers and experts; only the bytes of a record are laid out otherwise."""
    other = folder.parent / "other"
    synthesize("tiny", other, dtype="float32", bits=8, progress=False)
    pack(other, progress=False)
    for experts in (str(other / "packed_experts"), "auto"):
        if experts == "auto":
            (other / "packed_experts").rename(folder / "packed_experts")
        error = refused(CheckpointError, partial(fm.open, folder, experts=experts))
        says(error, ("packed_experts holds experts of another quantization", "layer 0", 'run "flashmoe pack" again'))


def test_open_refuses_a_pack_of_another_model_of_the_same_shape(folder: Path) -> None:
    """As a fine-tune's experts under the base model's attention: fluent, and wrong."""
    other, own = folder.parent / "other", folder.parent / "own"
    synthesize("tiny", other, dtype="float32", seed=1, progress=False)
    for source, packed in ((other, other), (folder, own)):
        pack(source, None if packed == source else packed, progress=False)
    error = refused(CheckpointError, lambda: fm.open(folder, experts=str(other / "packed_experts")).close())
    says(error, ("packed_experts holds other weights", "layer 0, expert 0", 'run "flashmoe pack" again'))
    fm.open(folder, experts=str(own / "packed_experts")).close()


def test_open_refuses_a_small_budget_before_a_weight_is_read(folder: Path) -> None:
    """Bytes read, as the kernel counts them; with enough budget the same count sees the weights."""
    resident = fm.open(folder)
    resident.close()

    def n_read(budget: int) -> int:
        before = _bytes_asked_for()
        if budget < resident.memory.fixed_bytes:
            refused(BudgetError, lambda: fm.open(folder, memory_budget=budget))
        else:
            fm.open(folder, memory_budget=budget).close()
        return _bytes_asked_for() - before

    n_read(10**9)  # modules are imported
    text_files = sum(path.stat().st_size for path in folder.glob("*.json*"))
    headers = int.from_bytes(shard_of(folder).read_bytes()[:8], "little")
    assert n_read(resident.memory.fixed_bytes - 1) < headers + text_files + 50_000
    assert n_read(10**9) > headers + resident.memory.resident_bytes


def _bytes_asked_for() -> int:
    with open("/proc/self/io") as file:  # noqa: PTH123 - as above
        return int(next(line for line in file if line.startswith("rchar")).split()[1])
