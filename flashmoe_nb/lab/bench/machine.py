"""What a measurement ran on and with: processor, memory, versions. Knows nothing that names a person or a place."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("flashmoe-nb", "mlx", "mlx-lm", "numba", "numpy", "tokenizers")
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
        packages={name: _version(name) for name in PACKAGES},
    )


def about_this_run() -> dict[str, object]:
    """Date, command and machine, as every file of results carries them."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["flashmoe", *sys.argv[1:]]),
        "machine": asdict(describe_machine()),
    }


def _cpu() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
