"""Pictures of numbers as SVG: lines over steps, and a square of shares. Colours are classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 30
COLOURS = 6  # line colours that the style sheet has
MOST_POINTS = 300


@dataclass(frozen=True)
class Plane:
    """From values to places on the chart."""

    most_x: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / (self.most_x or 1)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - self.low) / (self.high - self.low))


def line_chart(title: str, series: Mapping[str, Points]) -> str:
    """A figure of lines over training steps, with a legend that tells the last value of each."""
    lines = {name: thinned(points) for name, points in series.items() if points}
    if not lines:
        return ""
    low, high, ticks = scale([y for points in lines.values() for _, y in points])
    plane = Plane(max(x for points in lines.values() for x, _ in points), low, high)
    parts = [_tick_y(plane.y(tick), f"{tick:g}") for tick in ticks]
    parts += [_tick_x(plane.x(plane.most_x * share), f"{plane.most_x * share:,.0f}") for share in (0, 0.5, 1)]
    parts += [_line(plane, points, f"c{i % COLOURS}") for i, points in enumerate(lines.values())]
    legend = "".join(
        f'<span><i class="c{i % COLOURS}"></i>{escape(name)} <b>{points[-1][1]:.3g}</b></span>'
        for i, (name, points) in enumerate(lines.items())
    )
    name = escape(title)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">{"".join(parts)}</svg>'
    return f'<figure class="chart"><figcaption>{name}</figcaption>{svg}<div class="legend">{legend}</div></figure>'


def bar_chart(title: str, bars: Mapping[str, tuple[float, str]]) -> str:
    """A figure of horizontal bars: for each name a share, and what to write beside it."""
    rows = [
        f'<div class="bar"><span>{escape(name)}</span><i style="width:{100 * value:.1f}%"></i>'
        f"<b>{escape(text)}</b></div>"
        for name, (value, text) in bars.items()
    ]
    head = f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
    return f'{head}<div class="bars">{"".join(rows)}</div></figure>'


def scatter(title: str, points: Mapping[str, tuple[float, float]], x: str, y: str, *, named: bool = True) -> str:
    """A figure of points joined in their order; both axes start at 0. The legend names them, or their tips alone."""
    low, high, ticks = scale([value for _, value in points.values()])
    _, most_x, ticks_x = scale([value for value, _ in points.values()])
    plane = Plane(most_x, low, high)
    parts = [_tick_y(plane.y(tick), f"{tick:g}") for tick in ticks]
    parts += [_tick_x(plane.x(tick), f"{tick:g}") for tick in ticks_x]
    path = " ".join(f"{plane.x(a):.1f},{plane.y(b):.1f}" for a, b in points.values())
    parts.append(f'<polyline class="c5" points="{path}"/>')
    for i, (name, (a, b)) in enumerate(points.items()):
        dot = f'<circle class="c{i % COLOURS}" cx="{plane.x(a):.1f}" cy="{plane.y(b):.1f}" r="5">'
        parts.append(f"{dot}<title>{escape(f'{name}: {a:.3g} {x}, {b:.3g} {y}')}</title></circle>")
    legend = "".join(
        f'<span><i class="c{i % COLOURS}"></i>{escape(name)} <b>{b:.3g}</b></span>'
        for i, (name, (_, b)) in enumerate(points.items() if named else ())
    )
    label = escape(f"{title}: {y} over {x}")
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return f'<figure class="chart"><figcaption>{label}</figcaption>{svg}<div class="legend">{legend}</div></figure>'


def heat_map(shares: Sequence[Sequence[float]], labels: Sequence[str], breaks: Sequence[int] = ()) -> str:
    """Rows of shares in [0, 1] as shaded cells; lines after the rows in `breaks` set groups apart."""
    n, cell = len(labels), 10 if len(labels) > 24 else 18
    room = 10 + round(0.62 * cell * max(map(len, labels)))  # of the longest label
    size, end = room + n * cell + 2, room + n * cell
    parts = [f'<rect class="ground" x="{room}" y="{room}" width="{n * cell}" height="{n * cell}"/>']
    for row, values in enumerate(shares):
        for column, share in enumerate(values):
            if share > 0:
                x, y, kind = room + column * cell, room + row * cell, "right" if row == column else "wrong"
                tip = f"{labels[row]} taken for {labels[column]}: {share:.0%}"
                parts.append(
                    f'<rect class="{kind}" x="{x}" y="{y}" width="{cell}" height="{cell}" '
                    f'fill-opacity="{0.15 + 0.85 * share:.2f}"><title>{escape(tip)}</title></rect>'
                )
    parts += [
        f'<path class="break" d="M{room} {at}H{end}M{at} {room}V{end}"/>' for at in (room + b * cell for b in breaks)
    ]
    for i, label in enumerate(labels):
        base, name = room + (i + 0.82) * cell, escape(label)
        parts.append(f'<text x="{room - 4}" y="{base:.1f}" text-anchor="end">{name}</text>')
        parts.append(f'<text transform="translate({base:.1f} {room - 4}) rotate(-90)">{name}</text>')
    style = f"max-width:{1.2 * size:.0f}px;font-size:{0.92 * cell:.1f}px"
    head = f'<svg class="heat" viewBox="0 0 {size} {size}" style="{style}" role="img" aria-label="confusion of verbs">'
    return f"{head}{''.join(parts)}</svg>"


def scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Bounds around the values, and round numbers between them; values that are not negative start at 0."""
    low, high = min(0.0, *values), max(0.0, *values)
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-9)))
    step = next(step * share for share in (0.2, 0.5, 1, 2) if (high - low) / (step * share) <= 6)
    bottom, top = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return bottom * step, top * step, [round(i * step, 10) for i in range(bottom, top + 1)]


def thinned(points: Points) -> list[tuple[float, float]]:
    """Few enough points for a page: means of neighbours, the last one as it is."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size < 2:
        return list(points)
    chunks = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(x for x, _ in chunk) / len(chunk), sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]
    return [*means[:-1], points[-1]]


def _line(plane: Plane, points: Points, colour: str) -> str:
    path = " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in points)
    x, y = points[-1]
    dot = f'<circle class="{colour}" cx="{plane.x(x):.1f}" cy="{plane.y(y):.1f}" r="3"/>'
    return f'<polyline class="{colour}" points="{path}"/>{dot}'


def _tick_y(y: float, text: str) -> str:
    line = f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'


def _tick_x(x: float, text: str) -> str:
    anchor = "end" if x > WIDTH - RIGHT - 1 else "start" if x <= LEFT else "middle"
    return f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">{escape(text)}</text>'
