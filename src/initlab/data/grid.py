"""Draw small grey images in rows and columns, each over its label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_SIDE = 84  # pixels; about the longer side of an image as drawn, three times 28
_GAP = 10  # pixels between tiles and around them
_FONT_SIZE = 13  # pixels
_LABEL_HEIGHT = 20  # pixels under an image
_CARD, _INK = (30, 33, 40), (222, 226, 233)  # a dark card with light ink: it sits well on white and on black


def picture_grid(images: NDArray[np.uint8], labels: Sequence[str], num_columns: int) -> NDArray[np.uint8]:
    """Images uint8 [n, H, W], enlarged by a whole factor, unsmoothed -> RGB uint8 [height, width, 3]."""
    num_images, height, width = images.shape
    factor = max(1, round(_SIDE / max(height, width)))
    tile_width, tile_height = max(factor * width, _SIDE), factor * height + _LABEL_HEIGHT
    num_columns = min(num_columns, num_images)
    num_rows = -(-num_images // num_columns)
    canvas = Image.new(
        "RGB",
        (_GAP + num_columns * (tile_width + _GAP), _GAP + num_rows * (tile_height + _GAP)),
        _CARD,
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=_FONT_SIZE)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(i, num_columns)
        center = _GAP + column * (tile_width + _GAP) + tile_width // 2
        top = _GAP + row * (tile_height + _GAP)
        enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
        canvas.paste(Image.fromarray(enlarged), (center - enlarged.shape[1] // 2, top))
        draw.text((center, top + enlarged.shape[0] + 4), label, fill=_INK, font=font, anchor="ma")
    return np.asarray(canvas).copy()
