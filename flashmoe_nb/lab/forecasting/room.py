"""How much memory a model keeps, what that leaves for the page cache, and what would run where it leaves nothing."""

from __future__ import annotations

from pathlib import Path

from flashmoe_nb.engine.options import DEFAULT_SLOTS
from flashmoe_nb.errors import BudgetError
from flashmoe_nb.lab.bench.machine import describe_machine
from flashmoe_nb.lab.forecasting.machines import GIB, find_machine
from flashmoe_nb.lab.forecasting.outcome import Memory
from flashmoe_nb.lab.sizes import ModelSizes, load_config, model_sizes
from flashmoe_nb.storage.synth_shapes import SHAPES

_RESERVE_BYTES = 4 * GIB
"""For the system and other programs, where only the machine's memory is given."""
_INTERPRETER_BYTES = 160 * 10**6
_WORK_BYTES = 176 * 2**20
_MEMINFO = Path("/proc/meminfo")


def plan_room(name: str, sizes: ModelSizes, top_k: int, ram: int | None, machine: str | None) -> Memory:
    """Where the memory goes.

    Raises:
        BudgetError: there is not enough, with what would run.
        OptionError: an unknown machine.
    """
    if machine is not None:
        found = find_machine(machine)
        total, reserve = ram or found.ram_bytes, found.reserve_bytes
    elif ram is not None:
        total, reserve = ram, min(_RESERVE_BYTES, ram // 4)
    else:
        total = describe_machine().memory_bytes
        reserve = total - _available_bytes(total)
    kept = kept_bytes(sizes, top_k)
    memory = Memory(total, reserve, kept, total - reserve - kept)
    if memory.cache_bytes <= 0:
        _refuse(name, memory)
    return memory


def _refuse(name: str, memory: Memory) -> None:
    """Say what would run.

    Raises:
        BudgetError: always.
    """
    room = memory.ram_bytes - memory.reserve_bytes
    fitting = [other for other in SHAPES if not other.startswith("tiny") and _kept_of(other) < room]
    remedy = f"{', '.join(fitting)} would" if fitting else "none of the shapes known here would"
    raise BudgetError(
        f"{name} keeps {memory.kept_bytes:,} bytes in memory, {memory.ram_bytes:,} less {memory.reserve_bytes:,} for "
        f"the system are {room:,}: give {memory.kept_bytes + memory.reserve_bytes:,} or more; in this memory {remedy} "
        "run"
    )


def _kept_of(shape: str) -> int:
    sizes = model_sizes(load_config(shape)[1])
    return kept_bytes(sizes, sizes.own_top_k)


def _available_bytes(total: int) -> int:
    """What a program could have now; on a system that does not say, all but a quarter."""
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return total - min(_RESERVE_BYTES, total // 4)


def kept_bytes(sizes: ModelSizes, top_k: int) -> int:
    """What an engine with default options holds, the interpreter included, a short context."""
    delta = sizes.config.delta
    state = 0
    if delta is not None:
        a_layer = delta.num_v_heads * delta.v_head_dim * delta.k_head_dim + (delta.conv_kernel - 1) * delta.conv_dim
        state = 4 * a_layer * sizes.config.mixer_kinds.count("linear_attention")
    slots = max(top_k, DEFAULT_SLOTS) * sizes.expert.nbytes
    return sizes.resident.nbytes + slots + state + _WORK_BYTES + _INTERPRETER_BYTES
