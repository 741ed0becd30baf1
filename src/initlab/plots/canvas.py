"""A picture painted by Pillow: pixels, boxes, curves and words. For those of every run, which it paints in a tenth of
the time that matplotlib needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from initlab.plots.style import INK

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

HEAD, TEXT, SMALL = 16, 13, 12  # pixels: letters of a title, of what stands below it, of names and numbers
Points = Sequence[tuple[float, float]]


class Canvas:
    """White, [height, width] pixels, (0, 0) at the top left. `finer`: painted so many times larger and made smaller at
    the end, for curves."""

    def __init__(self, width: int, height: int, finer: int = 1) -> None:
        from PIL import Image, ImageDraw

        self._finer = finer
        self._image = Image.new("RGB", (width * finer, height * finer), "white")
        self._pen = ImageDraw.Draw(self._image)

    def paint(self, x: int, y: int, colours: np.ndarray) -> None:
        """Put pixels [height, width, 3] of 0 to 255 with their top left corner there, as they are."""
        from PIL import Image

        self._image.paste(Image.fromarray(colours), (x, y))

    def box(
        self, x: float, y: float, width: float, height: float, edge: str | None = None, fill: str | None = None
    ) -> None:
        """Its edge is painted on the pixels next to it."""
        corners = (x * self._finer - 1, y * self._finer - 1, (x + width) * self._finer, (y + height) * self._finer)
        self._pen.rectangle(corners, fill, edge)

    def line(self, points: Points, colour: str, width: float = 1) -> None:
        self._pen.line(self._places(points), colour, round(width * self._finer), "curve")

    def area(self, corners: Points, colour: str) -> None:
        self._pen.polygon(self._places(corners), colour)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._pen.circle((x * self._finer, y * self._finer), radius * self._finer, colour)

    def words(
        self, x: float, y: float, text: str, size: int, anchor: str = "ls", colour: str = INK, bold: bool = False
    ) -> None:
        """`size`: pixels; `anchor`: Pillow's, l, m or r and t, m, s (the line that letters stand on) or b."""
        for shift in (0, 1) if bold else (0,):  # Pillow's own typeface has no bold face
            at = ((x + shift) * self._finer, y * self._finer)
            self._pen.text(at, text, colour, _typeface(size * self._finer), anchor=anchor)

    def width_of(self, text: str, size: int) -> int:
        """In pixels."""
        return round(self._pen.textlength(text, _typeface(size)))

    def pixels(self) -> np.ndarray:
        """[height, width, 3] of 0 to 255."""
        return np.asarray(self._image.reduce(self._finer))

    def _places(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self._finer, y * self._finer) for x, y in points]


@cache
def _typeface(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
