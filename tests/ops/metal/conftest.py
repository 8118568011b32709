"""The emulator, where there is a compiler to build it with."""

import platform
import shutil

import pytest

from tests.ops.metal.emulation import Complete, Edit, Emulator, MakeEmulator


@pytest.fixture(scope="session")
def make_emulator(tmp_path_factory: pytest.TempPathFactory) -> MakeEmulator:
    """Makes emulators; see `Emulator` for the arguments."""
    if platform.system() != "Linux" or shutil.which("g++") is None:
        pytest.skip("the emulator needs Linux, for fibers from ucontext, and g++")

    def make(
        edit: Edit | None = None, order: int = 0, complete: Complete | None = None, defines: tuple[str, ...] = ()
    ) -> Emulator:
        return Emulator(tmp_path_factory.mktemp("kernels"), edit, order, complete, defines)

    return make


@pytest.fixture(scope="session")
def emulator(make_emulator: MakeEmulator) -> Emulator:
    """The kernels as they are."""
    return make_emulator()
