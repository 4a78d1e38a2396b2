"""What of a student can be cut: strands, channels that only go together, and the blocks that they belong to.

Of the backbone torch-pruning finds out which layers share a channel, through sums, concatenations and depthwise layers.
The transformer is ours and says so itself. A unit of a strand is what is cut at once: a channel, or a head.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgegsr.bundle import SITUATIONS
from edgegsr.student.attention import Attention, CrossAttention
from edgegsr.student.both import AnyStudent, BothStudent, halves_of
from edgegsr.student.config import TRUNK
from edgegsr.student.encoder import Encoder
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.widths import widths

OUT, IN = 0, 1  # the widths of a layer with weights, as widths.py orders them
BLOCK = re.compile(r"(?:encoder\.)?(?:backbone\.)?(?:encoder\.)?((?:\w+\.)*?(?:stages|layers|mixer)\.\d+|[a-z_]+)")

# what else reads tokens, where queries begin, and what reads them in the end
TOKENS_OF_SITUATIONS = ("pool.attention.k", "pool.attention.v", "box.appear")
TOKENS_OF_PAIRS = ("pairs.seed", "pairs.begin", "pairs.human.appear")
QUERIES_OF_SITUATIONS = ("queries.verb", "queries.role", "queries.norm")
QUERIES_OF_PAIRS = ("pairs.begin", "pairs.norm")
# of a linear that also reads a place, the place comes last
ANSWERS_OF_SITUATIONS = ("noun.project", "box.look", "box.correct.0", "presence.0")
ANSWERS_OF_PAIRS = (
    *("pairs.object.project", "pairs.verb.project", "pairs.human.look", "pairs.human.correct.0"),
    *("pairs.correct.0", "pairs.presence.0"),
)

Places = npt.NDArray[np.int64]  # (units, channels of a unit)


@dataclass(frozen=True)
class Slice:
    """Where the units of a strand lie in one width of one layer."""

    layer: str
    width: int
    places: Places


@dataclass(frozen=True)
class Strand:
    """Units that are wide in several layers at once."""

    name: str
    slices: tuple[Slice, ...]
    heads: bool = False  # its units are heads of attention, not channels

    @property
    def units(self) -> int:
        return len(self.slices[0].places)

    @property
    def block(self) -> str:
        found = BLOCK.match(self.name)
        return found[1] if found else self.name


def strands_of(student: AnyStudent) -> list[Strand]:
    """Every strand that can be cut, along the way from pixels to answers.

    Of both heads those of either half; one that runs through the trunk goes on in both.
    """
    if isinstance(student, BothStudent):
        return _of_both(student)
    return [*_of_backbone(student), *_of_tokens(student), *_of_attentions(student), *_of_hidden(student)]


def _of_both(student: BothStudent) -> list[Strand]:
    found: dict[str, Strand] = {}
    for half, part in halves_of(student).items():
        for strand in strands_of(part):
            first = found.get(strand.name)
            mine = [each for each in strand.slices if half == SITUATIONS or not each.layer.startswith(TRUNK)]
            slices = [replace(each, layer=f"{half}.{each.layer}") for each in mine]
            found[strand.name] = replace(strand, slices=(*(first.slices if first else ()), *slices))
    return list(found.values())


class _Maps(nn.Module):
    """The convolutional part of an encoder: pixels to what its projections make of both maps."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.backbone, self.fine, self.coarse = encoder.backbone, encoder.fine.project, encoder.coarse.project

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        fine, coarse = self.backbone(image).feature_maps
        return self.fine(fine), self.coarse(coarse)


