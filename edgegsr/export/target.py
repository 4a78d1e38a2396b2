"""What a student is made for: the [target] table of a profile in `export/`.

[target]                               [target.roofline]    for a board that bench/boards.toml does not have
engine = "tensorrt"                    start_ms = 2.9
precision = "int8"                     tops = 10.6
multiple = 32                          gb_per_s = 102.0
board = "orin-nano-super"              weight_bytes = 1
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass, replace
from pathlib import Path

from edgegsr import card
from edgegsr.bench.roofline import Roofline, law
from edgegsr.errors import InputError, require
from edgegsr.shipped import find_profile

ENGINES = {"onnxruntime": ("fp32", "fp16", "int8"), "openvino": ("fp32", "bf16", "int8"), "tensorrt": ("fp16", "int8")}
CPUS: dict[str, tuple[str, ...]] = {"arm64": ("arm64", "aarch64"), "none": ()}  # by what platform calls them


@dataclass(frozen=True)
class Gates:
    """What an exported graph must hold."""

    drift: float = 1e-4  # from the student at most, in shares of an output's largest value
    kept: float = 0.99  # of each score of the student at least; asked of what does not count in float32
    fused: float = 0.9  # of the layers that should count in 8 bits, those that the engine has made do so
    half: float = 0.002  # of each score over all verbs, what a float16 file may lack, of 1
    latency: float = 1.0  # of the float32 graph in the same engine at most; asked of INT8

    def __post_init__(self) -> None:
        require(0 < self.drift < 1, f"drift must be above 0 and below 1, got {self.drift:g}")
        for name in ("kept", "fused", "half"):
            require(0 <= getattr(self, name) <= 1, f"{name} must be 0 to 1, got {getattr(self, name):g}")
        require(self.latency > 0, f"latency must be above 0, got {self.latency:g}")


@dataclass(frozen=True)
class Target:
    """An engine, its arithmetic, and the widths that it likes."""

    engine: str
    precision: str
    multiple: int  # of channels
    roofline: Roofline | None = None  # for what cannot run here
    gates: Gates = Gates()
    version: str = ""  # of TensorRT on the board, such as 10.3
    board: str = ""  # of bench/boards.toml, whose law is its roofline
    cpu: str = ""  # arm64, where its graph is another than that of x64; none, where it is written for a GPU

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InputError(f"engine must be one of {', '.join(ENGINES)}, got {self.engine!r}")
        if self.precision not in ENGINES[self.engine]:
            wanted = ", ".join(ENGINES[self.engine])
            raise InputError(f"precision must be one of {wanted} for {self.engine}, got {self.precision!r}")
        if self.version and (self.engine != "tensorrt" or not re.fullmatch(r"\d+\.\d+", self.version)):
            raise InputError(f"version must be that of TensorRT, such as 10.3, or left out, got {self.version!r}")
        if self.cpu and (self.engine != "onnxruntime" or self.cpu not in CPUS):
            raise InputError(f"cpu must be {' or '.join(CPUS)} and for onnxruntime, or left out, got {self.cpu!r}")
        if (self.cpu == "none") != (self.engine == "onnxruntime" and self.precision == "fp16"):
            raise InputError("cpu must be none where onnxruntime is to count in fp16, and nowhere else")
        if self.multiple < 1:
            raise InputError(f"multiple must be 1 or more, got {self.multiple}")

    @property
    def graph(self) -> str:
        """For what the graph is written."""
        return f"{self.engine} on {self.cpu}" if self.cpu else self.engine

    @property
    def is_here(self) -> bool:
        """Whether this machine has the CPU that the graph is written for, so that its time and its layers count."""
        return not self.cpu or platform.machine() in CPUS[self.cpu]


def find_target(name: str | Path) -> Target:
    """The target of a profile: a file, or the name of one that comes along."""
    found = card.read_card(find_profile(name), Target, "target", known=("target",))
    if not found.board:
        return found
    try:
        require(found.roofline is None, "board and [target.roofline]: wanted one of them, got both")
        return replace(found, roofline=law().roofline(found.board, found.precision))
    except InputError as error:
        raise InputError(f"{name}: target.{error}") from error
