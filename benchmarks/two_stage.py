"""How long two stages of 15 humans and 15 objects take on this CPU, beside the N queries of our student of pairs.

    python benchmarks/two_stage.py --out benchmarks/results/two-stage.json
    python benchmarks/two_stage.py --sides 320 --only "225 pairs" --engines "openvino fp32"

Both have the very same encoder and as many words, and differ in what follows. All weights and words are random, so this
is about speed only: nothing is said of how well either finds pairs. Both graphs take bytes, are exported and opened
alike, every engine of each in a process of its own, and short blocks of one of theirs and one of ours take turns;
nothing else should run beside it. `times_ours` is how many times as long theirs took, of two blocks that follow each
other.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from blocks import in_turns, percentiles, served, times_ours
from drift import drift
from onnx import ModelProto
from result import publish
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from two_stage_model import Shape, TwoStage

from edgegsr.data import hico
from edgegsr.data.diorama import make_crowd
from edgegsr.errors import InputError, shown
from edgegsr.export.onnx import OPSET, quiet, told_by_nobody
from edgegsr.export.rewrite import padded_by_readers
from edgegsr.export.rows import by_rows
from edgegsr.files import write_whole
from edgegsr.interactions import PERSON, Kinds
from edgegsr.runtime.session import in_onnxruntime, in_openvino, lacks
from edgegsr.shipped import find_card
from edgegsr.situation import MAX_ROLES
from edgegsr.student.config import StudentConfig, read_student
from edgegsr.student.pairs import PairStudent
from edgegsr.text import TextTables

VOCABULARIES = {"crowd": make_crowd.kinds, "hico": hico.kinds}
VARIANTS = {
    "225 pairs": Shape(),
    "225 pairs, no union": Shape(union=False),
    "225 pairs, no union, two scores a token": Shape(union=False, dense=False),  # the least that two stages can be
    "225 pairs, attention as ours": Shape(keys=False),
    "435 pairs": Shape(people=True),
}
ENGINES = ("onnxruntime fp32", "openvino fp32", "openvino bf16")
TEXT_WIDTH = 384  # of the words that come with the project
OURS = "ours"

Found = dict[str, Any]
Ready = dict[str, tuple[Found, Path]]  # by name: what is told of a network, and its graph


class Networks(NamedTuple):
    """Ours and others behind one encoder."""

    ours: PairStudent
    theirs: dict[str, TwoStage]


def networks(config: StudentConfig, kinds: Kinds, shapes: Mapping[str, Shape]) -> Networks:
    """All of random weights, and with random words in the numbers of these kinds."""
    torch.manual_seed(0)
    verbs, things = len(kinds.verbs), len(kinds.objects)
    roles, nouns = torch.zeros(verbs, MAX_ROLES, TEXT_WIDTH), units(1 + things)  # the first of which is none
    tables = TextTables(units(verbs), roles, nouns, "random")
    ours = PairStudent(config, tables, torch.from_numpy(kinds.valid), pretrained=False).eval()
    words = units(things + (PERSON not in kinds.objects))
    theirs = {name: TwoStage(ours.encoder, config, shape, words, tables.verbs) for name, shape in shapes.items()}
    return Networks(ours, {name: each.eval() for name, each in theirs.items()})


def units(count: int) -> Tensor:
    return F.normalize(torch.randn(count, TEXT_WIDTH), dim=-1)


class Said(nn.Module):
    """What a device gets of an answer; what training alone looks at stays inside."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(pixels)[:5])  # of ours without the verb embedding, the seeds and the starts


def pixels_of(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)


