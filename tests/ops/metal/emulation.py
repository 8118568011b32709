"""Runs the kernels' launches on the CPU: MLX writes the Metal source, g++ compiles it, fibers play the GPU's threads.

MLX on a machine without Metal will not run a custom kernel, but while it exports a function it records one, and
`verbose` prints the whole source that a Mac would compile: header, signature, body and instantiation.
"""

import ctypes
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from flashmoe_nb.ops.metal import GpuKernels, Launch
from flashmoe_nb.ops.metal.run import kernel_texts

HERE = Path(__file__).parent
FLAGS = (
    "-std=c++14",
    "-O1",
    "-shared",
    "-fPIC",
    "-ffp-contract=off",
    "-march=native",
    "-fno-gnu-unique",
    "-Wno-attributes",
)
PADDING_BYTES = 4096
"""Poison on either side of every array: a read beyond the end spoils the result, a write is found."""

_SOURCE = re.compile(r"```\n(.*?)```", re.DOTALL)
_NAME = re.compile(r"\[\[kernel\]\] void (\w+)\(")
_INSTANCE = re.compile(r"\[\[kernel\]\] decltype\((\w+<.*?>)\)")
_PARAMETER = re.compile(r"^  (.+?) (\w+) \[\[(\w+)(?:\((\d+)\))?\]\]", re.MULTILINE)

Edit = Callable[[str], str]


class EmulationError(Exception):
    """What the emulator saw a kernel do wrong."""


@dataclass(frozen=True)
class Source:
    """One kernel as MLX would give it to Metal."""

    name: str
    text: str

    @property
    def entry(self) -> str:
        """A C function that calls the instantiated kernel from every thread of the grid."""
        found = _INSTANCE.search(self.text)
        assert found
        arguments = [
            f"static_cast<{kind.replace('&', '*')}>(buffers[{number}])" if number else f"here.{attribute}"
            for kind, _, attribute, number in _PARAMETER.findall(self.text)
        ]
        return (
            f'extern "C" int run_{self.name}(void** buffers, const uint32_t* grid, uint32_t threads, int seed,'
            " char* message) {\n"
            "  return emulator::dispatch(grid, threads, seed, [=] {\n"
            "    const emulator::Here here = emulator::here();\n"
            f"    {found[1]}({', '.join(arguments)});\n"
            "  }, message);\n}\n"
        )


def sources_of(launches: list[Launch], edit: Edit | None = None) -> dict[str, Source]:
    """What MLX would give Metal for these launches, by name; `edit` changes the kernels' text first."""
    texts = kernel_texts()
    if edit is not None:
        edited = {name: replace(text, body=edit(text.body), header=edit(text.header)) for name, text in texts.items()}
        if any(edited[launch.body] == texts[launch.body] for launch in launches):
            raise ValueError("the edit changes nothing in a kernel that is launched")
        texts = edited
    kernels = GpuKernels("metal", texts, verbose=True)
    with tempfile.TemporaryDirectory() as folder:
        printed = _printed(
            lambda: mx.export_function(f"{folder}/x.mlxfn", lambda: [kernels.run(launch) for launch in launches])
        )
    found = [Source(_name_in(text), text) for text in _SOURCE.findall(printed)]
    assert len(found) == len(launches)
    return {source.name: source for source in found}


def _name_in(text: str) -> str:
    found = _NAME.search(text)
    assert found
    return found[1]


