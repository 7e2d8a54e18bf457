"""Where numba cannot be imported the textbook serves, after one warning."""

import os
import subprocess
import sys

CODE = """
import sys, warnings
if {blocked}:
    sys.modules["numba"] = None
import numpy as np
import minitransformer as mt
from minitransformer import functional as F

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    x = mt.tensor(np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4), requires_grad=True)
    y = F.gelu(F.layer_norm(x, 4))
    y = F.scaled_dot_product_attention(y, y, y, is_causal=True).softmax()
    F.cross_entropy(y[:, -1], np.array([1, 2])).backward()
print(len(caught))
for warning in caught:
    print(warning.message)
print(*x.grad.ravel())
"""


def run(blocked: bool) -> tuple[list[str], list[float]]:
    """The warnings and the gradient of a small model, in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(blocked=blocked)],
        capture_output=True,
        text=True,
        env=os.environ,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    count, *lines = done.stdout.splitlines()
    return lines[: int(count)], [float(word) for word in lines[-1].split()]


def test_one_warning_and_the_same_gradients():
    warnings, gradient = run(blocked=True)
    assert len(warnings) == 1
    assert warnings[0].startswith("no cpu kernels (")
    assert "numba" in warnings[0] and warnings[0].endswith("the textbook ops serve, slower")
    silent, expected = run(blocked=bool(os.environ.get("MINITRANSFORMER_TEST_NO_NUMBA")))
    assert len(silent) == len(warnings) * bool(os.environ.get("MINITRANSFORMER_TEST_NO_NUMBA"))
    assert max(abs(a - b) for a, b in zip(gradient, expected, strict=True)) < 1e-7
    assert max(map(abs, expected)) > 1e-4
