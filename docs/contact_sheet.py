"""Draws docs/diorama.jpg, sixty random scenes with their verbs:  python docs/contact_sheet.py"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from edgegsr.data.diorama import script
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.stage import scene

COLUMNS, ROWS, TILE, CAPTION, GAP = 10, 6, 160, 18, 6
OUT = Path(__file__).with_name("diorama.jpg")


def main() -> None:
    verbs = Dice("contact sheet").shuffle(list(script.verbs()))[: COLUMNS * ROWS]
    sheet = Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, ROWS * (TILE + CAPTION + GAP) + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for i, verb in enumerate(verbs):
        x, y = GAP + i % COLUMNS * (TILE + GAP), GAP + i // COLUMNS * (TILE + CAPTION + GAP)
        picture = Image.fromarray(scene("contact sheet", i, verb).pixels)
        sheet.paste(ImageOps.fit(picture, (TILE, TILE), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + TILE / 2, y + TILE + CAPTION / 2), verb, fill=(40, 40, 48), font=font, anchor="mm")
    sheet.save(OUT, quality=88)
    print(OUT)


if __name__ == "__main__":
    main()