def _printed(work: Callable[[], object]) -> str:
    """What C++ writes to file descriptor 1 meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            work()
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read().decode()


class Emulator:
    """`Kernels` on the CPU. Compiles what it has not met yet, one library for each call of `prepare`.

    Args:
        folder: for sources and libraries.
        edit: changes the kernels' text before MLX sees it.
        order: of the threads, see `thread_order` in emulator.h.
    """

    def __init__(self, folder: Path, edit: Edit | None = None, order: int = 0) -> None:
        self.order = order
        self.launches: list[Launch] = []
        self._folder = folder
        self._edit = edit
        self._entries: dict[str, tuple[Source, ctypes.CDLL]] = {}
        self._names: dict[tuple[object, ...], str] = {}

    def prepare(self, launches: list[Launch]) -> None:
        """Compile all of these at once."""
        new = [launch for launch in launches if _key(launch) not in self._names]
        if not new:
            return
        distinct = list({_key(launch): launch for launch in new}.values())
        sources: dict[str, Source] = {}
        for launch in distinct:
            (source,) = sources_of([launch], self._edit).values()
            self._names[_key(launch)] = source.name
            sources[source.name] = source
        library = _compiled(list(sources.values()), self._folder)
        self._entries |= {name: (source, library) for name, source in sources.items()}

    def run(self, launch: Launch) -> mx.array:
        """Evaluates its inputs and runs at once.

        Raises:
            EmulationError: a race, a barrier that some threads miss, or a write beyond the output.
        """
        self.launches.append(launch)
        self.prepare([launch])
        source, library = self._entries[self._names[_key(launch)]]
        buffers: dict[str, NDArray[np.uint8]] = {}
        for name, array in launch.inputs:
            buffers[name] = _padded(_bytes(array))
            buffers[f"{name}_shape"] = np.array(array.shape, np.int32).view(np.uint8)
        y_bytes = int(np.prod(launch.output_shape)) * launch.output_dtype.size
        buffers["y"] = _padded(np.full(y_bytes, 0xFF, np.uint8))
        self._call(launch, source, library, buffers)
        edges = buffers["y"][:PADDING_BYTES], buffers["y"][PADDING_BYTES + y_bytes :]
        if not all((edge == 0xFF).all() for edge in edges):
            raise EmulationError("y was written beyond its end")
        result = mx.array(buffers["y"][PADDING_BYTES:][:y_bytes])
        return result.view(launch.output_dtype).reshape(launch.output_shape)

    def _call(
        self, launch: Launch, source: Source, library: ctypes.CDLL, buffers: dict[str, NDArray[np.uint8]]
    ) -> None:
        names = [name for _, name, _, number in _PARAMETER.findall(source.text) if number]
        starts = [0 if name.endswith("_shape") else PADDING_BYTES for name in names]
        pointers = (ctypes.c_void_p * len(names))(
            *(buffers[name].ctypes.data + start for name, start in zip(names, starts, strict=True))
        )
        message = ctypes.create_string_buffer(256)
        grid = (ctypes.c_uint32 * 3)(*launch.grid)
        entry = getattr(library, f"run_{source.name}")
        if entry(pointers, grid, ctypes.c_uint32(launch.threadgroup[0]), self.order, message):
            raise EmulationError(message.value.decode())


MakeEmulator = Callable[..., Emulator]
"""The fixture of that name: takes `edit` and `order`."""


def _key(launch: Launch) -> tuple[object, ...]:
    """Launches with one key compile to one kernel; MLX passes arrays of fewer than 8 elements in another way."""
    kinds = tuple((str(array.dtype), array.size < 8) for _, array in launch.inputs)
    return (launch.body, str(launch.template), kinds, str(launch.output_dtype))


def _bytes(array: mx.array) -> NDArray[np.uint8]:
    flat = mx.contiguous(array).reshape(-1).view(mx.uint8)
    return np.array(flat)


def _padded(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All bits set, which is a NaN in every floating dtype, on both sides."""
    edge = np.full(PADDING_BYTES, 0xFF, np.uint8)
    return np.concatenate([edge, content, edge])


def _compiled(sources: list[Source], folder: Path) -> ctypes.CDLL:
    parts = ['#include "emulator.h"\n', *(source.text + source.entry for source in sources)]
    text = "".join(parts)
    stem = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    stem.with_suffix(".cpp").write_text(text, "utf-8")
    library = stem.with_suffix(".so")
    command = ["g++", *FLAGS, f"-I{HERE}", str(stem.with_suffix(".cpp")), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulationError(done.stderr[:2000])
    return ctypes.CDLL(str(library))
