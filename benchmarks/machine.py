"""What a measurement ran on and with: processor, memory, versions. Knows nothing that names a person or a place."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flashmoe_nb import __version__

PACKAGES = ("mlx", "mlx-lm", "numpy", "tokenizers")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where numbers come from; they mean little without it."""

    system: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str
    packages: dict[str, str]


def describe_machine() -> Machine:
    """This machine, now."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        python=platform.python_version(),
        packages={"flashmoe_nb": __version__} | {name: version(name) for name in PACKAGES},
    )


def _cpu() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
