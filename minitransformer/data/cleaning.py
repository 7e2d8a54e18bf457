"""Making inputs alike before a model sees them: texts without debris, pixels around zero."""

import re
import unicodedata

import numpy as np

BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
SPACE = re.compile(r"\s+")

# The codes 0x80 to 0x9F are control characters, but in real texts they are nearly always
# quotation marks and dashes of Windows-1252 that were read as Latin-1.
REPAIRS = dict.fromkeys((*range(32), *range(127, 160), 65279, 65533), " ")
for _code in range(0x80, 0xA0):
    if _mended := bytes([_code]).decode("cp1252", errors="ignore"):
        REPAIRS[_code] = _mended


def clean_text(text: str) -> str:
    """`text` without `<br />` and control characters, composed (NFC), one space between words.

    Characters of Windows-1252 that were read as control characters are restored. Letters, case
    and punctuation stay as they are.
    """
    text = BREAK.sub(" ", text).translate(REPAIRS)
    return SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()


def normalize_images(images: np.ndarray, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """(pixel / 255 - mean) / std, in float32; of the shape of `images`, which are uint8.

    Take the mean and the standard deviation of the training images / 255, for the held-out ones
    too. Raises ValueError where the images are not uint8, or std is not above 0.
    """
    if images.dtype != np.uint8:
        raise ValueError(f"normalize_images: expected pixels in uint8, got {images.dtype}")
    if not std > 0:
        raise ValueError(f"normalize_images: std must be above 0, got {std}")
    return ((images.astype(np.float32) / 255 - mean) / std).astype(np.float32)
