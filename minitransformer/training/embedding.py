"""What `minitransformer embed` does: the lines of a file as points, and which lie close."""

from pathlib import Path

import numpy as np
from rich.console import Console

from minitransformer.models.sentences import SentenceEncoder, closest_pairs, nearest
from minitransformer.nn.serialization import replacing, save
from minitransformer.training.generation import printable

KINDS = (".npy", ".safetensors")


def embed_command(
    console: Console, folder: Path, file: Path, like: str | None, out: Path | None
) -> None:
    """Print the ten lines nearest to `like`, or the ten closest pairs; write all points to `out`.

    Raises:
        FileNotFoundError: the folder or the file is not there.
        ValueError: the file has no text, or one of another ending than KINDS is to be written.
    """
    if out is not None and out.suffix not in KINDS:
        raise ValueError(f"embed: --out should end in {' or '.join(KINDS)}, got {out.name}")
    lines = read_lines(file)
    encoder = SentenceEncoder.from_pretrained(folder)
    points = encoder.encode(lines)
    if out is not None:
        write_points(out, points)
        console.print(f"{len(points):,} points of {points.shape[1]} numbers written to {out}")
    if like is not None:
        for cosine, row in nearest(points, encoder.encode([like])[0]):
            console.print(f"{cosine:.3f}  {printable(lines[row])}")
        return
    for cosine, row, other in closest_pairs(points):
        console.print(f"{cosine:.3f}  {printable(lines[row])}\n       {printable(lines[other])}")


def read_lines(file: Path) -> list[str]:
    """The lines of a text file that are not blank."""
    if not file.is_file():
        raise FileNotFoundError(f"embed: there is no file {file}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"embed: {file} is not UTF-8: byte {error.start}") from None
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise ValueError(f"embed: {file} has no line of text")
    return lines


def write_points(out: Path, points: np.ndarray) -> None:
    """Whole or not at all, as .npy or as `embeddings` in a safetensors file."""
    if out.suffix == ".safetensors":
        save(out, {"embeddings": points})
        return
    with replacing(out) as file:
        np.save(file, points)
