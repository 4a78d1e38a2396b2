"""What a machine was like before and after a measurement: governor, clocks, heat, power mode, throttling. stdlib.

Everything is read below `root`; what is not told there is absent, and the report names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgegsr.bench.sysfs import OFFLINE, number, text

STEADY = "performance"  # a governor that does not change the clock


@dataclass(frozen=True)
class State:
    """A machine at one moment."""

    governors: tuple[str, ...]  # of its CPUs, each once
    cpu_mhz: tuple[int, ...]  # of each CPU, now
    gpu_mhz: tuple[int, int, int] | None  # now, least and most that it may be
    celsius: Mapping[str, float]
    throttled: Mapping[str, int]  # events since the machine was started, by what caused them
    power_mode: str | None  # of a Jetson, such as "MAXN_SUPER"
    load: float | None  # processes that wanted to run in the last minute

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def look_at(root: Path = Path("/")) -> State:
    """The machine now."""
    cpus = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))
    governors = {text(cpu / "scaling_governor") for cpu in cpus} - {""}
    mhz = [int(kilo) // 1000 for cpu in cpus if (kilo := number(cpu / "scaling_cur_freq"))]
    return State(
        tuple(sorted(governors)),
        tuple(mhz or _mhz_of_cpuinfo(root)),
        _gpu_mhz(root),
        dict(_celsius(root)),
        dict(_throttled(root)),
        _power_mode(root),
        _load(root),
    )


def doubts(before: State, after: State) -> Iterator[str]:
    """What speaks against a measurement between two moments, and what nobody could see."""
    for cause, count in after.throttled.items():
        if (events := count - before.throttled.get(cause, 0)) > 0:
            yield f"throttled: {cause} {events} times while it was measured"
    if before.power_mode != after.power_mode:
        yield f"the power mode changed from {before.power_mode} to {after.power_mode}"
    if not before.governors:
        yield "clocks: nothing tells whether they are held; percentiles may show the governor"
    elif other := [governor for governor in before.governors if governor != STEADY]:
        yield f"clocks: the governor is {', '.join(other)}, not {STEADY}; percentiles may show it"
    if before.gpu_mhz and before.gpu_mhz[1] != before.gpu_mhz[2]:
        yield "clocks: {} to {} MHz of the GPU are allowed; `sudo jetson_clocks` holds them".format(*before.gpu_mhz[1:])
    if not after.celsius:
        yield "heat: no sensor can be read"
    if not after.throttled:
        yield "throttling: nothing counts it here"
    cpus = len(before.cpu_mhz) or 1
    if before.load is not None and before.load > 0.5 * cpus:
        yield f"load: {before.load:.1f} processes wanted {cpus} CPUs before it began"


def _mhz_of_cpuinfo(root: Path) -> list[int]:
    return [round(float(mhz)) for mhz in re.findall(r"^cpu MHz\s*: ([\d.]{1,12})$", text(root / "proc/cpuinfo"), re.M)]


def _gpu_mhz(root: Path) -> tuple[int, int, int] | None:
    """Of the integrated GPU of a Jetson: Orin calls it gpu, Thor gpu-gpc-0, older ones gp10b or gv11b."""
    for place in sorted((root / "sys/class/devfreq").glob("*")):
        if re.search(r"\.(gpu|gp10b|gv11b|ga10b|gm20b)$|^gpu-gpc-0$", place.name):
            told = [number(place / f"{name}_freq") for name in ("cur", "min", "max")]
            if all(hertz is not None for hertz in told):
                now, least, most = (round((hertz or 0) / 1e6) for hertz in told)
                return now, least, most
    return None


def _celsius(root: Path) -> Iterator[tuple[str, float]]:
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        degrees = number(zone / "temp")
        if degrees is not None and degrees / 1000 > OFFLINE:
            yield text(zone / "type") or zone.name, degrees / 1000


def _throttled(root: Path) -> Iterator[tuple[str, int]]:
    """A Jetson counts when its power or voltage left its bounds, an x86 CPU when it was too hot."""
    for place in sorted((root / "sys/class/hwmon").glob("*")):
        if text(place / "name") == "soctherm_oc":
            for counter in sorted(place.glob("oc*_event_cnt")):
                if (count := number(counter)) is not None:
                    yield counter.name.removesuffix("_event_cnt"), int(count)
    counters = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/package_throttle_count")
    hot = [int(count) for counter in counters if (count := number(counter)) is not None]
    if hot:
        yield "heat of the package", max(hot)


def _power_mode(root: Path) -> str | None:
    """The name that this image gives to the mode that it is in: numbers mean another thing on every image."""
    mode = re.search(r"pmode:0*(\d{1,4})", text(root / "var/lib/nvpmodel/status"))
    if not mode:
        return None
    names: dict[str, str] = dict(
        re.findall(r"POWER_MODEL\s+ID=(\d{1,4})\s+NAME=(\w{1,40})", text(root / "etc/nvpmodel.conf"))
    )
    return names.get(mode[1], f"mode {mode[1]}")


def _load(root: Path) -> float | None:
    found = re.match(r"\d{1,6}\.\d{1,4}", text(root / "proc/loadavg"))
    return float(found[0]) if found else None