def _of_backbone(student: Student | PairStudent) -> Iterator[Strand]:
    import torch_pruning

    maps, side, training = _Maps(student.encoder), student.config.side, student.training
    image = torch.zeros(1, 3, side, side).to(student.encoder.mean)
    names = {module: name for name, module in student.named_modules()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph().build_dependency(maps.eval(), image)
        raw = list(graph.get_all_groups([maps.fine, maps.coarse], [nn.Conv2d, nn.Linear]))
    student.train(training)
    order = {name: i for i, name in enumerate(names.values())}
    found = [strand for members in raw if (strand := _strand(graph, members, names, order))]
    yield from sorted(found, key=lambda strand: order[strand.name])


def _strand(graph: Any, members: Any, names: Mapping[Any, str], order: Mapping[str, int]) -> Strand | None:
    """One strand of a backbone; None where it runs through something that cannot be made narrower."""
    slices, makers = [], []
    for dep, places in members:
        layer = dep.target.module
        if layer in names and widths(layer):
            if isinstance(layer, nn.Conv2d) and layer.groups not in (1, layer.in_channels):
                return None
            width = OUT if graph.is_out_channel_pruning_fn(dep.handler) else IN
            slices.append(Slice(names[layer], width, _each(places)))
            makers += [names[layer]] if width == OUT and isinstance(layer, nn.Conv2d | nn.Linear) else []
        elif isinstance(layer, nn.Parameter) or any(True for _ in layer.parameters()):
            return None  # a weight outside of layers, such as a scale of a residual branch
    return Strand(min(makers, key=order.__getitem__), tuple(slices)) if makers else None


def _of_tokens(student: Student | PairStudent) -> Iterator[Strand]:
    """The widths that run along the residual sums: of tokens, of what they are pooled to, of what asks them."""
    mixers = [f"encoder.mixer.{i}" for i in range(len(student.encoder.mixer))]
    layers = [f"decoder.layers.{i}" for i in range(len(student.decoder.layers))]
    asked = [f"{layer}.cross_attention" for layer in layers]
    of_pairs = isinstance(student, PairStudent)
    yield _channels(
        student,
        "tokens",
        out=[
            *(f"encoder.{grid}.{part}" for grid in ("fine", "coarse") for part in ("project", "place")),
            "encoder.fine_norm",
            "encoder.coarse_norm",
            *(f"{mixer}.{part}" for mixer in mixers for part in ("attention_norm", "attention.o", "mlp_norm", "mlp.2")),
        ],
        into=[
            *(f"{mixer}.{part}" for mixer in mixers for part in ("attention.q", "attention.k", "attention.v", "mlp.0")),
            *(f"{attention}.{part}" for attention in asked for part in "kv"),
            *(TOKENS_OF_PAIRS if of_pairs else TOKENS_OF_SITUATIONS),
        ],
    )
    if not of_pairs:
        yield _channels(
            student,
            "pool",
            out=["pool.query", "pool.attention.o", "pool.norm"],
            into=["pool.attention.q", "verb.project"],
        )
    norms = ("self_norm", "cross_norm", "mlp_norm")
    yield _channels(
        student,
        "queries",
        out=[
            *(QUERIES_OF_PAIRS if of_pairs else QUERIES_OF_SITUATIONS),
            *(
                f"{layer}.{part}"
                for layer in layers
                for part in (*norms, "self_attention.o", "cross_attention.o", "mlp.2")
            ),
            "decoder.norm",
        ],
        into=[
            *(f"{layer}.self_attention.{part}" for layer in layers for part in "qkv"),
            *(f"{layer}.{part}" for layer in layers for part in ("cross_attention.q", "mlp.0")),
            *(ANSWERS_OF_PAIRS if of_pairs else ANSWERS_OF_SITUATIONS),
        ],
    )


def _of_attentions(student: Student | PairStudent) -> Iterator[Strand]:
    for name, module in student.named_modules():
        if isinstance(module, Attention | CrossAttention):
            channels = np.arange(module.v.out_features).reshape(module.heads, -1)
            slices = [Slice(f"{name}.{part}", OUT, channels) for part in "qkv"]
            slices += [Slice(f"{name}.o", IN, channels), Slice(name, OUT, _each(range(module.heads)))]
            yield Strand(name, tuple(slices), heads=True)


def _of_hidden(student: Student | PairStudent) -> Iterator[Strand]:
    """The hidden widths of blocks of two linears, and what the box head compares by."""
    for name, module in student.named_modules():
        if isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.GELU):
            yield _channels(student, name, out=[f"{name}.0"], into=[f"{name}.2"])
    box = "pairs.human" if isinstance(student, PairStudent) else "box"
    yield _channels(student, f"{box}.look", out=[f"{box}.look", f"{box}.appear"], into=[])


def _channels(student: Student | PairStudent, name: str, out: Sequence[str], into: Sequence[str]) -> Strand:
    (count, *_) = widths(student.get_submodule(out[0])) or (0,)
    places = _each(range(count))
    return Strand(
        name, tuple(Slice(layer, width, places) for width, layers in ((OUT, out), (IN, into)) for layer in layers)
    )


def _each(places: Sequence[int]) -> Places:
    """Units of one channel each."""
    return np.array(places, np.int64)[:, None]
