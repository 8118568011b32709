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
    """One kernel, completed."""

    name: str
    text: str
    """As the device's compiler would get it."""
    buffers: tuple[str, ...]
    """The arrays, and their shapes, that the entry takes."""
    entry: str
    """A C function that calls the kernel from every thread of the grid."""


def entry_of(name: str, call: str) -> str:
    """The C function for one kernel; `call` may use `buffers` and `here`."""
    return (
        f'extern "C" int run_{name}'
        "(void** buffers, const uint32_t* grid, uint32_t threads, int seed, char* message) {\n"
        "  return emulator::dispatch(grid, threads, seed, [=] {\n"
        "    const emulator::Here here = emulator::here();\n"
        f"    {call};\n"
        "    (void)here;\n"
        "  }, message);\n}\n"
    )


def metal_source(text: str) -> Source:
    """Read off the signature that MLX wrote."""
    name, instance = _NAME.search(text), _INSTANCE.search(text)
    assert name
    assert instance
    parameters = _PARAMETER.findall(text)
    arguments = [
        f"static_cast<{kind.replace('&', '*')}>(buffers[{number}])" if number else f"here.{attribute}"
        for kind, _, attribute, number in parameters
    ]
    buffers = tuple(key for _, key, _, number in parameters if number)
    return Source(name[1], text, buffers, entry_of(name[1], f"{instance[1]}({', '.join(arguments)})"))


def sources_of(launches: list[Launch], edit: Edit | None = None) -> list[Source]:
    """What MLX would give Metal for these launches; `edit` changes the kernels' text first."""
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
    found = [metal_source(text) for text in _SOURCE.findall(printed)]
    assert len(found) == len(launches)
    return found


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


Complete = Callable[[list[Launch]], list[Source]]


class Emulator:
    """`Kernels` on the CPU. Compiles what it has not met yet, one library for each call of `prepare`.

    Args:
        folder: for sources and libraries.
        edit: changes the kernels' text before MLX sees it.
        order: of the threads, see `thread_order` in emulator.h.
        complete: makes sources of launches; None has MLX make Metal's.
        defines: macros of the C++ compiler.
    """

    def __init__(
        self,
        folder: Path,
        edit: Edit | None = None,
        order: int = 0,
        complete: Complete | None = None,
        defines: tuple[str, ...] = (),
    ) -> None:
        self.order = order
        self.launches: list[Launch] = []
        self._folder = folder
        self._complete = complete or (lambda launches: sources_of(launches, edit))
        self._defines = defines
        self._entries: dict[str, tuple[Source, ctypes.CDLL]] = {}
        self._names: dict[tuple[object, ...], str] = {}

    def prepare(self, launches: list[Launch]) -> None:
        """Compile all of these at once."""
        new = [launch for launch in launches if _key(launch) not in self._names]
        if not new:
            return
        distinct = {_key(launch): launch for launch in new}
        sources = self._complete(list(distinct.values()))
        library = _compiled(sources, self._folder, self._defines)
        self._names |= {key: source.name for key, source in zip(distinct, sources, strict=True)}
        self._entries |= {source.name: (source, library) for source in sources}

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
            buffers[f"{name}_shape"] = np.array([*array.shape, *[-1] * (8 - array.ndim)], np.int32).view(np.uint8)
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
        starts = [0 if name.endswith("_shape") else PADDING_BYTES for name in source.buffers]
        pointers = (ctypes.c_void_p * len(starts))(
            *(buffers[name].ctypes.data + start for name, start in zip(source.buffers, starts, strict=True))
        )
        message = ctypes.create_string_buffer(256)
        grid = (ctypes.c_uint32 * 3)(*launch.grid)
        entry = getattr(library, f"run_{source.name}")
        if entry(pointers, grid, ctypes.c_uint32(launch.threadgroup[0]), self.order, message):
            raise EmulationError(message.value.decode())


MakeEmulator = Callable[..., Emulator]
"""The fixture of that name: takes what `Emulator` takes after the folder."""


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


def _compiled(sources: list[Source], folder: Path, defines: tuple[str, ...]) -> ctypes.CDLL:
    parts = ['#include "emulator.h"\n', *(source.text + source.entry for source in sources)]
    text = "".join(parts)
    stem = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
    stem.with_suffix(".cpp").write_text(text, "utf-8")
    library = stem.with_suffix(".so")
    command = [
        "g++",
        *FLAGS,
        *(f"-D{name}" for name in defines),
        f"-I{HERE}",
        str(stem.with_suffix(".cpp")),
        "-o",
        str(library),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulationError(done.stderr[:2000])
    return ctypes.CDLL(str(library))
