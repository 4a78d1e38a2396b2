"""How long one photo takes on this CPU: PyTorch, ONNX Runtime and OpenVINO, in float32, bfloat16 and INT8.

    python benchmarks/cpu_latency.py --out benchmarks/results/cpu-latency.json

Every engine runs in a process of its own, since idle threads of one take the cores of another, and they take turns in
short blocks, so that what slows the machine slows all; nothing else should run beside it. Two students: the one that
ships, and `nano` at 320 px with as many words as SWiG has, of random weights, which is for speed only. INT8 is what
calibration makes of a float run; `--run` takes one that has been trained in 8 bits as well.

These are not the turns of `edgegsr bench`: whatever a subject is, its network alone is called, in a number of blocks
and an order that are fixed. Results of one are not those of the other, and neither serves the other's subjects.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from blocks import four_of_five, in_turns, medians, percentiles, served
from result import publish
from torch.nn import functional as F

from edgegsr.compress.calibrate import calibrated
from edgegsr.data.source import open_data
from edgegsr.export.int8 import RECIPES
from edgegsr.export.onnx import graph_of
from edgegsr.files import write_whole
from edgegsr.images import letterbox
from edgegsr.run import open_run
from edgegsr.runtime.session import BEST, open_graph
from edgegsr.shipped import CHECKOUT, find_run
from edgegsr.student.config import read_student
from edgegsr.student.cost import cost
from edgegsr.student.model import Student
from edgegsr.student.quantizers import QuantizedStudent, unrounded
from edgegsr.student.weights import load_weights, save_weights
from edgegsr.text import TextTables

ENGINES = {
    "torch fp32": ("torch", "fp32"),
    "onnxruntime fp32": ("onnxruntime", "fp32"),
    "onnxruntime int8": ("onnxruntime", "int8"),
    "openvino fp32": ("openvino", "fp32"),
    "openvino bf16": ("openvino", "bf16"),
    "openvino int8": ("openvino", "int8"),
}
BESIDE = "onnxruntime fp32"  # what every engine is compared with
SWIG = {"verbs": 504, "roles": 190, "nouns": 9929}
CALIBRATION = 128  # images


class Subject(NamedTuple):
    """A student in floats, and in 8 bits."""

    plain: Student
    rounded: QuantizedStudent
    tables: TextTables


def shipped(name: str) -> Subject:
    run = open_run(find_run(name))
    plain = unrounded(run.student, run.tables).fold()
    if isinstance(run.student, QuantizedStudent):
        return Subject(plain, run.student, run.tables)
    learn = open_data("diorama", "train", ontology=run.ontology)
    rows = np.random.default_rng(0).permutation(len(learn))[:CALIBRATION]
    squares = [torch.from_numpy(letterbox(learn.pixels(int(row)), plain.config.side)[0]) for row in rows]
    return Subject(plain, calibrated(plain, torch.split(torch.stack(squares), 8)), run.tables)


def swig_sized() -> Subject:
    """`nano.toml` with random weights and random words, in SWiG's numbers."""
    torch.manual_seed(0)

    def units(*shape: int) -> torch.Tensor:
        return F.normalize(torch.randn(*shape, 384), dim=-1)

    words = units(SWIG["roles"])[torch.randint(SWIG["roles"], (SWIG["verbs"], 6))]
    frames = torch.arange(6) < torch.randint(1, 7, (SWIG["verbs"], 1))  # one to six roles a verb
    tables = TextTables(units(SWIG["verbs"]), words * frames[..., None], units(1 + SWIG["nouns"]), "random")
    plain = Student(read_student(CHECKOUT / "models" / "nano.toml"), tables, pretrained=False).eval().fold().eval()
    images = torch.randint(0, 256, (32, plain.config.side, plain.config.side, 3), dtype=torch.uint8)
    return Subject(plain, calibrated(plain, torch.split(images, 4)), tables)


def written(subject: Subject, folder: Path) -> dict[str, Path]:
    """What each engine opens."""
    save_weights(subject.plain, folder / "student.safetensors")
    subject.tables.save(folder / "tables.safetensors")
    files = {"fp32": folder / "fp32.onnx"}
    write_whole(files["fp32"], graph_of(subject.plain).SerializeToString())
    rounded = graph_of(subject.rounded)
    for engine, recipe in RECIPES.items():
        files[engine] = folder / f"{engine}-int8.onnx"
        write_whole(files[engine], recipe(rounded).SerializeToString())
    return {
        name: files[engine if precision == "int8" else "fp32"] if engine != "torch" else folder
        for name, (engine, precision) in ENGINES.items()
    }


def opened(name: str, path: Path, config: Any, threads: int) -> Callable[[], object]:
    """A student in an engine, as one look at a photo."""
    engine, precision = ENGINES[name]
    pixels = np.random.default_rng(0).integers(0, 256, (config.side, config.side, 3), np.uint8)
    if engine == "torch":
        torch.set_num_threads(threads)
        student = Student(config, TextTables.load(path / "tables.safetensors"), pretrained=False)
        load_weights(student, path / "student.safetensors").eval()
        batch = torch.from_numpy(pixels[None])
        return torch.inference_mode()(lambda: student(batch))
    session = open_graph(path.read_bytes(), engine, precision, threads)
    return lambda: session(pixels, BEST)


def by_engine(blocks: Mapping[str, list[list[float]]], files: Mapping[str, Path]) -> dict[str, Any]:
    """What of it is published, by engine."""
    found = {}
    for name, each in blocks.items():
        calls = percentiles(each)
        faster = medians(blocks[BESIDE]) / medians(each)  # within a round, so under the same conditions
        found[name] = {
            **calls,
            "p99_over_p50": round(calls["p99_ms"] / calls["p50_ms"], 3),
            "best_block_ms": round(float(medians(each).min()), 3),
            "faster_than_onnxruntime_fp32": round(float(np.median(faster)), 3),
            "faster_spread": four_of_five(faster),
            "calls": sum(map(len, each)),
            "file_bytes": files[name].stat().st_size if files[name].is_file() else None,
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="diorama-nano", help="a run, in float32 or in 8 bits")
    parser.add_argument("--name", help="what the run is called; by default as it was given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()

    result: dict[str, Any] = {"benchmark": "cpu_latency", "batch": 1, "threads": given.threads, "subjects": {}}
    result |= {"blocks": given.blocks, "block_seconds": given.seconds}
    for name, make in (
        (given.name or given.run, lambda: shipped(given.run)),
        ("nano, 320 px, SWiG's words", swig_sized),
    ):
        subject = make()
        spent = cost(subject.plain)
        with tempfile.TemporaryDirectory() as folder:
            files = written(subject, Path(folder))
            jobs = {
                engine: partial(opened, engine, path, subject.plain.config, given.threads)
                for engine, path in files.items()
            }
            with served(jobs) as lines:
                engines = by_engine(in_turns(lines, given.blocks, given.seconds), files)
        result["subjects"][name] = {
            "side": spent.side,
            "parameters": spent.total_parameters,
            "gflops": round(spent.total_gflops, 4),
            "verbs": len(subject.tables.verbs),
            "nouns": len(subject.tables.nouns) - 1,  # the first row is for no noun
            "engines": engines,
        }
    publish(result, given.out)


if __name__ == "__main__":
    main()
