"""Set-up shared by every test: shapes are checked at run time, one BLAS thread, no network."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

# Started in the background, tests would hand an ignored Ctrl-C down to the programs that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One thread per test process: with pytest-xdist the processes already fill the machine. Before numpy and torch load.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from jaxtyping import config as jaxtyping_config  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

install_import_hook(["outlearn.core", "outlearn.losses", "outlearn.theory"], "beartype.beartype")

# No test asserts a time, so none may fail for being slow on a busy machine.
settings.register_profile("outlearn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("outlearn")

pytest_plugins = ["tests.small_runs", "tests.causal_models", "tests.programs"]


@pytest.fixture
def shapes_unchecked() -> Iterator[None]:
    """Leave out the checks of shapes, which take three quarters of the time of a simulation that repeats one call."""
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)


SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real tasks beside the checkout; skip the test where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real tasks (sst2, hh-helpful) are not beside this checkout")
    return SHARED_DATA


def pytest_collection_finish() -> None:
    """Keep what was imported out of garbage collection, which would go through all of it again and again."""
    gc.freeze()
