"""The power that a machine says it draws, and the energy of a run: rails of a Jetson, packages of an x86 CPU. stdlib.

Everything is read below `root`, so that a folder can stand in for a board. What may not be read is a sentence for the
report. Nothing of it is power at the wall.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from edgegsr.bench.sysfs import number, text
from edgegsr.bench.tegrastats import UNCONNECTED, of_module, parse

SUM_OF_SHUNTS = 7  # the channel of an INA3221 that is no rail
PERIOD_S = 0.05
TOLD_MS, HEARD_S = 100, 3.0  # between lines of tegrastats; until its first one

Read = Callable[[], Mapping[str, float]]  # name of a rail -> watts, or of a counter -> joules since some time


@dataclass(frozen=True)
class Meter:
    """Something that tells power: `rails` in watts, or `counters` in joules that grow and at `wraps` begin anew."""

    kind: str  # "module_rail" or "package"
    read: Read
    counts: bool = False
    wraps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Energy:
    """What a run took; nothing is subtracted from it."""

    kind: str
    seconds: float
    joules: Mapping[str, float]  # by rail or package
    total_joules: float | None  # of the module or of all packages, where that is known

    @property
    def watts(self) -> float | None:
        return None if self.total_joules is None or not self.seconds else self.total_joules / self.seconds


def find_meter(root: Path = Path("/")) -> Meter | str:
    """The meter of this machine, or why there is none."""
    for look in (_ina, _old_ina, _tegrastats, _rapl):
        if (found := look(root)) is not None:
            return found
    return "power: this machine tells none: no INA sensor of a Jetson, no RAPL of an x86 CPU"


def energy(meter: Meter, samples: Sequence[tuple[float, Mapping[str, float]]]) -> Energy:
    """Of samples (seconds on a clock that never goes back, what was read then)."""
    if len(samples) < 2:
        raise ValueError(f"energy: wanted two samples or more, got {len(samples)}")
    names = [name for name in samples[0][1] if all(name in values for _, values in samples)]
    times = [at for at, _ in samples]
    of = _counted if meter.counts else _integrated
    joules = {name: of(times, [values[name] for _, values in samples], meter.wraps.get(name, 0.0)) for name in names}
    return Energy(meter.kind, times[-1] - times[0], joules, _total(meter, joules))


class Watch:
    """Reads a meter while a block runs: `with Watch(meter) as watch: ...`, then `watch.energy`."""

    def __init__(self, meter: Meter, period_s: float = PERIOD_S) -> None:
        self.meter, self.period_s = meter, period_s
        self.samples: list[tuple[float, Mapping[str, float]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> Watch:
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._sample()

    @property
    def energy(self) -> Energy:
        return energy(self.meter, self.samples)

    def _go_on(self) -> None:
        while not self._over.wait(self.period_s):
            self._sample()

    def _sample(self) -> None:
        values = self.meter.read()
        self.samples.append((time.monotonic(), values))


def _integrated(times: Sequence[float], watts: Sequence[float], _: float) -> float:
    """The trapezoids under a line of watts."""
    steps = pairwise(zip(times, watts))
    return sum((after - before) * (first + second) / 2 for (before, first), (after, second) in steps)


def _counted(_: Sequence[float], joules: Sequence[float], wrap: float) -> float:
    return sum(now - before if now >= before else now - before + wrap for before, now in pairwise(joules))


def _total(meter: Meter, joules: Mapping[str, float]) -> float | None:
    if not meter.counts:
        return of_module(joules)
    return sum(joules.values()) if joules and joules.keys() == meter.wraps.keys() else None


def _ina(root: Path) -> Meter | None:
    """INA3221 of JetPack 5 to 7, and INA238 of Thor: millivolts and milliamperes."""
    places = sorted((root / "sys/bus/i2c/devices").glob("*/hwmon/hwmon*"))
    rails = {}
    for place in places:
        for label in sorted(place.glob("in*_label")):
            at = label.name.removeprefix("in").removesuffix("_label")
            current, name = place / f"curr{at}_input", text(label)
            if at.isdecimal() and int(at) != SUM_OF_SHUNTS and current.is_file() and name != UNCONNECTED:
                rails[name] = (place / f"in{at}_input", current)
        if text(place / "name") == "ina238" and (place / "curr1_input").is_file():
            rails["VIN"] = (place / "in1_input", place / "curr1_input")
    if not rails:
        return None

    def read() -> dict[str, float]:
        told = {name: (number(volts), number(amperes)) for name, (volts, amperes) in rails.items()}
        return {name: mv * ma / 1e6 for name, (mv, ma) in told.items() if mv is not None and ma is not None}

    return Meter("module_rail", read)


def _old_ina(root: Path) -> Meter | None:
    """The same chip as JetPack 4 shows it: milliwatts."""
    rails = {}
    for place in sorted((root / "sys/bus/i2c/drivers/ina3221x").glob("*/iio:device*")):
        for label in sorted(place.glob("rail_name_*")):
            if (name := text(label)) != UNCONNECTED:
                rails[name] = place / f"in_power{label.name.removeprefix('rail_name_')}_input"
    if not rails:
        return None

    def read() -> dict[str, float]:
        return {name: mw / 1000 for name, path in rails.items() if (mw := number(path)) is not None}

    return Meter("module_rail", read)


def _tegrastats(root: Path) -> Meter | str | None:
    """Where the kernel does not let us look, NVIDIA's own program: milliwatts, some ten times a second."""
    program = shutil.which("tegrastats", path=None if root == Path("/") else str(root / "usr/bin"))
    if program is None:
        return None
    told = _Told(program)
    return Meter("module_rail", told) if told() else f"power: {program} tells no rails"


