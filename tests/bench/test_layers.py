"""What is counted in a graph, against hand counts and against what the student itself counts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from edgegsr.bench.layers import layers  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "diorama-nano" / "bundle"


def graph(nodes: list[Any], constants: dict[str, Any], inputs: dict[str, list[Any]], outputs: list[str]) -> bytes:
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    content: bytes = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return content


def floats(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def rounded(name: str, scale: str = "scale", zero: str = "zero") -> list[Any]:
    return [
        helper.make_node("QuantizeLinear", [name, scale, zero], [f"{name}_q"]),
        helper.make_node("DequantizeLinear", [f"{name}_q", scale, zero], [f"{name}_dq"]),
    ]


def test_a_convolution_is_counted_by_hand():
    made = graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], "first", strides=[2, 2], pads=[1, 1, 1, 1], group=2)],
        {"w": floats(8, 2, 3, 3), "b": floats(8)},
        {"x": [1, 4, 16, 16]},
        ["y"],
    )
    (layer,) = layers(made).layers
    assert (layer.name, layer.kind, layer.in_8_bits, layer.out_in_8_bits) == ("first", "Conv", False, False)
    assert layer.gflops == 2 * (8 * 8 * 8) * (2 * 3 * 3) / 1e9
    assert (layer.weights, layer.values_in, layer.values_out) == (8 * 2 * 9 + 8, 4 * 256, 8 * 64)
    assert layer.megabytes("fp16") == 2 * (152 + 1024 + 512) / 1e6 == layer.megabytes("fp32") / 2


def test_products_and_transposed_convolutions_are_counted_by_hand():
    made = graph(
        [
            helper.make_node("Gemm", ["a", "w", "b"], ["g"], transA=1, transB=1),
            helper.make_node("MatMul", ["q", "k"], ["m"]),
            helper.make_node("ConvTranspose", ["x", "v"], ["t"], strides=[2, 2]),
        ],
        {"w": floats(5, 7), "b": floats(5), "v": floats(3, 2, 2, 2)},
        {"a": [7, 2], "q": [1, 4, 6, 8], "k": [1, 4, 8, 10], "x": [1, 3, 4, 4]},
        ["g", "m", "t"],
    )
    gemm, product, spread = layers(made).layers
    assert gemm.gflops == 2 * 2 * 5 * 7 / 1e9 and gemm.weights == 40
    assert product.gflops == 2 * 4 * 6 * 8 * 10 / 1e9 and product.weights == 0
    assert product.values_in == 4 * 6 * 8 + 4 * 8 * 10
    assert spread.gflops == pytest.approx(2 * (3 * 16) * (2 * 2 * 2) / 1e9) and spread.values_out == 2 * 8 * 8
    assert layers(made).attention == 1


def test_what_is_known_before_there_is_a_photo_is_left_out():
    made = graph(
        [
            helper.make_node("Transpose", ["w"], ["wt"]),
            helper.make_node("MatMul", ["v", "wt"], ["known"]),
            helper.make_node("MatMul", ["x", "known"], ["y"]),
        ],
        {"w": floats(5, 4), "v": floats(3, 4)},
        {"x": [2, 3]},
        ["y"],
    )
    (layer,) = layers(made).layers
    assert layer.gflops == 2 * 2 * 3 * 5 / 1e9 and layer.weights == 15


def test_a_layer_between_roundings_is_in_8_bits_and_moves_bytes():
    steps = np.ones((4, 3, 1, 1), np.int8)
    made = graph(
        [
            *rounded("x"),
            helper.make_node("MaxPool", ["x_dq"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("DequantizeLinear", ["steps", "scale", "zero"], ["w"]),
            helper.make_node("Conv", ["pooled", "w"], ["c"], "whole"),
            helper.make_node("Relu", ["c"], ["r"]),
            *rounded("r"),
            helper.make_node("Conv", ["r_dq", "v"], ["y"], "weights_in_floats"),
        ],
        {"steps": steps, "scale": np.float32(0.1), "zero": np.int8(0), "v": floats(2, 4, 1, 1)},
        {"x": [1, 3, 8, 8]},
        ["y"],
    )
    whole, half = layers(made).layers
    assert (whole.in_8_bits, whole.out_in_8_bits) == (True, True)
    assert whole.megabytes("int8") == (12 + 48 + 64) / 1e6
    assert (half.in_8_bits, half.out_in_8_bits) == (False, False)
    assert half.megabytes("int8") == 2 * (8 + 64 + 32) / 1e6
    assert layers(made).share_in_8_bits == pytest.approx(whole.gflops / (whole.gflops + half.gflops))


def test_a_sum_that_is_rounded_leaves_its_parts_in_8_bits_unless_something_else_reads_them():
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"]),
        helper.make_node("Conv", ["x", "v"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["s"]),
        *rounded("s"),
        helper.make_node("Sigmoid", ["b"], ["z"]),
    ]
    constants = {"v": floats(2, 3, 1, 1), "scale": np.float32(0.1), "zero": np.int8(0)}
    found = layers(graph(nodes, constants, {"x": [1, 3, 4, 4]}, ["s_dq", "z"])).layers
    assert [layer.out_in_8_bits for layer in found] == [True, False]


@pytest.mark.parametrize(
    ("operator", "inputs", "flops"),
    [
        ("QLinearMatMul", ["x_q", "scale", "zero", "steps", "scale", "zero", "scale", "zero"], 2 * 6 * 4 * 3),
        ("MatMulInteger", ["x_q", "steps"], 2 * 6 * 4 * 3),
    ],
)
def test_an_operator_of_whole_numbers_is_in_8_bits(operator, inputs, flops):
    made = graph(
        [*rounded("x"), helper.make_node(operator, inputs, ["y"]), helper.make_node("Cast", ["y"], ["z"], to=1)],
        {"steps": np.ones((4, 3), np.int8), "scale": np.float32(0.1), "zero": np.int8(0)},
        {"x": [6, 4]},
        ["z"],
    )
    (layer,) = layers(made).layers
    assert (layer.in_8_bits, layer.gflops, layer.weights) == (True, flops / 1e9, 12)


def test_a_convolution_of_whole_numbers_has_its_weights_elsewhere():
    scales = ["scale", "zero"]
    made = graph(
        [
            *rounded("x"),
            helper.make_node("QLinearConv", ["x_q", *scales, "steps", *scales, *scales, "bias"], ["y"]),
            helper.make_node("DequantizeLinear", ["y", *scales], ["z"]),
        ],
        {
            "steps": np.ones((4, 3, 3, 3), np.int8),
            "bias": np.ones(4, np.int32),
            "scale": np.float32(0.1),
            "zero": np.int8(0),
        },
        {"x": [1, 3, 5, 5]},
        ["z"],
    )
    (layer,) = layers(made).layers
    assert layer.gflops == 2 * (4 * 9) * 27 / 1e9
    assert (layer.weights, layer.in_8_bits, layer.out_in_8_bits) == (112, True, True)


def test_the_shipped_bundle_costs_what_its_manifest_says_less_what_is_known_before_a_photo():
    network = layers((SHIPPED / "model.onnx").read_bytes())
    facts = json.loads((SHIPPED / "manifest.json").read_text("utf-8"))
    # the student multiplies its places and the query of its pool anew for each photo; the graph holds what comes out
    assert 0.97 * facts["gflops"] < network.gflops < facts["gflops"]
    # on top of the parameters there are tables of words; norms and biases of products are no layers
    assert network.weights == pytest.approx(facts["parameters"], rel=0.05)
    assert (network.side, network.share_in_8_bits) == (128, 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no graph at all", "model.onnx: wanted an ONNX model, got bytes that are none"),
        (
            graph([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": floats(1, 3, 1, 1)}, {"x": [1, 3, "n", 8]}, "y"),
            "model.onnx: 'x' has no fixed shape; wanted a graph for photos of one size",
        ),
        (
            graph([helper.make_node("MatMul", ["x"], ["y"])], {}, {"x": [3, 4]}, ["y"]),
            "model.onnx: wanted layers that fit together, got ",
        ),
        (
            graph([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": floats(5, 6)}, {"x": [3, 4]}, ["y"]),
            "model.onnx: wanted layers that fit together, got InferenceError",
        ),
    ],
)
def test_a_graph_that_cannot_be_counted_is_refused(content, said):
    with pytest.raises(InputError, match="^" + said):
        layers(content)


def test_mutated_graphs_are_counted_or_refused():
    whole = graph(
        [*rounded("x"), helper.make_node("Conv", ["x_dq", "w", "b"], ["y"], pads=[1, 1, 1, 1])],
        {"w": floats(2, 3, 3, 3), "b": floats(2), "scale": np.float32(0.1), "zero": np.int8(0)},
        {"x": [1, 3, 8, 8]},
        ["y"],
    )
    dice, counted = random.Random(0), 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        try:
            counted += len(layers(bytes(content)).layers)
        except InputError:
            continue
    assert counted


def test_without_onnx_the_extra_that_has_it_is_named():
    code = "import sys; sys.modules['onnx'] = None\nfrom edgegsr.bench.layers import layers\nlayers(b'')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "an estimate from a graph needs packages that are not installed" in done.stderr
    assert "pip install 'edgegsr[train]'" in done.stderr
