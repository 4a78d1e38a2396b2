"""Photos to look at where nobody has any: shapes of a seed, of the size that cameras send. numpy, pillow."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from edgegsr.files import write_whole

SIZE_WH = (640, 480)


def made(folder: Path, count: int) -> list[Path]:
    """So many JPEG files."""
    dice = np.random.default_rng(0)
    paths = [folder / f"made_{i:03}.jpg" for i in range(count)]
    for path in paths:
        coarse, drawn = dice.integers(0, 256, (12, 16, 3), np.uint8), BytesIO()
        Image.fromarray(coarse).resize(SIZE_WH, Image.Resampling.BICUBIC).save(drawn, "JPEG", quality=90)
        write_whole(path, drawn.getvalue())
    return paths
