"""Runs a pack that kills itself with SIGKILL at its n-th step: python killed_pack.py N SOURCE OUTPUT.

Steps are experts, writes, fsyncs, renames and unlinks, so that the kill falls before, between and after all of them.
"""

import os
import pathlib
import signal
import sys
from collections.abc import Callable
from typing import Any


def _die_at(call: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    left = [call]

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **options)

        return counted

    return wrap


def main() -> None:
    from flashmoe_nb.storage import pack as module

    call, source, output = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    wrap = _die_at(call)
    os.write = wrap(os.write)
    os.fsync = wrap(os.fsync)
    module.read_record = wrap(module.read_record)
    pathlib.Path.replace = wrap(pathlib.Path.replace)  # type: ignore[method-assign]
    pathlib.Path.unlink = wrap(pathlib.Path.unlink)  # type: ignore[method-assign]
    module.pack(source, output, progress=False)


if __name__ == "__main__":
    main()
