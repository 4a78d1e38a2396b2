"""How much of what this CPU can do in 8 bits `nano` at 320 px makes use of in OpenVINO, in operations a second.

    python benchmarks/int8_peak.py --out benchmarks/results/int8-peak.json

The peak is measured: long chains of products or convolutions of bytes, each rounded to bytes again, in the same engine
with the same threads; the best shape counts. A multiply-add is two operations. Those in 8 bits are counted in the graph
that OpenVINO executes, from the shapes of layers that it says it runs so; all of them in the network itself, since some
products of attention are inside of fused nodes. Chains and network take turns in short blocks, each in a process of its
own; a share is of two blocks of one round.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from blocks import four_of_five, in_turns, medians, percentiles, served
from cpu_latency import opened, swig_sized, written
from onnx import ModelProto, TensorProto, helper, numpy_helper
from result import publish

from edgegsr.runtime.session import in_openvino
from edgegsr.student.cost import cost

AIM = 0.4
NANO = "nano"
LEAST = 5  # calls of a block
LAYERS = ("Convolution", "GroupConvolution", "FullyConnected", "FullyConnectedQuantizedLegacy", "MatMul")


class Chain(NamedTuple):
    """Layers of one shape, one after the other."""

    rows: int  # of a product; the side of a feature map where there is a kernel
    width: int  # values of a row, or channels
    kernel: int = 0  # 0: a product
    depth: int = 8


CHAINS = {
    "product, 512 x 512 x 512": Chain(512, 512),
    "product, 1024 x 1024 x 1024": Chain(1024, 1024),
    "product, 2048 x 2048 x 2048": Chain(2048, 2048, depth=4),
    "product, 2048 x 512 x 512": Chain(2048, 512),
    "convolution 1 x 1, 512 channels, 32 px": Chain(32, 512, 1),
    "convolution 3 x 3, 128 channels, 64 px": Chain(64, 128, 3),
    "convolution 3 x 3, 256 channels, 32 px": Chain(32, 256, 3),
    "convolution 3 x 3, 320 channels, 32 px": Chain(32, 320, 3),
    "convolution 3 x 3, 512 channels, 16 px": Chain(16, 512, 3),
    "convolution 5 x 5, 128 channels, 32 px": Chain(32, 128, 5),
    "convolution 7 x 7, 128 channels, 32 px": Chain(32, 128, 7),
}


def graph_of(chain: Chain) -> ModelProto:
    """Bytes without a sign times bytes with one; what is above zero is rounded again."""
    rng = np.random.default_rng(0)
    rows, width, kernel, depth = chain
    shape = (1, width, rows, rows) if kernel else (1, rows, width)
    constants = {"step": np.array(0.02, np.float32), "zero": np.array(0, np.uint8), "whole": np.array(0, np.int8)}
    constants["fine"] = np.array(0.02 / math.sqrt(width * max(1, kernel) ** 2), np.float32)
    nodes = [*rounded("pixels", "bytes_0")]
    for i in range(depth):
        steps = rng.integers(-127, 128, (width, width, kernel, kernel) if kernel else (width, width), np.int8)
        constants[f"steps_{i}"] = steps
        nodes.append(helper.make_node("DequantizeLinear", [f"steps_{i}", "fine", "whole"], [f"weight_{i}"]))
        layer = ("Conv", {"pads": [kernel // 2] * 4}) if kernel else ("MatMul", {})
        nodes.append(helper.make_node(layer[0], [f"bytes_{i}", f"weight_{i}"], [f"sum_{i}"], **layer[1]))
        nodes += [helper.make_node("Relu", [f"sum_{i}"], [f"value_{i}"]), *rounded(f"value_{i}", f"bytes_{i + 1}")]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"bytes_{depth}", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def rounded(name: str, to: str) -> list[Any]:
    return [
        helper.make_node("QuantizeLinear", [name, "step", "zero"], [f"{to}_steps"]),
        helper.make_node("DequantizeLinear", [f"{to}_steps", "step", "zero"], [to]),
    ]


def running(path: Path, threads: int) -> Callable[[], object]:
    """A chain as one look at random values."""
    compiled = in_openvino(path, "int8", threads)
    values = np.random.default_rng(0).random(compiled.input(0).shape, np.float32)
    request = compiled.create_infer_request()
    return lambda: request.infer({0: values})


def operations(compiled: Any) -> tuple[int, int]:
    """Of the layers that an engine runs in 8 bits, and of all that are not fused into something else."""
    whole = every = 0
    for node in compiled.get_runtime_model().get_ordered_ops():
        told = node.get_rt_info()
        if "layerType" in told and str(told["layerType"].value) in LAYERS:
            count = 2 * multiply_adds(str(told["layerType"].value), node)
            every += count
            whole += count if str(told["primitiveType"].value).lower().endswith("i8") else 0
    return whole, every


def multiply_adds(layer: str, node: Any) -> int:
    """One for each value of the output and each value that is summed up in it."""
    first, second, out = (tuple(port.get_shape()) for port in (node.input(0), node.input(1), node.output(0)))
    summed = math.prod(second) // out[1] if "Convolution" in layer else first[-1]
    return math.prod(out) * summed


def measure(threads: int, blocks: int, seconds: float, chains: dict[str, Chain]) -> dict[str, Any]:
    """The result as one object."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subject = swig_sized()
        graph = written(subject, folder)["openvino int8"]
        jobs = {NANO: partial(opened, "openvino int8", graph, subject.plain.config, threads)}
        counts = {NANO: operations(in_openvino(graph, "int8", threads))}
        for i, (name, chain) in enumerate(chains.items()):
            path = folder / f"{i}.onnx"
            path.write_bytes(graph_of(chain).SerializeToString())
            jobs[name] = partial(running, path, threads)
            counts[name] = operations(in_openvino(path, "int8", threads))
        with served(jobs) as lines:
            found = in_turns(lines, blocks, seconds, LEAST)
    return {
        "benchmark": "int8_peak",
        "threads": threads,
        "blocks": blocks,
        "block_seconds": seconds,
        **of_peak(found, counts, cost(subject.plain).total_gflops),
    }


