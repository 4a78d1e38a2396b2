"""The scores as rows for a human reader: per cent, every average named. The command line draws them."""

from __future__ import annotations

from edgegsr.scoring.gsr import METRICS, SETTINGS, Scores

HEADERS = ("images", "setting", "average", "verb", "value", "value-all", "grounded", "grounded-all")

_SETTING_WORDS = {"top1": "top-1 verb", "top5": "top-5 verb", "gt": "true verb"}


def rows(scores: Scores) -> list[tuple[str, ...]]:
    """One row a setting and average, under `HEADERS`; the groups one after the other."""
    parts = scores.groups or {"all": scores}
    return [
        (f"{name} ({part.images})", _SETTING_WORDS[setting], average.replace("_", " "), *_cells(part, average, setting))
        for name, part in parts.items()
        if part.images
        for setting in SETTINGS
        for average in part.averages
    ]


def _cells(scores: Scores, average: str, setting: str) -> list[str]:
    values = scores.averages[average][setting]
    return ["-" if (value := values.get(metric)) is None else f"{100 * value:.2f}" for metric in METRICS]
