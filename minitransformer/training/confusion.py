"""A picture of which classes are taken for which."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def draw_confusion(matrix: np.ndarray, classes: Sequence[str], picture: Path) -> bool:
    """Draw a confusion matrix (C, C), true classes down; False where matplotlib is missing.

    A square's shade is its share of its row, its number the count of rows.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    count = len(classes)
    side = 2.5 + 0.5 * count
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), number in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "0.3"
        axes.text(column, row, f"{number}", ha="center", va="center", color=colour, fontsize=8)
    names = [name if len(name) <= 20 else name[:19] + "…" for name in classes]
    axes.set_xticks(range(count), names, rotation=90 if count > 2 else 0)
    axes.set_yticks(range(count), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    scratch = picture.with_name(picture.name + ".tmp")
    figure.savefig(scratch, dpi=120, format="png", metadata={"Software": None})
    scratch.replace(picture)
    return True
