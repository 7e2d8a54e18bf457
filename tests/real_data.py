"""Data sets and weights that tests read where they lie in the cache, or where CI fetches them."""

import os
from functools import cache
from pathlib import Path

import pytest

from minitransformer import data

ONLINE = bool(os.environ.get("MINITRANSFORMER_TEST_ONLINE"))  # then nothing is skipped


@cache
def folder_of(name: str) -> Path:
    """The folder of one of `data.WHEELS`; skips the test where it is not here."""
    try:
        return data.fetch(name, download=ONLINE)
    except FileNotFoundError:
        pytest.skip(f"{name} is not in the cache")
