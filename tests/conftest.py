"""How the suite is run.

HYPOTHESIS_PROFILE=thorough             many more random cases; `few`: two a test
--fail-on-skip                          a test that is skipped has failed
MINITRANSFORMER_TEST_NO_NUMBA=1         the textbook alone, as where numba is not installed
NUMBA_THREADING_LAYER=workqueue         Numba's own thread pool, as where there is no TBB
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cuda_on_cpu.check import strict_device
from hypothesis import HealthCheck, settings

from minitransformer import random

common = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
settings.register_profile("quick", max_examples=20, database=None, **common)
settings.register_profile("few", max_examples=2, database=None, **common)
settings.register_profile("thorough", max_examples=500, database=None, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A shell's background jobs ignore Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.get("MINITRANSFORMER_TEST_NO_NUMBA"):
    sys.modules["numba"] = None  # type: ignore[assignment]
    collect_ignore = ["test_exercises.py"]  # kernels are off in exercises; one is to write one


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test has failed")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = (yield).get_result()
    if report.skipped and item.config.getoption("--fail-on-skip"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr[2]}"


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("MINITRANSFORMER_TEST_NO_NUMBA"):
        config.addinivalue_line("filterwarnings", "ignore:no cpu kernels:RuntimeWarning")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random numbers, whatever ran before it."""
    random.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where data sets are looked for: empty, and not there yet."""
    monkeypatch.setenv("MINITRANSFORMER_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name by which the engine knows the device asked for, which is ready to be used."""
    if request.param == "strict":
        with strict_device():
            yield "cuda"
    else:
        yield request.param
