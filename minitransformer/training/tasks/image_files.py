"""Grey images from a person's files: PNG, NumPy's .npy, or IDX."""

from pathlib import Path

import numpy as np

from minitransformer.data.idx import read_idx


def read_images(file: Path) -> np.ndarray:
    """Images (N, height, width), uint8: white is 255, as in MNIST.

    .npy holds (height, width) or (N, height, width), bytes or floats from 0 to 1; IDX the same
    in bytes; any other file is read by matplotlib, its colours averaged.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or no image.
        RuntimeError: matplotlib would be needed.
    """
    if not file.is_file():
        raise FileNotFoundError(f"predict: there is no image {file}")
    if file.suffix == ".npy":
        images = read_npy(file)
    elif ".idx" in file.name or "-idx" in file.name:
        images = read_idx(file)
    else:
        images = read_picture(file)
    if images.ndim == 2:
        images = images[None]
    if images.ndim != 3 or images.size == 0:
        raise ValueError(f"predict: {file} should hold grey images, got shape {images.shape}")
    return as_bytes(file, images)


def read_npy(file: Path) -> np.ndarray:
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"predict: {file} is not an array of NumPy: {error}") from None


def read_picture(file: Path) -> np.ndarray:
    """(height, width) of a picture, the mean of its colours."""
    try:
        from matplotlib.image import imread
    except ImportError:
        raise RuntimeError(
            'predict: pictures are read by matplotlib: pip install "minitransformer[plot]"; '
            ".npy and IDX need nothing"
        ) from None
    try:
        pixels = imread(file)
    except (SyntaxError, ValueError, OSError) as error:  # what Pillow raises for no picture
        raise ValueError(f"predict: {file} is not a picture: {error}") from None
    return pixels if pixels.ndim == 2 else pixels[:, :, :3].mean(axis=2).astype(pixels.dtype)


def as_bytes(file: Path, images: np.ndarray) -> np.ndarray:
    """uint8 from bytes, or from floats between 0 and 1."""
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"predict: {file} should hold bytes, or floats from 0 to 1, got {images.dtype} from "
            f"{images.min()} to {images.max()}"
        )
    return np.round(images * 255).astype(np.uint8)
