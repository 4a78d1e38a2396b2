"""A situation as a picture for people: the photo with a labelled box a role, the verb under it. numpy, pillow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from edgegsr.runtime.couples import couples
from edgegsr.runtime.labels import place
from edgegsr.situation import Box, Interaction, Situation

READABLE = 640  # smaller photos are enlarged to this longest side
NARROWEST = 360  # what is narrower stands on a wider ground
COLOURS = ("#ff9230", "#45b4ff", "#4ade8b", "#ff7ab5", "#ffdf45", "#c3a0ff")  # of the roles, in the order of the frame
INK, PANEL, WHITE, DIM = "#0d1116", "#161a20", "#ffffff", "#a3adb9"
NOTHING = "nothing"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Label:
    """A role and its noun as they are written, and where the filler is in the drawn photo."""

    text: str
    colour: str
    box_xyxy: Box | None


@dataclass(frozen=True)
class Style:
    """Sizes that suit a picture of this longest side."""

    longest: int

    @property
    def text_px(self) -> int:
        return round(0.7 * math.sqrt(self.longest))

    @property
    def line_px(self) -> int:
        return max(2, round(self.text_px / 7))

    @property
    def gap_px(self) -> int:
        return max(3, round(self.text_px / 3))

    @cached_property
    def text(self) -> Font:
        return ImageFont.load_default(self.text_px)

    @cached_property
    def title(self) -> Font:
        return ImageFont.load_default(round(1.5 * self.text_px))


def draw(pixels: npt.NDArray[np.uint8], situation: Situation, words: Mapping[str, str] | None = None) -> Image.Image:
    """The photo with its boxes and a caption; `words` turns the ids of nouns into what people call them."""
    photo, scale, left = _photo(pixels)
    style, labels = Style(max(photo.size)), _labels(situation, words or {}, scale, left)
    _draw_boxes(photo, [label for label in labels if label.box_xyxy], style)
    caption = _caption(photo.width, situation, [label for label in labels if not label.box_xyxy], style)
    picture = Image.new("RGB", (photo.width, photo.height + caption.height))
    picture.paste(photo)
    picture.paste(caption, (0, photo.height))
    return picture


def draw_pairs(pixels: npt.NDArray[np.uint8], interactions: Sequence[Interaction]) -> Image.Image:
    """The photo with a colour a couple: human, object, and what is done on the line between them."""
    photo, scale, left = _photo(pixels)
    style, pen = Style(max(photo.size)), ImageDraw.Draw(photo)
    labels = []
    for couple, colour in zip(couples(interactions), cycle(COLOURS)):
        given = filter(None, (couple.human_xyxy, couple.object_xyxy))
        there = [(left + scale * x1, scale * y1, left + scale * x2, scale * y2) for x1, y1, x2, y2 in given]
        pen.line([_middle(box) for box in there], fill=colour, width=style.line_px)
        _outline(pen, there[0], colour, style.line_px, photo.size)
        labels.append(Label(spoken(f"{', '.join(couple.verbs)}: {couple.noun}"), colour, there[-1]))
    _draw_boxes(photo, labels, style)
    return photo


def _photo(pixels: npt.NDArray[np.uint8]) -> tuple[Image.Image, float, int]:
    """The photo large and wide enough for text, how much it was enlarged, and where it starts from the left."""
    scale = max(1.0, READABLE / max(pixels.shape[:2]))
    height, width = (max(1, round(scale * length)) for length in pixels.shape[:2])
    photo = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    stage = Image.new("RGB", (max(width, NARROWEST), height), PANEL)
    stage.paste(photo, (left := (stage.width - width) // 2, 0))
    return stage, scale, left


def _labels(situation: Situation, words: Mapping[str, str], scale: float, left: int) -> list[Label]:
    labels = []
    for (role, filler), colour in zip(situation.fillers.items(), COLOURS):
        text = spoken(f"{role}: {words.get(filler.noun, filler.noun) or NOTHING}")
        shown = filler.box_xyxy if filler.noun else None  # a box around nothing is none to look at
        x1, y1, x2, y2 = (scale * edge for edge in shown or (0, 0, 0, 0))
        labels.append(Label(text, colour, (left + x1, y1, left + x2, y2) if shown else None))
    return labels


def _draw_boxes(photo: Image.Image, labels: Sequence[Label], style: Style) -> None:
    pen = ImageDraw.Draw(photo)
    boxes = [label.box_xyxy for label in labels if label.box_xyxy]
    for label, box in zip(labels, boxes):
        _outline(pen, box, label.colour, style.line_px, photo.size)
    texts = [_shortened(label.text, style.text, photo.width - 4 * style.gap_px) for label in labels]
    sizes_wh = [_tag_wh(text, style) for text in texts]
    for label, text, spot in zip(labels, texts, place(boxes, sizes_wh, photo.size)):
        pen.rounded_rectangle((*spot[:2], spot[2] - 1, spot[3] - 1), style.gap_px, label.colour, INK)
        pen.text(_middle(spot), text, INK, style.text, anchor="mm")


def _outline(pen: ImageDraw.ImageDraw, box: Box, colour: str, line_px: int, picture_wh: tuple[int, int]) -> None:
    """A coloured frame between two thin dark ones, to stand out on any ground."""
    x2, y2 = (max(low, min(high, edge - 1)) for low, high, edge in zip(box[:2], box[2:], picture_wh))
    x1, y1 = min(box[0], x2), min(box[1], y2)
    pen.rectangle((x1, y1, x2, y2), outline=INK, width=line_px + 2)
    pen.rectangle((x1 + 1, y1 + 1, max(x1 + 1, x2 - 1), max(y1 + 1, y2 - 1)), outline=colour, width=line_px)


def _caption(width: int, situation: Situation, labels: Sequence[Label], style: Style) -> Image.Image:
    """The verb and how sure it is, and the roles that have no box."""
    margin, line_height = 2 * style.gap_px, round(1.5 * style.text_px)
    rows = _rows(labels, width - 2 * margin, style)
    title_height = round(2.2 * style.text_px)
    height = title_height + line_height * len(rows) + margin
    caption = Image.new("RGB", (width, height), PANEL)
    pen = ImageDraw.Draw(caption)
    _title(pen, situation, width, margin, style)
    for i, row in enumerate(rows):
        left, middle = float(margin), title_height + line_height * (i + 0.5)
        for label in row:
            dot = (left, middle - style.gap_px, left + 2 * style.gap_px, middle + style.gap_px)
            pen.ellipse(dot, fill=label.colour)
            pen.text((left + 3 * style.gap_px, middle), label.text, WHITE, style.text, anchor="lm")
            left += _note_width(label, style)
    return caption


def _title(pen: ImageDraw.ImageDraw, situation: Situation, width: int, margin: int, style: Style) -> None:
    """The verb large, its confidence beside it, and what else it could be where there is room."""
    base = margin + round(1.2 * style.text_px)
    sure = f"{situation.confidence:.0%}"
    verb = _shortened(spoken(situation.verb), style.title, width - 3 * margin - style.text.getlength(sure))
    pen.text((margin, base), verb, WHITE, style.title, anchor="ls")
    left = 1.5 * margin + style.title.getlength(verb)
    pen.text((left, base), sure, DIM, style.text, anchor="ls")
    left += style.text.getlength(sure) + 2 * margin
    others = [
        f"{spoken(verb)} {share:.0%}" for verb, share in situation.verbs if verb != situation.verb and share >= 0.005
    ]
    while others and left + style.text.getlength("   ".join(others)) > width - margin:
        others.pop()
    pen.text((width - margin, base), "   ".join(others), DIM, style.text, anchor="rs")


def _rows(labels: Sequence[Label], width: float, style: Style) -> list[list[Label]]:
    """The labels in lines that are not wider than the caption."""
    rows: list[list[Label]] = []
    room = 0.0
    for label in labels:
        short = Label(_shortened(label.text, style.text, width - 3 * style.gap_px), label.colour, None)
        if _note_width(short, style) - 4 * style.gap_px > room:
            rows.append([])
            room = width
        rows[-1].append(short)
        room -= _note_width(short, style)
    return rows


def _note_width(label: Label, style: Style) -> float:
    return style.text.getlength(label.text) + 7 * style.gap_px


def _tag_wh(text: str, style: Style) -> tuple[int, int]:
    return math.ceil(style.text.getlength(text)) + 2 * style.gap_px, round(1.45 * style.text_px)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def spoken(word: str) -> str:
    """A name as people write it."""
    return word.replace("_", " ")


def _shortened(text: str, font: Font, width: float) -> str:
    """As much of the text as fits, with dots where it was cut."""
    if font.getlength(text) <= width:
        return text
    return next((cut for n in range(len(text), 0, -1) if font.getlength(cut := f"{text[:n].rstrip()}…") <= width), "…")