class _Told:
    """The latest line of tegrastats, which is started here and ends with this."""

    def __init__(self, program: str) -> None:
        self._rails: Mapping[str, int] = {}
        self._heard = threading.Event()
        process = subprocess.Popen(
            [program, "--interval", str(TOLD_MS)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        weakref.finalize(self, process.kill)
        threading.Thread(target=_listen, args=(process, weakref.ref(self)), daemon=True).start()

    def __call__(self) -> dict[str, float]:
        self._heard.wait(HEARD_S)
        return {rail: mw / 1000 for rail, mw in self._rails.items()}

    def hear_nothing_more(self) -> None:
        self._heard.set()

    def hear(self, line: str) -> None:
        if rails := parse(line).rails_mw:
            self._rails = rails
            self._heard.set()


def _listen(process: subprocess.Popen[str], told: weakref.ref[_Told]) -> None:
    """Holds nothing that would keep it from ending."""
    for line in process.stdout or ():
        if (listener := told()) is None:
            break
        listener.hear(line)
        del listener
    if (listener := told()) is not None:
        listener.hear_nothing_more()
    process.wait()


def _rapl(root: Path) -> Meter | str | None:
    """Packages of an x86 CPU: microjoules that grow."""
    zones = {text(zone / "name"): zone for zone in sorted((root / "sys/class/powercap").glob("intel-rapl:*"))}
    packages = {name: zone for name, zone in zones.items() if name.startswith("package")}  # cores are parts of them
    if not packages:
        return None
    for zone in packages.values():
        if number(zone / "energy_uj") is None:
            return f"power: {zone / 'energy_uj'} may not be read; run as root, or: sudo chmod a+r {zone / 'energy_uj'}"
        if not number(zone / "max_energy_range_uj"):
            return f"power: {zone} does not tell when its counter begins anew"
    wraps = {name: (number(zone / "max_energy_range_uj") or 0) / 1e6 for name, zone in packages.items()}

    def read() -> dict[str, float]:
        told = {name: number(zone / "energy_uj") for name, zone in packages.items()}
        return {name: uj / 1e6 for name, uj in told.items() if uj is not None}

    return Meter("package", read, counts=True, wraps=wraps)
