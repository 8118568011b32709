"""Compiling kernels, and keeping them on disk from one process to the next.

numba's own cache trusts a kernel while the one file it stands in is unchanged, though it may be built by functions of
another; raises where it finds no folder to write to; and lets two processes that save at once mix up their files. Here
a file's name is a digest of everything the machine code depends on, and where nothing can be written kernels are
compiled anew in each process. Source: numba `core/caching.py`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numba
from numba import njit, types
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from platformdirs import user_cache_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Decorator = Callable[[Callable[..., Any]], Any]

KERNEL = types.void(*([types.int64] * 5))
"""What kernels are: void(task, x, y, start, stop), addresses and row numbers."""


def compiled(signature: Any = None, *, fastmath: Any = False, nogil: bool = False) -> Decorator:
    """Decorate a function that Python calls: compiled at once for a signature, else for each kind of arguments."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(fastmath=fastmath, nogil=nogil)(function)
        dispatcher._cache = KernelCache(function)  # noqa: SLF001 - numba has no way to choose a cache
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return decorate


def kernel(*, fastmath: Any = False) -> Decorator:
    """Decorate a function that compiled code calls by its `address`, a `KERNEL`."""

    def decorate(function: Callable[..., Any]) -> Any:
        made = CFunc(function, (KERNEL.args, KERNEL.return_type), locals={}, options={"fastmath": fastmath})
        made._cache = KernelCache(function)  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        made.compile()
        return made

    return decorate


class KernelCache(NullCache):  # type: ignore[misc]
    """One file for each compiled signature of a function; what goes wrong with it is the same as not finding it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was saved, ready to run, or None."""
        target_context.refresh()
        try:
            saved = pickle.loads(self._path(sig, target_context.codegen()).read_bytes())  # noqa: S301 - our own folder
            return CompileResult._rebuild(target_context, *saved)  # noqa: SLF001 - as numba's own cache does
        except Exception:  # noqa: BLE001 - a damaged file makes pickle raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Whole or not at all: several processes may save at once."""
        path = self._path(sig, data.codegen)
        content = dumps(data._reduce())  # noqa: SLF001 - as above
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(content)
            os.replace(file.name, path)  # noqa: PTH105 - a name, not a path
        except OSError:  # a full disk, or no home: the next process compiles again
            return

    def _path(self, sig: Any, codegen: Any) -> Path:
        function = self._function
        constants = tuple(cell.cell_contents for cell in function.__closure__ or ())
        depends = (sources(), numba.__version__, function.__qualname__, str(sig), codegen.magic_tuple())
        digest = hashlib.sha256(dumps((depends, function.__code__.co_code, constants))).hexdigest()
        return folder() / f"{function.__name__.strip('_')}-{digest[:32]}.kernel"


def folder() -> Path:
    """Where compiled kernels are kept; may be deleted at any time."""
    return user_cache_path("flashmoe_nb") / "kernels"


@cache
def sources() -> str:
    """Digest of the Python files of this folder."""
    digest = hashlib.sha256()
    for file in sorted(files("flashmoe_nb.ops.kernels").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
