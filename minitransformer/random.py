"""The one source of randomness: NumPy's Philox, seeded, on the host.

Draws for the GPU are made here too and uploaded, or grown from a drawn seed by a counter,
so that a seed gives the same numbers on every device.
"""

from typing import Any

import numpy as np

_generator = np.random.Generator(np.random.Philox())


def manual_seed(seed: int) -> None:
    """Start the generator afresh from `seed`, a non-negative integer."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"manual_seed: expected a non-negative integer, got {seed!r}")
    global _generator
    _generator = np.random.Generator(np.random.Philox(seed))


def generator() -> np.random.Generator:
    """The generator that weights, shuffles and dropout seeds are drawn from."""
    return _generator


def draw_seed() -> int:
    """A fresh 63-bit seed, for a mask that can be grown again from it."""
    return int(_generator.integers(1 << 63))


def get_state() -> dict[str, Any]:
    """The generator's state, ready for JSON."""
    state = _generator.bit_generator.state
    words = {key: [int(word) for word in state["state"][key]] for key in ("counter", "key")}
    buffer = [int(word) for word in state["buffer"]]
    return {**state, "state": words, "buffer": buffer}


def set_state(state: dict[str, Any]) -> None:
    """Continue exactly where `get_state` was taken."""
    words = {key: np.array(state["state"][key], np.uint64) for key in ("counter", "key")}
    buffer = np.array(state["buffer"], np.uint64)
    _generator.bit_generator.state = {**state, "state": words, "buffer": buffer}
