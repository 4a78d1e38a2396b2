"""How long others take for one photo on this CPU, side by side with `nano` at 320 px with as many words as SWiG has.

    python benchmarks/peers.py --out benchmarks/results/peers.json
    python benchmarks/peers.py --coformer CHECKOUT --gsrtr CHECKOUT

All have random weights, so this is about speed only. Every engine runs in a process of its own, and short blocks of one
of theirs and one of ours take turns, so that what slows the machine slows both; nothing else should run beside it.
Ratios are of two blocks that follow each other: `times_ours` is how many times as long theirs took. CLIP, CoFormer and
GSRTR (at their native 700 and 400 px; they need the torchvision of the torch that is installed) are held against our
fastest, OpenVINO in INT8, D-FINE-N against the same engine. Ours turns bytes into what the network wants and copies its
answers within the time; theirs get pixels that are normalized already.
"""

from __future__ import annotations

import argparse
import io
import logging
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from blocks import in_turns, percentiles, served, times_ours
from cpu_latency import ENGINES, Subject, opened, swig_sized, written
from drift import drift
from peer_models import Peer, built, peers
from result import publish
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from edgegsr.errors import shown
from edgegsr.export.fused import in_8_bits, kinds_of
from edgegsr.export.onnx import OPSET, quiet
from edgegsr.files import write_whole
from edgegsr.hub import first_line
from edgegsr.runtime.session import in_openvino
from edgegsr.student.cost import cost

LEAST = 1  # call of a block, where a network takes seconds
CALIBRATION = 8  # random images, for speed only


def pixels_of(peer: Peer, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 3, peer.side, peer.side), np.float32)


def prepared(peer: Peer, folder: Path) -> dict[str, Any]:
    """In a process of its own: what a peer costs, and its graphs in a folder."""
    network, pixels = built(peer), torch.from_numpy(pixels_of(peer))
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(pixels)  # attention as two products, which are counted
    facts: dict[str, Any] = {
        "side": peer.side,
        "parameters": sum(each.numel() for each in network.parameters()),
        "gflops": round(counter.get_total_flops() / 1e9, 4),
    }
    if peer.engines == ("torch fp32",):
        return facts
    try:
        with quiet():
            program = torch.onnx.export(
                network, (pixels,), dynamo=True, opset_version=OPSET, input_names=["pixels"], verbose=False
            )
    except torch.onnx.OnnxExporterError as error:
        return {**facts, "not_exported": shown(first_line(error.__cause__ or error))}
    write_whole(folder / "fp32.onnx", program.model_proto.SerializeToString())
    with torch.inference_mode():
        facts["drift"] = drift(network(pixels), in_plain_onnxruntime(folder / "fp32.onnx", 1)(pixels.numpy()))
    if "openvino int8" in peer.engines:
        facts["layers_in_8_bits"] = in_8_bits_of_its_own(peer, folder)
    return facts


def in_8_bits_of_its_own(peer: Peer, folder: Path) -> str:
    """How many layers OpenVINO counts in 8 bits of what NNCF makes of the graph."""
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    graph = openvino.Core().read_model(folder / "fp32.onnx")
    images = nncf.Dataset([pixels_of(peer, seed) for seed in range(CALIBRATION)])
    with redirect_stdout(io.StringIO()):
        rounded = nncf.quantize(graph, images, subset_size=CALIBRATION)
    openvino.save_model(rounded, folder / "int8.xml", compress_to_fp16=False)
    kinds = kinds_of(in_openvino(folder / "int8.xml", "int8", None))
    return f"{in_8_bits(kinds)} of {kinds.total()}"


