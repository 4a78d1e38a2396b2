"""Things to write, read, speak and film with."""

from __future__ import annotations

from edgegsr.data.diorama.canvas import Pen, shade
from edgegsr.data.diorama.things.shapes import rounded
from edgegsr.data.diorama.things.thing import (
    BRIGHTS,
    DARKS,
    GLASS,
    INK,
    METALS,
    RUBBER,
    STEEL,
    WHITE,
    WOODS,
    Thing,
    held,
    standing,
    upright,
)


def paintbrush(pen: Pen) -> None:
    pen.limb((0, 0.13), (0, -0.08), 0.02, 0.034, pen.tint2)
    pen.box(-0.024, -0.12, 0.024, -0.06, STEEL)
    pen.poly([(-0.026, -0.12), (-0.034, -0.165), (0, -0.23), (0.034, -0.165), (0.026, -0.12)], pen.tint)


def pencil(pen: Pen) -> None:
    pen.box(-0.02, -0.1, 0.02, 0.09, pen.tint)
    pen.box(0.004, -0.1, 0.02, 0.09, shade(pen.tint, 0.75))
    pen.poly([(-0.02, -0.1), (0, -0.165), (0.02, -0.1)], (238, 208, 160))
    pen.poly([(-0.008, -0.14), (0, -0.165), (0.008, -0.14)], INK)
    pen.box(-0.02, 0.08, 0.02, 0.095, STEEL)
    pen.box(-0.02, 0.095, 0.02, 0.125, (232, 120, 130))


def chalk(pen: Pen) -> None:
    pen.limb((0, 0.035), (0, -0.075), 0.034, 0.028, pen.tint)
    pen.oval(0, 0.045, 0.014, 0.006, shade(pen.tint, 0.8))


def pointer(pen: Pen) -> None:
    pen.limb((0, 0.1), (0, -0.5), 0.024, 0.012, pen.tint)
    pen.limb((0, 0.1), (0, -0.02), 0.034, 0.03, INK)
    pen.oval(0, -0.5, 0.014, 0.016, pen.tint2)


def book(pen: Pen) -> None:
    pen.poly([(-0.15, -0.12), (0, -0.09), (0.15, -0.12), (0.15, 0.09), (0, 0.12), (-0.15, 0.09)], pen.tint)
    pen.poly([(-0.135, -0.13), (-0.06, -0.13), (0, -0.1), (0, 0.105), (-0.06, 0.075), (-0.135, 0.07)], WHITE)
    pen.poly([(0.135, -0.13), (0.06, -0.13), (0, -0.1), (0, 0.105), (0.06, 0.075), (0.135, 0.07)], shade(WHITE, 0.9))
    for y in (-0.08, -0.035, 0.01):
        pen.line([(-0.115, y), (-0.035, y + 0.01)], 0.01, shade(STEEL, 0.8))
        pen.line([(0.115, y), (0.035, y + 0.01)], 0.01, shade(STEEL, 0.8))


def newspaper(pen: Pen) -> None:
    pen.poly([(-0.2, -0.15), (0, -0.13), (0.2, -0.15), (0.2, 0.12), (0, 0.14), (-0.2, 0.12)], pen.tint)
    pen.poly([(0, -0.13), (0.2, -0.15), (0.2, 0.12), (0, 0.14)], shade(pen.tint, 0.9))
    pen.box(-0.175, -0.12, -0.025, -0.075, INK)
    pen.box(-0.175, -0.045, -0.105, 0.035, shade(STEEL, 0.75))
    for y in (-0.035, 0.0, 0.035):
        pen.line([(-0.085, y), (-0.025, y)], 0.012, shade(STEEL, 0.7))
    for y in (-0.1, -0.06, -0.02, 0.02):
        pen.line([(0.03, y), (0.17, y - 0.01)], 0.012, shade(STEEL, 0.7))
    pen.box(0.03, 0.05, 0.17, 0.095, shade(STEEL, 0.75))


def paper(pen: Pen) -> None:
    pen.poly([(-0.08, -0.12), (0.05, -0.12), (0.08, -0.09), (0.08, 0.09), (-0.08, 0.09)], pen.tint)
    pen.poly([(0.05, -0.12), (0.05, -0.09), (0.08, -0.09)], shade(pen.tint, 0.75))
    for y, x in ((-0.07, 0.04), (-0.03, 0.055), (0.01, 0.055), (0.05, 0.0)):
        pen.line([(-0.055, y), (x, y)], 0.011, shade(STEEL, 0.75))


def notebook(pen: Pen) -> None:
    rounded(pen, -0.085, -0.12, 0.085, 0.09, 0.012, pen.tint)
    pen.box(-0.085, -0.12, -0.05, 0.09, shade(pen.tint, 0.65))
    pen.box(-0.025, -0.08, 0.06, -0.03, WHITE)
    for y in (-0.09, -0.045, 0.0, 0.045):
        pen.line([(-0.1, y), (-0.065, y)], 0.014, STEEL)


