"""`report.plot()`: the gradient due, the one that came, and where they differ."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .report import Report


def draw(report: "Report") -> Any:
    """A row of three pictures for each input compared. Needs matplotlib."""
    from matplotlib.figure import Figure

    rows = [c for c in report.comparisons if c.expected.size] or []
    figure = Figure(figsize=(9, 0.6 + 2.4 * max(len(rows), 1)), layout="constrained")
    figure.suptitle(report.subject)
    for row, comparison in enumerate(rows):
        limit = float(np.abs(comparison.expected).max()) or 1.0
        panels = (
            ("expected", comparison.expected, "RdBu", limit),
            ("got", comparison.got, "RdBu", limit),
            ("wrong", comparison.wrong.astype(float), "Reds", 1.0),
        )
        for column, (title, values, colours, top) in enumerate(panels):
            axes = figure.add_subplot(len(rows), 3, 3 * row + column + 1)
            bottom = 0.0 if title == "wrong" else -top
            axes.imshow(_flat(values), cmap=colours, vmin=bottom, vmax=top, aspect="auto")
            axes.set_title(f"{title}, {comparison.name}", fontsize="medium")
            axes.set_xticks([])
            axes.set_yticks([])
    return figure


def _flat(values: np.ndarray) -> np.ndarray:
    """Any array as a picture: the last axis across, the others stacked downwards."""
    values = np.atleast_2d(values)
    return values.reshape(-1, values.shape[-1])
