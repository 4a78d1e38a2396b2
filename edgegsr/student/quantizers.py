"""A student in INT8 arithmetic, as training sees it: quantizers before and after its operators, by NNCF's hooks.

The grid is the strictest that every target takes: signed 8 bits, zero at zero, weights by output channel, everything
else by tensor. The hooks are NNCF's, the rounding is ours: theirs would compile C++ at first use.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from edgegsr import card
from edgegsr.errors import InputError, MissingExtra, require
from edgegsr.files import read_json, write_whole
from edgegsr.student.config import TRUNK, StudentConfig
from edgegsr.student.encoder import Encoder
from edgegsr.student.model import Answer, Student, View
from edgegsr.student.pairs import PairAnswer, PairStudent
from edgegsr.text import TextTables

os.environ.setdefault("NNCF_CI", "1")  # else NNCF reports its use to its makers over the network

LEAST_SCALE = 1e-8
MOST_CHANNELS = 1 << 16


class FakeQuant(nn.Module):
    """Values rounded to signed 8-bit multiples of a learned scale, of all or of each channel along an axis."""

    zero: Tensor

    def __init__(self, scale: Tensor, axis: int | None, weight: str = "") -> None:
        super().__init__()
        self.scale, self.axis = nn.Parameter(scale), axis
        self.weight = weight  # the name of the one that it rounds
        self.on = True
        self.register_buffer("zero", torch.zeros_like(scale), persistent=False)

    @property
    def low(self) -> int:
        return -128 if self.axis is None else -127  # weights are symmetric to the last step

    @property
    def steps(self) -> Tensor:
        """The scale as it is used: above 0, whatever training made of it."""
        return self.scale.clamp(min=LEAST_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        if not self.on:
            return x
        scale, wide = self.steps, x.float()
        gentle = 1 / math.sqrt(127 * x.numel() / scale.numel())  # learned step size, arXiv 1902.08153
        if self.axis is None:
            found = torch._fake_quantize_learnable_per_tensor_affine(wide, scale, self.zero, self.low, 127, gentle)
        else:
            found = torch._fake_quantize_learnable_per_channel_affine(
                wide, scale, self.zero, self.axis, self.low, 127, gentle
            )
        return found.to(x.dtype)


@dataclass(frozen=True)
class Place:
    """Where a quantizer sits: before or after an operator, at one of its inputs or outputs."""

    before: bool
    operator: str
    port: int
    channels: int  # 1 for what is not a weight
    axis: int | None  # of a weight, the one of its channels
    weight: str  # its name; empty for what is not a weight
    quantizer: int  # its number; what is added or joined may share one

    def __post_init__(self) -> None:
        require(1 <= self.channels <= MOST_CHANNELS, f"channels must be 1 to {MOST_CHANNELS}, got {self.channels}")
        require(self.port >= 0, f"port must be 0 or more, got {self.port}")


class Quantized(nn.Module):
    """A student with quantizers, which work while its forward runs."""

    config: StudentConfig
    encoder: Encoder

    def quantizing(self) -> Any:
        """Within it, what is worked out is rounded."""
        from nncf.torch.function_hook.hook_executor_mode import FunctionHookMode
        from nncf.torch.function_hook.wrapper import get_hook_storage

        stack = torch.overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]
        if any(isinstance(mode, FunctionHookMode) for mode in stack):
            return nullcontext()
        return FunctionHookMode(model=self, hook_storage=get_hook_storage(self))


class QuantizedStudent(Quantized, Student):
    """The same of situations, which is entered in parts as well."""

    def encode(self, pixels: Tensor) -> View:
        with self.quantizing():
            return super().encode(pixels)

    def ask(self, view: View, verbs: Tensor) -> Answer:
        with self.quantizing():
            return super().ask(view, verbs)


class QuantizedPairStudent(Quantized, PairStudent):
    """The same of pairs, which speaks of what another one has seen as well."""

    def encode(self, pixels: Tensor) -> Tensor:
        with self.quantizing():
            return super().encode(pixels)

    def say(self, tokens: Tensor, known: Tensor | None = None) -> PairAnswer:
        with self.quantizing():
            return super().say(tokens, known)


AnyQuantized = QuantizedStudent | QuantizedPairStudent
QUANTIZED: dict[type[nn.Module], type[Quantized]] = {Student: QuantizedStudent, PairStudent: QuantizedPairStudent}


def rounding_of(student: nn.Module) -> Callable[[], Any]:
    """What a student is to be traced within: a tracer hands out stand-ins, whose hooks are taken off once too often."""
    return student.quantizing if isinstance(student, Quantized) else nullcontext


def counts_in_8_bits(student: nn.Module) -> bool:
    """Whether a student does, or what it is made of."""
    return any(isinstance(part, Quantized) for part in student.modules())


def places(student: Quantized) -> list[Place]:
    """Where the quantizers of a student sit."""
    found, numbers = [], dict[nn.Module, int]()
    for name, hook in hooks(student):
        side, key, _ = name.split(".")
        operator, _, port = key.rpartition("__")
        number = numbers.setdefault(hook, len(numbers))
        before, operator = side == "pre_hooks", operator.replace(":", ".")
        found.append(Place(before, operator, int(port), len(hook.scale), hook.axis, hook.weight, number))
    return found


@overload
def placed(student: Student, where: Iterable[Place]) -> QuantizedStudent: ...
@overload
def placed(student: PairStudent, where: Iterable[Place]) -> QuantizedPairStudent: ...
def placed(student: Student | PairStudent, where: Iterable[Place]) -> Quantized:
    """The same student with quantizers in these places, whose scales are still to be loaded."""
    if importlib.util.find_spec("nncf") is None:
        raise MissingExtra("a quantized run (nncf)", "train")
    from nncf.torch.function_hook.wrapper import wrap_model

    weights = dict(student.named_parameters())
    wrapped = wrap_model(student)
    storage = storage_of(wrapped)
    made: dict[int, FakeQuant] = {}
    for place in where:
        _check(place, weights)
        register = storage.register_pre_function_hook if place.before else storage.register_post_function_hook
        quant = made.setdefault(place.quantizer, FakeQuant(torch.ones(place.channels), place.axis, place.weight))
        register(place.operator, place.port, quant)
    wrapped.__class__ = QUANTIZED[type(student)]
    return wrapped  # type: ignore[no-any-return]


@overload
def unrounded(student: Student, tables: TextTables) -> Student: ...
@overload
def unrounded(student: PairStudent, tables: TextTables) -> PairStudent: ...
def unrounded(student: Student | PairStudent, tables: TextTables) -> Student | PairStudent:
    """The same weights without quantizers."""
    plain: Student | PairStudent
    if isinstance(student, PairStudent):
        plain = PairStudent(student.config, tables, student.pairs.valid, pretrained=False)
    else:
        plain = Student(student.config, tables, pretrained=False)
    state = student.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    return plain.eval()


def _check(place: Place, weights: Mapping[str, Tensor]) -> None:
    """Refuses a place whose scales would not fit what it rounds."""
    if not place.weight:
        require(place.axis is None, f"{place.operator}: rounds no weight by channels, got the axis {place.axis}")
    elif place.weight not in weights:
        raise InputError(f"{place.operator}: rounds {place.weight!r}, which this student does not have")
    elif place.axis != 0 or weights[place.weight].shape[0] != place.channels:
        has = weights[place.weight].shape[0]
        raise InputError(
            f"{place.weight}: wanted {has} scales on the axis 0, got {place.channels} on the axis {place.axis}"
        )


@torch.no_grad()
def packed(student: nn.Module) -> dict[str, Tensor]:
    """Its tensors as they are kept: rounded weights in steps of 8 bits, other matrices in 16."""
    rounding, state = {quant.weight: quant for _, quant in weight_quantizers(student)}, student.state_dict()
    for name, tensor in student.named_parameters():
        if quant := rounding.get(name):
            state[name] = (quant(tensor) / _beside(tensor, quant.steps, quant.axis)).round().to(torch.int8)
        elif tensor.ndim > 1:
            state[name] = tensor.half()
    return state


def unpacked(student: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` has made smaller, as multiples of its scales; the rest as it is."""
    rounding = {quant.weight: (name, quant) for name, quant in weight_quantizers(student)}
    found = dict(state)
    for name, tensor in state.items():
        if tensor.dtype == torch.int8:
            if name not in rounding:
                raise InputError(f"{name} is in 8 bits and nothing tells its scale")
            where, quant = rounding[name]
            found[name] = tensor * _beside(tensor, state[f"{where}.scale"].clamp(min=LEAST_SCALE), quant.axis)
    return found