def camera(pen: Pen) -> None:
    pen.box(-0.035, -0.085, 0.035, -0.04, shade(pen.tint, 0.8))
    rounded(pen, -0.095, -0.06, 0.095, 0.065, 0.018, pen.tint)
    pen.box(-0.075, -0.08, -0.045, -0.058, (200, 60, 54))
    pen.oval(0.01, 0.005, 0.052, 0.052, STEEL)
    pen.oval(0.01, 0.005, 0.038, 0.038, INK)
    pen.oval(0.0, -0.006, 0.014, 0.014, GLASS)
    pen.box(0.06, -0.045, 0.082, -0.025, WHITE)


def video_camera(pen: Pen) -> None:
    rounded(pen, -0.13, -0.06, 0.09, 0.06, 0.02, pen.tint)
    pen.poly([(0.08, -0.035), (0.13, -0.055), (0.13, 0.055), (0.08, 0.035)], shade(pen.tint, 0.6))
    pen.oval(0.135, 0, 0.012, 0.045, GLASS)
    pen.oval(-0.075, -0.1, 0.052, 0.052, shade(pen.tint, 0.75))
    pen.oval(0.025, -0.1, 0.052, 0.052, shade(pen.tint, 0.75))
    pen.oval(-0.075, -0.1, 0.02, 0.02, STEEL)
    pen.oval(0.025, -0.1, 0.02, 0.02, STEEL)
    pen.oval(0.05, -0.03, 0.014, 0.014, (224, 50, 46))
    pen.limb((-0.02, 0.06), (-0.02, 0.1), 0.05, 0.04, RUBBER)


def telephone(pen: Pen) -> None:
    rounded(pen, -0.04, -0.08, 0.04, 0.07, 0.016, pen.tint)
    pen.box(-0.03, -0.06, 0.03, 0.045, (136, 206, 236))
    pen.box(-0.02, -0.045, 0.02, -0.02, WHITE)


def laptop(pen: Pen) -> None:
    pen.poly([(-0.13, -0.03), (0.13, -0.03), (0.165, 0), (-0.165, 0)], shade(pen.tint, 0.7))
    rounded(pen, -0.14, -0.23, 0.14, -0.03, 0.014, pen.tint)
    pen.box(-0.12, -0.21, 0.12, -0.045, pen.tint2)
    pen.box(-0.1, -0.19, 0.01, -0.12, shade(pen.tint2, 1.6))
    pen.line([(-0.1, -0.09), (0.09, -0.09)], 0.014, shade(pen.tint2, 1.5))


def microphone(pen: Pen) -> None:
    pen.limb((0, 0.1), (0, -0.08), 0.032, 0.046, pen.tint)
    pen.oval(0, -0.12, 0.046, 0.052, STEEL)
    pen.box(-0.045, -0.115, 0.045, -0.1, shade(pen.tint, 0.6))
    pen.oval(-0.014, -0.14, 0.014, 0.014, WHITE)


def megaphone(pen: Pen) -> None:
    pen.poly([(-0.08, 0.1), (-0.02, 0.1), (0.06, -0.18), (-0.16, -0.18)], pen.tint)
    pen.poly([(-0.02, 0.1), (0.06, -0.18), (-0.01, -0.18), (-0.04, 0.1)], shade(pen.tint, 0.78))
    pen.limb((-0.16, -0.19), (0.06, -0.19), 0.045, 0.045, pen.tint2)
    pen.limb((-0.08, 0.11), (-0.02, 0.11), 0.035, 0.035, INK)
    pen.limb((-0.03, 0.0), (0.05, 0.02), 0.034, 0.034, INK)


DESK: dict[str, Thing] = {
    "paintbrush": held(paintbrush, BRIGHTS, WOODS),
    "pencil": held(pencil, ((246, 196, 50), *BRIGHTS)),
    "chalk": held(chalk, ((250, 250, 246), (250, 226, 130), (246, 176, 190), (170, 210, 240))),
    "pointer": held(pointer, WOODS, (WHITE, (214, 62, 52))),
    "book": upright(book, BRIGHTS),
    "newspaper": upright(newspaper, ((238, 236, 228), (226, 222, 208), (232, 228, 220))),
    "paper": upright(paper, ((250, 249, 244), (252, 240, 170), (214, 232, 246))),
    "notebook": upright(notebook, BRIGHTS),
    "camera": upright(camera, (*DARKS, (150, 60, 54))),
    "video_camera": upright(video_camera, (*DARKS, *METALS[1:2])),
    "telephone": upright(telephone, (*DARKS[:1], (40, 42, 48), (196, 60, 60), (230, 230, 232))),
    "laptop": standing(laptop, METALS, ((70, 130, 190), (60, 150, 130), (90, 80, 150))),
    "microphone": held(microphone, DARKS),
    "megaphone": held(megaphone, BRIGHTS[:5], (WHITE, (244, 214, 80))),
}
