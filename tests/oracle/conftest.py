"""The shelf of checkpoints and the answers of the reference implementations, each made once a session."""

import pytest

from tests.oracle.shelf import Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Checkpoints by case, built when first asked for."""
    return Shelf(tmp_path_factory.mktemp("checkpoints"))