def _beside(tensor: Tensor, scale: Tensor, axis: int | None) -> Tensor:
    """The scale, shaped to go with a tensor."""
    return scale.reshape([-1 if i == axis else 1 for i in range(tensor.ndim)])


def weight_quantizers(student: nn.Module) -> Iterator[tuple[str, FakeQuant]]:
    """Those of weights, each once, with its name among the modules."""
    for name, module in student.named_modules():
        if isinstance(module, FakeQuant) and module.weight:
            yield name, module


def share_scales(first: Quantized, other: Quantized) -> None:
    """Gives two students of one encoder and one decoder one quantizer for each weight and each value of those."""
    mine = {_of_trunk(place): quant for place, (_, quant) in zip(places(first), hooks(first)) if _of_trunk(place)}
    rounded = [(_of_trunk(place), name, quant) for place, (name, quant) in zip(places(other), hooks(other))]
    shared = {quant: mine[key] for key, _, quant in rounded if key in mine}
    for _, name, quant in rounded:
        storage_of(other).set_submodule(name, shared.get(quant, quant))


def _of_trunk(place: Place) -> tuple[str, int, bool] | None:
    """What of a trunk a quantizer rounds: a weight, or what its encoder works out; None for anything else."""
    if place.weight.startswith(TRUNK):
        return place.weight, 0, place.before
    return (place.operator, place.port, place.before) if place.operator.startswith("encoder/") else None


def write_places(student: Quantized, path: Path) -> None:
    write_whole(path, json.dumps([asdict(place) for place in places(student)], indent=1))


def read_places(path: Path) -> list[Place]:
    """What `write_places` has written."""
    raw = read_json(path)
    if not isinstance(raw, list):
        raise InputError(f"{path}: wanted a list of places, got {type(raw).__name__}")
    try:
        return [card.read_card({"place": place}, Place, "place") for place in raw]
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('card: ')}") from error


def hooks(student: nn.Module) -> Iterator[tuple[str, Any]]:
    yield from storage_of(student).named_hooks(remove_duplicate=False)


def storage_of(student: nn.Module) -> Any:
    from nncf.torch.function_hook.wrapper import get_hook_storage

    return get_hook_storage(student)