def in_plain_onnxruntime(path: Path, threads: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """As it comes, without what graphs of ours like."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})


def looking(peer: Peer, name: str, folder: Path, threads: int) -> Callable[[], object]:
    """A peer in an engine, as one look at a photo."""
    engine, precision = ENGINES[name]
    pixels = pixels_of(peer)
    if engine == "torch":
        torch.set_num_threads(threads)
        network, batch = built(peer), torch.from_numpy(pixels)
        return torch.inference_mode()(lambda: network(batch))
    if engine == "onnxruntime":
        return partial(in_plain_onnxruntime(folder / "fp32.onnx", threads), pixels)
    path = folder / ("int8.xml" if precision == "int8" else "fp32.onnx")
    request = in_openvino(path, precision, threads).create_infer_request()
    return lambda: request.infer({0: pixels})


class Ours:
    """`nano` in every engine, and all blocks that it was timed in."""

    def __init__(self, subject: Subject, folder: Path, threads: int) -> None:
        self.config, self.files, self.threads = subject.plain.config, written(subject, folder), threads
        self.blocks: dict[str, list[list[float]]] = {}
        spent = cost(subject.plain)
        self.facts = {
            "name": "nano, 320 px, SWiG's words",
            "side": spent.side,
            "parameters": spent.total_parameters,
            "gflops": round(spent.total_gflops, 4),
        }

    def job(self, engine: str) -> Callable[[], Callable[[], object]]:
        return partial(opened, engine, self.files[engine], self.config, self.threads)

    def told(self) -> dict[str, Any]:
        return {
            **self.facts,
            "engines": {
                engine: {**percentiles(blocks), "calls": sum(map(len, blocks))}
                for engine, blocks in self.blocks.items()
            },
        }


def side_by_side(ours: Ours, peer: Peer, blocks: int, seconds: float) -> dict[str, Any]:
    """One peer in all engines that take it, each in turns with ours."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            facts = process.submit(prepared, peer, folder).result()
        engines = ("torch fp32",) if "not_exported" in facts else peer.engines
        against = {engine: peer.against or engine for engine in engines}
        jobs = {f"ours in {engine}": ours.job(engine) for engine in against.values()}
        jobs |= {f"theirs in {engine}": partial(looking, peer, engine, folder, ours.threads) for engine in engines}
        rows = {}
        with served(jobs) as lines:
            for engine, own in against.items():
                pair = {"ours": lines[f"ours in {own}"], "theirs": lines[f"theirs in {engine}"]}
                found = in_turns(pair, blocks, seconds, LEAST)
                ours.blocks.setdefault(own, []).extend(found["ours"])
                rows[engine] = row(found["theirs"], found["ours"], own)
    return {**facts, "engines": rows}


def row(theirs: list[list[float]], ours: list[list[float]], against: str) -> dict[str, Any]:
    return {
        **percentiles(theirs),
        "against": f"nano, {against}",
        **times_ours(theirs, ours),
        "calls": sum(map(len, theirs)),
    }


def aims(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was hoped for, and what came; null where a peer was not here."""

    def times(name: str) -> dict[str, float]:
        return {engine: each["times_ours"] for engine, each in found.get(name, {"engines": {}})["engines"].items()}

    def aim(wanted: float, ratios: Mapping[str, float]) -> dict[str, Any]:
        return {
            "times_ours_at_least": wanted,
            "found": dict(ratios) or None,
            "met": min(ratios.values()) >= wanted if ratios else None,
        }

    def in_torch(name: str) -> dict[str, float]:
        return {engine: ratio for engine, ratio in times(name).items() if engine == "torch fp32"}

    return {
        "CLIP ViT-B/16 in torch": aim(80, in_torch("CLIP ViT-B/16")),
        "CoFormer in torch": aim(150, in_torch("CoFormer")),
        "D-FINE-N in the same engine": aim(1, times("D-FINE-N")),
    }


def checkout(text: str, network: str) -> Path:
    if not (Path(text) / "models" / network).is_file():
        raise argparse.ArgumentTypeError(f"wanted the folder of a checkout with models/{network}, got {shown(text)}")
    return Path(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--coformer", type=partial(checkout, network="coformer.py"), help="a checkout; its code is run")
    parser.add_argument("--gsrtr", type=partial(checkout, network="gsrtr.py"), help="the same")
    parser.add_argument("--only", nargs="+", help="names of peers; by default all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()

    every = peers(given.coformer, given.gsrtr)
    if unknown := set(given.only or ()) - set(every):
        parser.error(f"--only: wanted some of {', '.join(every)}, got {shown(', '.join(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(swig_sized(), Path(folder), given.threads)
        found = {
            name: side_by_side(ours, peer, given.blocks, given.seconds)
            for name, peer in every.items()
            if name in (given.only or every)
        }
    result = {"benchmark": "peers", "batch": 1, "threads": given.threads}
    result |= {"blocks": given.blocks, "block_seconds": given.seconds}
    publish({**result, "ours": ours.told(), "peers": found, "aims": aims(found)}, given.out)


if __name__ == "__main__":
    main()
