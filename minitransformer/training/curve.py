"""A picture of the loss by step."""

from pathlib import Path

from minitransformer.training.log import read_log


def draw_loss_curve(log: Path, picture: Path) -> bool:
    """Draw the training and validation loss of a log; False where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    entries = read_log(log)
    train = [(e["step"], e["loss"]) for e in entries if "loss" in e]
    held_out = [(e["step"], e["validation_loss"]) for e in entries if "validation_loss" in e]
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if train:
        axes.plot(*zip(*train, strict=True), color="0.75", linewidth=0.8, label="training batch")
        axes.plot(*zip(*smooth(train), strict=True), color="tab:blue", label="training, smoothed")
    if held_out:
        axes.plot(*zip(*held_out, strict=True), "o-", color="tab:orange", label="held-out text")
        step, loss = held_out[-1]
        axes.annotate(f"{loss:.3f}", (step, loss), (6, 0), textcoords="offset points", va="center")
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats a token)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120, metadata={"Software": None})
    return True


def smooth(points: list[tuple[int, float]], memory: float = 0.95) -> list[tuple[int, float]]:
    """A running average that is unbiased from its first point on."""
    total = weight = 0.0
    averaged = []
    for step, value in points:
        total = memory * total + (1 - memory) * value
        weight = memory * weight + (1 - memory)
        averaged.append((step, total / weight))
    return averaged
