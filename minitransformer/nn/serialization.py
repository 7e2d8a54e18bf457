"""Tensors in a file, in the safetensors format: no code in it, and no half-written files.

A file is the header's length (8 bytes), the header (JSON: for each tensor its dtype, shape and
place; texts under `__metadata__`), then the numbers. Ours have a sha256 of all that in their
metadata, so that a damaged one is never loaded. The same state gives the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, deserialize

from minitransformer.devices import to_device
from minitransformer.methods import data_of

DTYPES = {"BOOL": "|b1", "BF16": "<u2"}
for kind, widths in {"F": (2, 4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}.items():
    DTYPES |= {f"{kind}{8 * width}": f"<{kind.lower()}{width}" for width in widths}
NAMES = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}

# Both stand in every file of ours, so that damage to one of the two keys is seen as well.
OURS = {"written_by": "minitransformer"}
CHECKSUM = "minitransformer_sha256"


def save(
    path: str | os.PathLike[str], state: Mapping[str, Any], metadata: dict[str, str] | None = None
) -> None:
    """Write Tensors or arrays by name, whole or not at all: a failure leaves the old file.

    Args:
        path: usually ending in .safetensors. Written under this name and `.tmp` at first.
        state: for example `model.state_dict()`.
        metadata: texts by name, for `load_metadata`.

    Raises:
        TypeError: an entry is not an array of numbers, or a metadata entry not a text.
        ValueError: a name is one that the format needs itself.
        OSError: the disk is full, the folder is missing or may not be written.
    """
    arrays = {name: host_array(name, value) for name, value in state.items()}
    # Wide dtypes first: so every tensor starts at a multiple of its own width.
    arrays = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    texts = checked_metadata(metadata or {})
    numbers = [array.reshape(-1).view(np.uint8) for array in arrays.values()]
    texts[CHECKSUM] = checksum(header_of(arrays, texts), numbers)
    text = encoded(header_of(arrays, texts))
    text += b" " * (-len(text) % 8)
    with replacing(Path(path)) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for part in numbers:
            file.write(part.data)


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a file by name; bfloat16 ones as float32, which holds them exactly.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is cut off, damaged, of another format, or has an unknown dtype.
    """
    return read(Path(path))[0]


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The texts that were saved with the tensors; the file is checked as in `load`."""
    return read(Path(path))[1]


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and texts of a file, checked."""
    content = path.read_bytes()
    try:
        entries = deserialize(content)
    except SafetensorError as error:
        raise ValueError(
            f"load: {path} is cut off, damaged, or not a safetensors file: {error}"
        ) from error
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    texts = header.get("__metadata__", {})
    found = texts.pop(CHECKSUM, None)
    if texts.items() >= OURS.items() or found is not None:
        expected = checksum(header, [memoryview(content)[start:]])
        if found != expected:
            raise ValueError(f"load: {path} is damaged: its checksum does not match its content")
    arrays = {name: as_array(path, name, **entry) for name, entry in entries}
    return arrays, {name: text for name, text in texts.items() if name not in OURS}


def as_array(path: Path, name: str, dtype: str, shape: list[int], data: bytearray) -> np.ndarray:
    """One entry's numbers."""
    if dtype not in DTYPES:
        raise ValueError(f"load: {path}: {name} has dtype {dtype}; expected {', '.join(DTYPES)}")
    array = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32.
        return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array


def host_array(name: str, value: Any) -> np.ndarray:
    """An entry as a contiguous little-endian NumPy array."""
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"save: a tensor cannot be called {name!r}")
    array = data_of(value)
    if not hasattr(array, "dtype"):
        raise TypeError(f"save: {name} should be a Tensor or an array, got {type(value).__name__}")
    array = np.ascontiguousarray(to_device(array, "cpu")).reshape(array.shape)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in NAMES:
        raise TypeError(f"save: {name} has dtype {array.dtype}, which safetensors does not know")
    return array


def checked_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The metadata and our mark."""
    for name, text in metadata.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} should be a text, got {text!r:.60}")
        if name in OURS or name == CHECKSUM:
            raise ValueError(f"save: metadata cannot be called {name}: save writes it itself")
    return {**metadata, **OURS}


def header_of(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> dict[str, Any]:
    """The header: where each array stands behind it."""
    header: dict[str, Any] = {"__metadata__": dict(texts)}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        entry = {"dtype": NAMES[array.dtype], "shape": array.shape, "data_offsets": (start, end)}
        header[name] = entry
    return header


def encoded(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def checksum(header: dict[str, Any], parts: Iterable[Any]) -> str:
    """sha256 of the header without its checksum, and of the numbers."""
    digest = hashlib.sha256(encoded(header))
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes `path`'s place when it is safely on the disk, or vanishes."""
    scratch = path.with_name(path.name + ".tmp")
    try:
        with scratch.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        kept = "; the file that was there is untouched" if path.exists() else ""
        message = f"save: cannot write {path}: {error.strerror}{kept}"
        raise OSError(error.errno, message) from error
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the new name itself on the disk; Windows does that by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
