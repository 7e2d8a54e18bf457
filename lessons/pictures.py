"""How the lessons draw: one style, and pictures saved to lessons/output/."""

import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

OUTPUT = Path(__file__).resolve().parent / "output"

if "ipykernel" not in sys.modules:
    matplotlib.use("agg")  # a script opens no window; a notebook shows its figures

plt.rcParams.update(
    {
        "figure.constrained_layout.use": True,
        "figure.dpi": 120,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
        "legend.frameon": False,
        "image.cmap": "viridis",
    }
)


def save(figure: Figure, name: str) -> None:
    """Save a figure as lessons/output/`name`, such as "01/valley.png", and say so."""
    file = OUTPUT / name
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})
    print(f"picture: lessons/output/{name}")
