"""Pictures of numbers as SVG: lines, points, bars, a square of shares. Colours are classes of the page's style."""

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
    least_x: float = 0.0

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.least_x) / (self.most_x - self.least_x or 1)

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
    return _figure(title, parts, {name: short(points[-1][1]) for name, points in lines.items()})


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
    return _figure(f"{title}: {y} over {x}", parts, {name: short(b) for name, (_, b) in points.items() if named})


def frontier(title: str, points: Mapping[str, tuple[float, float]], shapes: Mapping[str, str], x: str, y: str) -> str:
    """A figure of points over a logarithmic axis, and the line that no point lies above and left of.

    A shape is one of `SHAPES`.
    """
    low, high, ticks = scale([value for _, value in points.values()])
    ticks_x = log_ticks([value for value, _ in points.values()])
    plane = Plane(math.log10(ticks_x[-1]), low, high, math.log10(ticks_x[0]))
    at = {name: (plane.x(math.log10(a)), plane.y(b)) for name, (a, b) in points.items()}
    parts = [_tick_y(plane.y(tick), f"{tick:g}") for tick in ticks]
    parts += [_tick_x(plane.x(math.log10(tick)), f"{tick:g}") for tick in ticks_x]
    (first_x, first_y), *others = [at[name] for name in unbeaten(points)]
    path = f"M{first_x:.1f} {first_y:.1f}" + "".join(f"H{a:.1f}V{b:.1f}" for a, b in others)
    parts.append(f'<path class="frontier" d="{path}H{WIDTH - RIGHT}"/>')
    for i, (name, (a, b)) in enumerate(points.items()):
        tip = f"<title>{escape(f'{name}: {a:.3g} {x}, {b:.3g} {y}')}</title>"
        parts.append(SHAPES[shapes[name]](f"c{i % COLOURS}", *at[name], tip))
    return _figure(f"{title}: {y} over {x}", parts, {name: short(b) for name, (_, b) in points.items()})


def unbeaten(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names, from left to right, of points that none is left of or above without being below or right of."""
    found: list[str] = []
    for name, (_, y) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not found or y > points[found[-1]][1]:
            found.append(name)
    return found


def histogram(
    title: str, edges: Sequence[float], counts: Sequence[float], marks: Mapping[str, float], colour: int = 0
) -> str:
    """A figure of how often values lie between edges; marks are values with lines of their own."""
    low, high, ticks = scale(counts)
    plane = Plane(edges[-1], low, high, edges[0])
    parts = [_tick_y(plane.y(tick), f"{tick:g}") for tick in ticks]
    parts += [_tick_x(plane.x(value), short(value)) for value in (edges[0], (edges[0] + edges[-1]) / 2, edges[-1])]
    for left, right, count in zip(edges, edges[1:], counts):
        x, y = plane.x(left), plane.y(count)
        box = f'x="{x:.1f}" y="{y:.1f}" width="{plane.x(right) - x:.2f}" height="{plane.y(0) - y:.1f}"'
        parts.append(f'<rect class="c{colour % COLOURS}" {box}/>' * (count > 0))
    for i, (name, value) in enumerate(marks.items()):
        x, y = plane.x(min(value, edges[-1])), TOP + 10 + 13 * i
        anchor, beside = ("end", -4) if x > WIDTH / 2 else ("start", 4)
        parts.append(f'<path class="mark" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        place = f'x="{x + beside:.1f}" y="{y}" text-anchor="{anchor}"'
        parts.append(f'<text class="tag" {place}>{escape(name)} {short(value)}</text>')
    return _figure(title, parts, {})


def stacked_bars(title: str, bars: Mapping[str, Mapping[str, float]], unit: str, *, shares: bool = False) -> str:
    """A figure of horizontal bars made of parts, each as long as its sum; with `shares` all of them equally long."""
    parts = list(dict.fromkeys(part for bar in bars.values() for part in bar))
    most, rows = max(sum(bar.values()) for bar in bars.values()) or 1, []
    for name, bar in bars.items():
        whole = sum(bar.values())
        per_cent = 100 / ((whole if shares else most) or 1)
        pieces = "".join(
            f'<i class="c{parts.index(part) % COLOURS}" style="width:{per_cent * value:.2f}%" '
            f'title="{escape(f"{part}: {short(value)} {unit}")}"></i>'
            for part, value in bar.items()
        )
        rows.append(
            f'<div class="bar"><span>{escape(name)}</span><div class="parts">{pieces}</div>'
            f"<b>{short(whole)} {escape(unit)}</b></div>"
        )
    return _framed(title, f'<div class="bars">{"".join(rows)}</div>', dict.fromkeys(parts, ""))


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


def log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers around values above 0, of which at least two."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1
    steps = (1, 2, 5) if last - first < 5 else (1,)
    every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    low = max(i for i, tick in enumerate(every) if tick <= min(values))
    high = min(i for i, tick in enumerate(every) if tick >= max(values) and i > low)
    return every[low : high + 1]


def short(value: float) -> str:
    """Three digits of a number, or all those before its point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _round(colour: str, x: float, y: float, tip: str) -> str:
    return f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="6">{tip}</circle>'


def _square(colour: str, x: float, y: float, tip: str, turned: int = 0) -> str:
    turn = f' transform="rotate({turned} {x:.1f} {y:.1f})"' if turned else ""
    return f'<rect class="{colour}" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"{turn}>{tip}</rect>'


def _diamond(colour: str, x: float, y: float, tip: str) -> str:
    return _square(colour, x, y, tip, 45)


SHAPES = {"round": _round, "square": _square, "diamond": _diamond}


def _figure(title: str, parts: Sequence[str], legend: Mapping[str, str]) -> str:
    label = escape(title)
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return _framed(title, svg, legend)


def _framed(title: str, picture: str, legend: Mapping[str, str]) -> str:
    """With the colours in their order, and what to say of each."""
    told = "".join(
        f'<span><i class="c{i % COLOURS}"></i>{escape(name)} <b>{escape(text)}</b></span>'
        for i, (name, text) in enumerate(legend.items())
    )
    head = f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
    return f'{head}{picture}<div class="legend">{told}</div></figure>'


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
