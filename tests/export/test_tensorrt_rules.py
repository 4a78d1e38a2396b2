"""Every rule with a graph that breaks it, and the graph next to it that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper  # noqa: E402

from edgegsr.export.tensorrt_rules import RULES, check  # noqa: E402

node = helper.make_node


def rounding(value: str, scale: str = "s", zero: str = "z", made: str | None = None) -> list[NodeProto]:
    """QuantizeLinear and DequantizeLinear of a value."""
    made = made or f"{value}_d"
    return [
        node("QuantizeLinear", [value, scale, zero], [f"{made}_q"], f"q_{made}"),
        node("DequantizeLinear", [f"{made}_q", scale, zero], [made], f"d_{made}"),
    ]


def model(*nodes: NodeProto, opset: int = 20, kind: int = TensorProto.FLOAT, **values: Any) -> ModelProto:
    """A graph from `x` (1, 16, 8, 8) to `y`, with a weight in 8 bits `w` and some constants."""
    constants = {
        "s": np.array(0.1, np.float32),
        "t": np.array(0.2, np.float32),
        "z": np.array(0, np.int8),
        "w": np.ones((16, 16, 1, 1), np.int8),
        "ws": np.full(16, 0.1, np.float32),
        "wz": np.zeros(16, np.int8),
        "b": np.ones((16, 1, 1), np.float32),
        **values,
    }
    x = helper.make_tensor_value_info("x", kind, [1, 16, 8, 8])
    y = helper.make_tensor_value_info("y", kind, None)
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(
        helper.make_graph(list(nodes), "g", [x], [y], initializers), opset_imports=domains, ir_version=10
    )


WEIGHT = node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], "d_w", axis=0)
CONV = node("Conv", ["x_d", "wd"], ["y"], "conv")
GOOD = model(*rounding("x"), WEIGHT, CONV)

# rule: a graph that breaks it, and what is said
BROKEN: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "T01": (lambda: model(*rounding("x"), WEIGHT, CONV, z=np.array(3, np.int8)), "the zero point z is 3; wanted 0"),
    "T02": (
        lambda: model(*rounding("x", "ws", "wz"), WEIGHT, CONV),
        "x has 16 scales by channel; wanted one",
    ),
    "T03": (
        lambda: model(node("Add", ["s", "t"], ["sum"]), *rounding("x", "sum"), WEIGHT, CONV),
        "sum is worked out in the graph; wanted a constant",
    ),
    "T04": (
        lambda: model(*rounding("x"), WEIGHT, CONV, s=np.array(0, np.float32)),
        "the smallest scale of s is 0; wanted more than 0",
    ),
    "T05": (
        lambda: model(*rounding("x"), WEIGHT, CONV, s=np.array(0.1, np.float16), ws=np.full(16, 0.1, np.float16)),
        "x is float32 and its scale float16; wanted one type",
    ),
    "T06": (
        lambda: model(node("Gelu", ["x"], ["y"], "fast", domain="com.microsoft")),
        "com.microsoft.Gelu; wanted plain ONNX with Q and DQ",
    ),
    "T07": (lambda: model(node("Relu", ["x"], ["y"]), opset=22), "opset 22; TensorRT 10.3 reads up to 20"),
    "T08": (
        lambda: model(node("Add", ["x", "x"], ["y"], "sum"), kind=TensorProto.DOUBLE),
        "Add counts in float64",
    ),
    "T09": (
        lambda: model(WEIGHT, node("Conv", ["x", "wd"], ["y"], "conv")),
        "Conv has one rounded input; wanted both or none",
    ),
    "T10": (
        lambda: model(
            *rounding("x"),
            WEIGHT,
            node("Conv", ["x_d", "wd"], ["c"], "conv"),
            *rounding("c"),
            node("Relu", ["c_d"], ["y"]),
        ),
        "stands between a convolution and its Relu, which then do not fuse",
    ),
    "T11": (
        lambda: model(
            *rounding("x"),
            WEIGHT,
            node("Conv", ["x_d", "wd"], ["c"], "conv"),
            node("Add", ["c", "x"], ["y"], "sum"),
        ),
        "neither side of the sum is rounded, so it is float",
    ),
    "T12": (
        lambda: model(
            *rounding("x"),
            WEIGHT,
            node("Conv", ["x_d", "wd"], ["c"], "conv"),
            *rounding("c", "t"),
            node("Add", ["c_d", "x_d"], ["y"], "sum"),
        ),
        "both sides of the sum are rounded, so the convolution does not take it in",
    ),
    "T13": (
        lambda: model(*rounding("x"), node("Softmax", ["x_d"], ["y"], "softmax")),
        "Softmax reads a rounded value; wanted float",
    ),
    "T14": (
        lambda: model(*rounding("x"), WEIGHT, CONV, w=np.ones((20, 16, 1, 1), np.int8)),
        "is 20 by 16 wide; INT8 is quick from at least 16, in multiples of 8",
    ),
    "T15": (
        lambda: model(
            *rounding("x"), *rounding("x", "t", "z", "other"), node("Concat", ["x_d", "other"], ["y"], "join", axis=1)
        ),
        "joins values of 2 scales; wanted one",
    ),
    "T16": (
        lambda: model(
            *rounding("x"), *rounding("x", "s", "z", "other"), node("Concat", ["x_d", "other"], ["y"], "join", axis=1)
        ),
        "is rounded 2 times; once is enough",
    ),
}


def test_a_graph_that_breaks_no_rule() -> None:
    assert check(GOOD, (10, 3)) == []


def test_every_rule_has_a_graph_that_breaks_it() -> None:
    assert BROKEN.keys() == RULES.keys()


@pytest.mark.parametrize("rule", sorted(BROKEN))
def test_a_broken_rule_is_told(rule: str) -> None:
    make, what = BROKEN[rule]
    told = [each for each in check(make(), (10, 3)) if each.rule == rule]
    assert [each.what for each in told] == [what] * len(told) and told
    assert all(each.refused == (rule < "T09") for each in told)


@pytest.mark.parametrize(
    ("operator", "since"),
    [("LayerNormalization", (8, 6)), ("Attention", (10, 14)), ("RMSNormalization", (10, 15)), ("Swish", (11, 0))],
)
def test_operators_come_with_versions(operator: str, since: tuple[int, int]) -> None:
    made = model(node(operator, ["x", "b"], ["y"], "new"), opset=17)
    before = (since[0], since[1] - 1) if since[1] else (since[0] - 1, 16)
    assert [each.rule for each in check(made, before)] == ["T07"] and check(made, since) == []


@pytest.mark.parametrize(
    ("version", "most"), [((8, 5), 17), ((8, 6), 17), ((10, 0), 20), ((10, 14), 23), ((11, 4), 24)]
)
def test_opsets_come_with_versions(version: tuple[int, int], most: int) -> None:
    assert check(model(node("Relu", ["x"], ["y"]), opset=most), version) == []
    assert [each.rule for each in check(model(node("Relu", ["x"], ["y"]), opset=most + 1), version)] == ["T07"]


def test_bytes_without_a_sign_and_scales_that_lose_their_digits_are_refused() -> None:
    without = model(*rounding("x"), WEIGHT, CONV, z=np.array(128, np.uint8))
    assert {each.what for each in check(without, (10, 3))} == {"z is uint8; wanted int8"}
    half = {"s": np.array(1e-5, np.float16), "ws": np.full(16, 0.1, np.float16)}
    short = model(*rounding("x"), WEIGHT, CONV, kind=TensorProto.FLOAT16, **half)
    (told,) = {each.what for each in check(short, (10, 16))}
    assert told.startswith("the smallest scale of s is 1.00") and told.endswith("wanted more than 6e-05")


def test_a_join_of_rounded_values_is_rounded() -> None:
    made = model(
        *rounding("x"),
        node("Concat", ["x_d", "x_d"], ["c"], "join", axis=1),
        WEIGHT,
        node("Conv", ["c", "wd"], ["y"], "conv"),
        w=np.ones((16, 32, 1, 1), np.int8),
    )
    assert check(made, (10, 3)) == []


def test_a_layer_in_float32_among_others_in_float16_reads_one_type() -> None:
    mixed = model(*rounding("x"), WEIGHT, CONV, ws=np.full(16, 0.1, np.float16))
    assert [each.what for each in check(mixed, (10, 16))] == ["reads scales in float16 and float32; wanted one type"]
