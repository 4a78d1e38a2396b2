"""The two ONNX files that TensorRT builds its engine from, on the board: one typed in float32, one in float16.

Up to 10.11 TensorRT takes the file in float32 and chooses what counts in 16 and 8 bits; from 10.12 on it does what the
types of a file say, and 11 knows nothing else. Zero lies at zero, no layer is ONNX Runtime's own, pixels are bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt
from onnx import ModelProto, NodeProto

from edgegsr.export.half import in_half, peaks
from edgegsr.export.int8 import stored
from edgegsr.export.older import in_opset_17
from edgegsr.export.rewrite import Draft
from edgegsr.export.tensorrt_rules import Finding, Version, check
from edgegsr.runtime.build_engine import FLOAT_FILE, HALF_FILE, TYPED_SINCE
from edgegsr.runtime.session import NO_WORDS

STORED_SINCE = (10, 0)  # weights as steps; before, as floats that are rounded, which is what its documentation shows


def for_tensorrt(
    model: ModelProto, version: Version, squares: npt.NDArray[Any], words: Mapping[str, Any] = NO_WORDS
) -> dict[str, ModelProto]:
    """The files by name; `squares` are photos that show how large values become, which float16 has to hold."""
    model = cast_first(model)
    new = stored(model)
    return {
        FLOAT_FILE: new if version >= STORED_SINCE else in_opset_17(model, norms=version >= (8, 6)),
        HALF_FILE: in_half(new, peaks(new, squares, words)),
    }


def held_against(files: dict[str, ModelProto], version: Version, multiple: int) -> Iterator[tuple[str, Finding]]:
    """What the rules say about each file, for the TensorRT that reads it: that of the board, or the first that does."""
    last_untyped = (TYPED_SINCE[0], TYPED_SINCE[1] - 1)
    reads = {FLOAT_FILE: min(version, last_untyped), HALF_FILE: max(version, TYPED_SINCE)}
    for name, model in files.items():
        for finding in check(model, reads[name], multiple):
            yield name, finding


def cast_first(model: ModelProto) -> ModelProto:
    """Bytes become floats before anything else is done with them: TensorRT has bytes at its gates alone."""
    draft, nodes = Draft(model), list[NodeProto]()
    for node in draft.nodes:
        moved = draft.makers.get(node.input[0]) if node.op_type == "Cast" else None
        if moved is not None and moved.op_type == "Transpose" and _reads_bytes(draft, moved):
            between = f"{moved.output[0]}_cast"
            moved.input[0], node.input[0] = between, moved.input[0]
            moved.output[0], node.output[0] = node.output[0], between
            nodes.remove(moved)
            nodes += [node, moved]
        else:
            nodes.append(node)
    draft.nodes = nodes
    return draft.finished()


def _reads_bytes(draft: Draft, node: NodeProto) -> bool:
    inputs: dict[str, Any] = {each.name: each for each in draft.model.graph.input}
    only = len(draft.readers[node.output[0]]) == 1 and len(draft.readers[node.input[0]]) == 1
    return only and node.input[0] in inputs
