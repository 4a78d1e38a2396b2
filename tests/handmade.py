"""A bundle that was built by hand: its graph says the same of every photo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from edgegsr.bundle import seal
from edgegsr.interactions import Kinds
from edgegsr.situation import Frame, Noun, Ontology

ONTOLOGY = Ontology((Frame("sweeping", ("agent", "tool")), Frame("sitting", ("agent",))), (Noun("n1"), Noun("n2")))
ANSWERS: dict[str, npt.NDArray[Any]] = {
    "verb_logits": np.array([[2, 1]], np.float32),
    "noun_logits": np.tile(np.array([0, 1, 2], np.float32), (1, 6, 1)),
    "boxes_xyxy": np.tile(np.array([0, 0, 1, 1], np.float32), (1, 6, 1)),
    "presence": np.ones((1, 6), np.float32),
}


KINDS = Kinds(("ride", "hold"), ("bicycle", "cup"), np.array([[0, 0], [1, 0], [1, 1]], np.int32), np.zeros(3, bool))
PAIR_ANSWERS: dict[str, npt.NDArray[Any]] = {  # one is sure to ride a bicycle; nobody else does anything
    "humans_xyxy": np.tile(np.array([0, 0, 0.5, 1], np.float32), (1, 2, 1)),
    "objects_xyxy": np.tile(np.array([0.5, 0, 1, 1], np.float32), (1, 2, 1)),
    "object_logits": np.tile(np.array([20, 0], np.float32), (1, 2, 1)),
    "pair_verb_logits": np.tile(np.array([20, -20], np.float32), (1, 2, 1)),
    "pair_presence": np.array([[20, -20]], np.float32),
}


def graph(answers: Mapping[str, npt.NDArray[Any]], side: int = 16, of_mean: float = 0.0, verb: bool = True) -> bytes:
    """Says the same of every photo, plus nothing (or a share) of the mean of its pixels, so that they are read."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"{name}_said", "nothing"], [name]) for name in answers),
    ]
    constants = {"zero": np.array(of_mean, np.float32), **{f"{name}_said": each for name, each in answers.items()}}
    made = helper.make_graph(
        nodes,
        "graph",
        [
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, side, side, 3]),
            *[helper.make_tensor_value_info("verb", TensorProto.INT64, [1])] * verb,
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in answers],
        [numpy_helper.from_array(each, name) for name, each in constants.items()],
    )
    content: bytes = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return content


def write(folder: Path, content: bytes, vocabulary: str = ONTOLOGY.to_json(), kinds: str = "", **facts: Any) -> Path:
    folder.mkdir(exist_ok=True)
    if kinds:
        (folder / "kinds.json").write_text(kinds)
    (folder / "model.onnx").write_bytes(content)
    (folder / "vocabulary.json").write_text(vocabulary)
    (folder / "preprocess.json").write_text(json.dumps({"side": 16}))
    seal(folder, facts)
    return folder
