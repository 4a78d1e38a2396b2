"""A line of NVIDIA's tegrastats, of any JetPack, as numbers. What a line does not say is absent, never 0. stdlib."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgegsr.bench.sysfs import OFFLINE

TIME = re.compile(r"^\s*(\d\d-\d\d-\d{4} \d\d:\d\d:\d\d) ")
RAM = re.compile(r"\bRAM (\d{1,9})/(\d{1,9})MB")
CPU = re.compile(r"\bCPU \[([^\]]*)\]")
CORE = re.compile(r"(\d{1,9})%(?:@(\d{1,9}))?")
MEMORY_BUS = re.compile(r"\bEMC_FREQ (\d{1,9})%(?:@(\d{1,9}))?")
GPU = re.compile(r"\bGR3D_FREQ (?:(\d{1,9})%)?(?:@\[?([\d,]{1,99})\]?)?")
ENGINE = re.compile(r"(?<!\S)([A-Z][A-Z0-9]*?)(?:_FREQ)? (?:(off)|(?:(?:\d{1,9}%)?@)?(\d{1,9}))(?!\S)")
CELSIUS = re.compile(r"(?<!\S)([A-Za-z]\w*)@(-?\d{1,9}(?:\.\d{1,9})?)C(?:/-?[\d.]{1,12}C)?(?!\S)")
RAIL = re.compile(r"(?<!\S)([A-Za-z]\w*) (\d{1,9})(?:mW)?/(\d{1,9})(?:mW)?(?:/(\d{1,9})(?:mW)?)?(?!\S)")
UNCONNECTED = "NC"

WHOLE = ("VIN", "VDD_IN", "POM_5V_IN")  # a rail that feeds the module, the first of them that is there
PARTS = (  # or those that do so together
    frozenset({"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}),  # AGX Orin
    frozenset({"VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"}),  # AGX Thor
    frozenset({"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"}),  # AGX Xavier
)


@dataclass(frozen=True)
class Sample:
    """What a board said about itself at one moment."""

    time: str | None  # as it stands there, in the time zone of the board
    ram_mb: tuple[int, int] | None  # used, all
    cores: tuple[tuple[int, int | None] | None, ...]  # per cent and MHz of each; None for one that is off
    memory_bus: tuple[int, int | None] | None  # per cent, MHz
    gpu_percent: int | None
    gpu_mhz: tuple[int, ...]  # of each cluster
    engines_mhz: Mapping[str, int | None]  # video, DLA and the like; None for one that is off
    celsius: Mapping[str, float]
    rails_mw: Mapping[str, int]  # now, not tegrastats' own average

    @property
    def module_mw(self) -> float | None:
        return of_module(self.rails_mw)


def parse(line: str) -> Sample:
    """Whatever of a line is understood; of a field that stands there twice, the last."""
    time, ram, cpu, bus, gpu = (pattern.search(line) for pattern in (TIME, RAM, CPU, MEMORY_BUS, GPU))
    rest = line[: cpu.start()] + line[cpu.end() :] if cpu else line
    known = {"GR3D", "EMC", "CPU", "RAM", "SWAP"}
    return Sample(
        time[1] if time else None,
        (int(ram[1]), int(ram[2])) if ram else None,
        tuple(map(_core, cpu[1].split(","))) if cpu and cpu[1].strip() else (),
        (int(bus[1]), _number(bus[2])) if bus else None,
        _number(gpu[1]) if gpu else None,
        tuple(int(mhz) for mhz in (gpu[2] or "").split(",") if mhz) if gpu else (),
        {m[1]: None if m[2] else int(m[3]) for m in ENGINE.finditer(rest) if m[1] not in known},
        {m[1]: degrees for m in CELSIUS.finditer(rest) if (degrees := float(m[2])) > OFFLINE},
        {m[1]: int(m[2]) for m in RAIL.finditer(rest) if m[1] not in (UNCONNECTED, "RAM", "SWAP")},
    )


def of_module(rails: Mapping[str, float]) -> float | None:
    """What the whole module draws, where its rails tell it; what the carrier board draws is in none of them."""
    for rail in WHOLE:
        if rail in rails:
            return rails[rail]
    for parts in PARTS:
        if parts <= rails.keys():
            return sum(rails[rail] for rail in parts)
    return None


def _core(text: str) -> tuple[int, int | None] | None:
    found = CORE.match(text.strip())
    return (int(found[1]), _number(found[2])) if found else None


def _number(text: str | None) -> int | None:
    return int(text) if text else None