def graph_of(network: nn.Module, side: int) -> ModelProto:
    """The graph with static shapes, as the exporter makes those of students."""
    with quiet():
        program = torch.onnx.export(
            Said(network).eval(),
            (torch.from_numpy(pixels_of(side)),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["pixels"],
            verbose=False,
        )
    return by_rows(told_by_nobody(padded_by_readers(program.model_proto)))


def prepared(network: nn.Module, side: int, path: Path) -> Found:
    """What a network costs, a multiply-add as two operations, and its graph in a file."""
    pixels = torch.from_numpy(pixels_of(side))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        pairs = network(pixels).verb_logits.shape[1]
    write_whole(path, graph_of(network, side).SerializeToString())
    with torch.no_grad():
        off = drift(Said(network)(pixels), looking(path, ENGINES[0], side, 1)())
    operations = counter.get_flop_counts()[f"{type(network).__name__}.encoder"]
    return {
        "pairs": pairs,
        "parameters": in_parts(weights_of(network.encoder), weights_of(network)),
        "gflops": in_parts(sum(operations.values()) / 1e9, counter.get_total_flops() / 1e9),
        "drift": off,
    }


def in_parts(encoder: float, total: float) -> dict[str, float]:
    return {"encoder": round(encoder, 4), "what_follows": round(total - encoder, 4), "total": round(total, 4)}


def weights_of(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def prepared_all(built: Networks, folder: Path) -> Ready:
    """The same of all, ours first."""
    every = {OURS: built.ours, **built.theirs}
    files = {name: folder / f"{i}.onnx" for i, name in enumerate(every)}
    return {name: (prepared(each, built.ours.config.side, files[name]), files[name]) for name, each in every.items()}


def looking(path: Path, name: str, side: int, threads: int) -> Callable[[], Any]:
    """A graph in an engine, as one look at a photo."""
    engine, precision = name.split()
    pixels = pixels_of(side)
    if engine == "onnxruntime":
        return partial(in_onnxruntime(path.read_bytes(), threads).run, None, {"pixels": pixels})
    request = in_openvino(path, precision, threads).create_infer_request()
    return lambda: request.infer({0: pixels})


def side_by_side(ready: Ready, side: int, engines: Iterable[str], threads: int, blocks: int, seconds: float) -> Found:
    """Every other network in every engine, each in turns with ours."""
    told = {name: {**facts, "engines": {}} for name, (facts, _) in ready.items()}
    for engine in engines:
        jobs = {name: partial(looking, path, engine, side, threads) for name, (_, path) in ready.items()}
        own: list[list[float]] = []
        with served(jobs) as lines:
            for name in [each for each in ready if each != OURS]:
                found = in_turns({OURS: lines[OURS], name: lines[name]}, blocks, seconds)
                own += found[OURS]
                told[name]["engines"][engine] = row(found[name]) | times_ours(found[name], found[OURS])
        told[OURS]["engines"][engine] = row(own)
    return {"ours": told.pop(OURS), "two_stages": told}


def setting(given: argparse.Namespace, side: int, vocabulary: str) -> Found:
    """The comparison at one size of the input, with one number of words."""
    card = read_student(find_card(given.student))
    config, kinds = replace(card, side=side, pairs=given.pairs or card.pairs), VOCABULARIES[vocabulary]()
    built = networks(config, kinds, {name: VARIANTS[name]._replace(among=given.self_attention) for name in given.only})
    about = {"side": side, "vocabulary": vocabulary, "verbs": len(kinds.verbs), "objects": len(kinds.objects)}
    with tempfile.TemporaryDirectory() as folder:
        ready = prepared_all(built, Path(folder))
        return about | side_by_side(ready, side, given.engines, given.threads, given.blocks, given.seconds)


def row(blocks: list[list[float]]) -> dict[str, Any]:
    return {**percentiles(blocks), "calls": sum(map(len, blocks))}


def aim(settings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether ours is faster everywhere, and where that is closest."""
    ratios = {
        f"{name}, {each['side']} px, {each['vocabulary']}, {engine}": found["times_ours"]
        for each in settings
        for name, told in each["two_stages"].items()
        for engine, found in told["engines"].items()
    }
    closest = min(ratios, key=ratios.__getitem__)
    return {"times_ours_above": 1, "least": ratios[closest], "of": closest, "met": ratios[closest] > 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="pico-pairs", help="a card of pairs")
    parser.add_argument("--sides", type=int, nargs="+", default=[160, 320], help="of the input, in pixels")
    parser.add_argument("--vocabularies", nargs="+", default=list(VOCABULARIES))
    parser.add_argument("--only", nargs="+", default=list(VARIANTS), help="names of two-stage networks")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES))
    parser.add_argument("--pairs", type=int, help="queries of ours; by default the card's")
    parser.add_argument("--self-attention", action="store_true", help="their pairs look at one another")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()

    known = {"vocabularies": VOCABULARIES, "only": VARIANTS, "engines": ENGINES}
    for name, names in known.items():
        if unknown := [each for each in getattr(given, name) if each not in names]:
            parser.error(f"--{name}: wanted some of {', '.join(names)}, got {shown(', '.join(unknown))}")
    if lacking := next(filter(None, (lacks(engine.split()[0]) for engine in given.engines)), ""):
        parser.error(lacking)
    try:
        settings = [setting(given, side, name) for side in given.sides for name in given.vocabularies]
    except InputError as error:
        parser.error(str(error))
    result = {"benchmark": "two_stage", "student": given.student, "weights": "random, for speed only", "batch": 1}
    result |= {"threads": given.threads, "blocks": given.blocks, "block_seconds": given.seconds}
    result |= {"self_attention": given.self_attention, "settings": settings, "aim": aim(settings)}
    publish(result, given.out)


if __name__ == "__main__":
    main()
