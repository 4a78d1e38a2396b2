"""The gates of a target: what a bundle must hold, and a line for each that it does not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from edgegsr.bundle import PAIRS
from edgegsr.export.target import Gates
from edgegsr.scoring.brief import losses

EVERY = "all"  # verbs: a smaller group of dev may have less than one image to 0.2 points, and chance would decide


def missed(gates: Gates, numerics: Mapping[str, Any], perf: Mapping[str, Any]) -> Iterator[str]:
    """What is held against a bundle, by what was found out about it."""
    yield from strays(gates, numerics)
    if "dev" in numerics:
        yield from _lost(gates, **numerics["dev"])
    if "layers" in numerics:
        yield from _unfused(gates, **numerics["layers"])
    if (ms := perf.get("in_turns_ms", {})).get("int8", 0) > gates.latency * ms.get("fp32", 0):
        yield (
            f"{ms['int8']:.2f} ms, and float32 takes {ms['fp32']:.2f} ms in the same engine; "
            f"at most {gates.latency:g} times that was wanted"
        )


def strays(gates: Gates, numerics: Mapping[str, Any]) -> list[str]:
    """What nothing makes up for: outputs that say something else than the student, and what the engine refuses."""
    far = [
        f"{output}: {drift:.1e} of its largest value away from the student, at most {gates.drift:.0e} was wanted"
        for output, drift in numerics["drift"].items()
        if not drift <= gates.drift
    ]
    far += [
        f"{output}: {drift:.1e} of its largest value away where it is asked again, at most {gates.drift:.0e} was wanted"
        for output, drift in numerics.get("ask", {}).get("drift", {}).items()
        if not drift <= gates.drift
    ]
    lost = [
        f"{output}: not a number in float16"
        for output, drift in numerics.get("half", {}).get("drift", {}).items()
        if not math.isfinite(drift)
    ]
    refused = Counter((each["file"], each["rule"]) for each in numerics.get("findings", ()) if each["refused"])
    return far + lost + [f"{file}: {count} times refused by {rule}" for (file, rule), count in refused.items()]


def helps(gates: Gates, numerics: Mapping[str, Any], precision: str) -> str:
    """What keeps a bundle that was not written, or that nothing does."""
    if not (far := strays(gates, numerics)):
        return "--allow-regression keeps it all the same"
    way = "; `compress` with --qat or more --calibration photos may bring its outputs nearer" * (precision == "int8")
    return f"--allow-regression does not make up for {len(far)} of these{way}"


def _lost(gates: Gates, student: Mapping[str, Any], **graphs: Mapping[str, Any]) -> Iterator[str]:
    for file, scores in graphs.items():
        where = ", in float16" if file == "half" else ""
        for group, name, lost in losses(student, scores):
            own, told = student[group][name], scores[group][name] or 0
            if lost > 1 - gates.kept:
                yield (
                    f"{name}, {group}{where}: {100 * told:.1f} % where the student has {100 * own:.1f} %, "
                    f"at least {gates.kept:.0%} of it was wanted"
                )
            elif file == "half" and group in (EVERY, PAIRS) and own - told > gates.half:
                yield (
                    f"{name}, {group}{where}: {100 * (own - told):.2f} points less than the student, "
                    f"at most {100 * gates.half:g} was wanted"
                )


def _unfused(gates: Gates, wanted_in_8_bits: int, in_8_bits: int, kinds: Mapping[str, int]) -> Iterator[str]:
    if in_8_bits < gates.fused * wanted_in_8_bits or not wanted_in_8_bits:
        ran = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield (
            f"{in_8_bits} of {wanted_in_8_bits} layers count in 8 bits, at least {gates.fused:.0%} was wanted; "
            f"it runs {ran}"
        )
