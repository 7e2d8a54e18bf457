"""IDX, the file format of MNIST: a magic number, the axis lengths, then the bytes."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 0x08
PARTS = {"train": "train", "test": "t10k"}  # how the files of each part begin


def read_idx(file: Path) -> np.ndarray:
    """The array of unsigned bytes in an IDX file, plain or gzipped.

    Raises ValueError where the file is not IDX, of another type, or cut off; OSError where it
    cannot be read.
    """
    data = file.read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"read_idx: {file} is damaged or cut off: {error}") from None
    if len(data) < 4 or data[:2] != b"\0\0":
        magic = data[:4].hex(" ") or "an empty file"
        raise ValueError(f"read_idx: {file} is not IDX: expected to begin 00 00, got {magic}")
    kind, ndim = data[2], data[3]
    if kind != UNSIGNED_BYTE:
        raise ValueError(f"read_idx: {file} holds type 0x{kind:02X}, expected bytes (0x08)")
    begin = 4 + 4 * ndim
    if len(data) < begin:
        raise ValueError(f"read_idx: {file} is cut off within its header")
    shape = struct.unpack(f">{ndim}I", data[4:begin])
    due = int(np.prod(shape, dtype=np.int64))
    if len(data) - begin != due:
        raise ValueError(
            f"read_idx: {file} says shape {shape}, {due} bytes, but {len(data) - begin} follow"
        )
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape).copy()


def read_idx_images(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """(images (N, H, W) uint8, labels (N,) int64) of a part, "train" or "test", of `folder`."""
    images = _find(folder, part, "images", 3)
    labels = _find(folder, part, "labels", 1)
    x, y = read_idx(images), read_idx(labels)
    for file, array, ndim in ((images, x, 3), (labels, y, 1)):
        if array.ndim != ndim:
            raise ValueError(f"read_idx: {file}: expected {ndim} axes, got shape {array.shape}")
    if len(x) != len(y):
        raise ValueError(
            f"read_idx: {folder}: {len(x)} images but {len(y)} labels in the {part} part"
        )
    return x, y.astype(np.int64)


def _find(folder: Path, part: str, what: str, ndim: int) -> Path:
    """The file of a part, with the name that MNIST gives it: a dot or a dash, .gz or not."""
    stem = f"{PARTS[part]}-{what}"
    for name in (f"{stem}-idx{ndim}-ubyte", f"{stem}.idx{ndim}-ubyte"):
        for file in (folder / name, folder / f"{name}.gz"):
            if file.is_file():
                return file
    raise FileNotFoundError(f"read_idx: {folder} has no {stem}-idx{ndim}-ubyte, plain or .gz")
