"""The layers of a student in 8 bits: what rounds their weights and what they read, seen while an image passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from edgegsr.student.both import AnyStudent, BothStudent, halves_of, of_each
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import AnyQuantized, FakeQuant, Quantized, hooks, packed, placed, places, unpacked

Rounded = AnyQuantized | BothStudent  # both halves of which are quantized

READERS = ("conv2d", "linear")
# what leaves values as they are
MOVED = ("relu", "cat", "pad", "max_pool2d", "flatten", "transpose", "permute", "__getitem__")


@dataclass
class Layer:
    """A convolution or a linear."""

    name: str  # of its weight
    parameters: int
    quantizer: FakeQuant  # of its weight
    inputs: set[FakeQuant]

    @property
    def quantizers(self) -> set[FakeQuant]:
        return {self.quantizer, *self.inputs}


class _Watch(TorchFunctionMode):
    """Follows rounded values to the operators that read them."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names = names  # of parameters, by where they lie
        self.rounded: dict[int, tuple[Tensor, set[FakeQuant]]] = {}  # by id, which holds while the tensor is kept
        self.weights: dict[FakeQuant, str] = {}
        self.layers: dict[str, Layer] = {}

    def saw(self, quant: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        assert isinstance(quant, FakeQuant)
        self.rounded[id(made)] = (made, {quant})
        if name := self.names.get(given[0].data_ptr()):
            self.weights[quant] = name

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.__name__ in READERS and (quant := next(iter(self._behind(args[1])), None)):
            name = self.weights[quant]
            layer = self.layers.setdefault(name, Layer(name, args[1].numel(), quant, set()))
            layer.inputs |= self._behind(args[0])
        elif func.__name__ in MOVED and args and (behind := self._behind(args[0])):
            self.rounded[id(made)] = (made, behind)
        return made

    def _behind(self, value: Any) -> set[FakeQuant]:
        if isinstance(value, tuple | list):
            return set().union(*map(self._behind, value))
        return self.rounded[id(value)][1] if id(value) in self.rounded else set()


@torch.no_grad()
def layers_of(student: Rounded) -> list[Layer]:
    """In the order in which they are reached."""
    side, mean = student.config.side, student.encoder.mean
    with ExitStack() as stack:
        watch = _Watch({weight.data_ptr(): name for name, weight in student.named_parameters()})
        for quant in {quant for half in halves_of(student).values() for _, quant in hooks(half)}:
            stack.callback(quant.register_forward_hook(watch.saw).remove)
        stack.enter_context(watch)
        student(torch.zeros(1, side, side, 3, dtype=torch.uint8, device=mean.device))
    return list(watch.layers.values())


def idle(layers: Collection[Layer], every: Collection[Layer]) -> set[FakeQuant]:
    """The quantizers that nothing needs when these layers of all are in 16 bits."""
    names = {layer.name for layer in layers}
    needed = {quant for layer in every if layer.name not in names for quant in layer.quantizers}
    return {quant for layer in layers for quant in layer.quantizers} - needed


@contextmanager
def silent(off: Collection[FakeQuant]) -> Iterator[None]:
    """For a while these quantizers let everything pass."""
    for quant in off:
        quant.on = False
    try:
        yield
    finally:
        for quant in off:
            quant.on = True


def in_16_bits(student: Rounded, body: AnyStudent, layers: Collection[Layer]) -> Rounded:
    """The student in another body of its shape, with these layers in 16 bits, and every value as it lies on disk."""
    gone, bodies = idle(layers, layers_of(student)), halves_of(body)
    mixed = of_each(student, lambda half, part: _without(gone, part, bodies[half]))
    assert isinstance(mixed, Rounded)
    return mixed


def _without(gone: Collection[FakeQuant], student: Student | PairStudent, body: Student | PairStudent) -> AnyQuantized:
    assert isinstance(student, Quantized)
    numbers = {place.quantizer for place, (_, quant) in zip(places(student), hooks(student)) if quant in gone}
    found = placed(body, [place for place in places(student) if place.quantizer not in numbers])
    wanted = found.state_dict()
    found.load_state_dict({name: tensor for name, tensor in student.state_dict().items() if name in wanted})
    found.load_state_dict(unpacked(found, packed(found)))
    return found.eval()