def of_peak(found: dict[str, list[list[float]]], counts: dict[str, tuple[int, int]], gflops: float) -> dict[str, Any]:
    """Trillions of operations a second, and the share of `nano` in those of the best chain that ran in 8 bits."""
    tops = {name: counts[name][0] / medians(each) / 1e9 for name, each in found.items()}
    chains = {
        name: {
            "tops": round(float(np.median(tops[name])), 3),
            "best_block_tops": round(float(tops[name].max()), 3),
            "ran_in_8_bits": round(counts[name][0] / counts[name][1], 4),
            "gops": round(counts[name][1] / 1e9, 4),
        }
        for name in found
        if name != NANO
    }
    best = max((name for name in chains if counts[name][0] == counts[name][1]), key=lambda name: np.median(tops[name]))
    whole, _ = counts[NANO]
    shares = tops[NANO] / tops[best]
    return {
        "chains": chains,
        "peak": {"chain": best, "tops": chains[best]["tops"]},
        NANO: {
            **percentiles(found[NANO]),
            "gops_in_8_bits": round(whole / 1e9, 4),
            "gops": round(gflops, 4),
            "tops_in_8_bits": round(float(np.median(tops[NANO])), 3),
            "share_of_peak": round(float(np.median(shares)), 4),
            "share_spread": four_of_five(shares),
            "share_counting_all_layers": round(float(np.median(shares)) * gflops * 1e9 / whole, 4),
        },
        "aim": {"share_of_peak_at_least": AIM, "met": bool(np.median(shares) >= AIM)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a block")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    given = parser.parse_args()
    publish(measure(given.threads, given.blocks, given.seconds, CHAINS), given.out)


if __name__ == "__main__":
    main()
