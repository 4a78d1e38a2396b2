"""Which layers of a graph an engine really counts in 8 bits, as the graph that it has made for itself tells."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import onnx

from edgegsr.runtime.session import in_onnxruntime, in_openvino

WHOLE = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat", "ConvInteger")
FLOAT = ("Conv", "FusedConv", "Gemm", "MatMul", "FusedMatMul", "FusedGemm")


def layers_by_kind(graph: bytes, engine: str, precision: str) -> Counter[str]:
    """How many convolutions and products of each kind the engine runs."""
    return _OF_ENGINE[engine](graph, precision)


def in_8_bits(kinds: Counter[str]) -> int:
    return sum(count for kind, count in kinds.items() if kind in WHOLE or kind.endswith("i8"))


def _onnxruntime(graph: bytes, _: str) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        optimized = str(Path(folder) / "optimized.onnx")
        in_onnxruntime(graph, None, optimized)
        nodes = onnx.load(optimized).graph.node
    return Counter(node.op_type for node in nodes if node.op_type in WHOLE + FLOAT)


def _openvino(graph: bytes, precision: str) -> Counter[str]:
    return kinds_of(in_openvino(graph, precision, None))


def kinds_of(compiled: Any) -> Counter[str]:
    """The same of a model that OpenVINO has compiled."""
    told = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    kinds = [(str(each["layerType"].value), str(each["primitiveType"].value)) for each in told if "layerType" in each]
    return Counter(
        f"{layer} {'i8' if how.lower().endswith('i8') else 'float'}"
        for layer, how in kinds
        if layer in ("Convolution", "GroupConvolution", "FullyConnected", "FullyConnectedQuantizedLegacy", "MatMul")
    )


_OF_ENGINE = {"onnxruntime": _onnxruntime, "openvino": _openvino}
