"""Operations are counted in the graphs that are executed, and shares are of blocks of one round."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("openvino")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import int8_peak
from int8_peak import Chain

from edgegsr.runtime.session import in_openvino


@pytest.mark.parametrize(
    ("chain", "operations"),
    [
        (Chain(24, 64, depth=3), 3 * 2 * 24 * 64 * 64),
        (Chain(12, 32, 3, depth=2), 2 * 2 * 12 * 12 * 32 * 32 * 9),
        (Chain(12, 32, 1, depth=2), 2 * 2 * 12 * 12 * 32 * 32),
    ],
)
def test_a_chain_has_the_operations_that_its_shape_says(chain: Chain, operations: int, tmp_path: Path) -> None:
    path = tmp_path / "chain.onnx"
    path.write_bytes(int8_peak.graph_of(chain).SerializeToString())
    in_8_bits, every = int8_peak.operations(in_openvino(path, "int8", 1))
    assert every == operations and in_8_bits in (0, operations)
    assert int8_peak.running(path, 1)()[0].max() > 0


def test_grouped_convolutions_count_what_they_sum_up() -> None:
    from openvino import Model, compile_model, opset13

    pixels = opset13.parameter([1, 16, 8, 8], np.float32)
    weights = np.ones((16, 1, 1, 3, 3), np.float32)
    depthwise = opset13.group_convolution(pixels, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    found = int8_peak.operations(compile_model(Model([depthwise], [pixels]), "CPU"))
    assert found == (0, 2 * 16 * 8 * 8 * 9)


def test_the_share_is_that_of_the_best_chain_that_ran_in_8_bits() -> None:
    blocks = {"nano": [[2.0], [4.0]], "bytes": [[1.0], [2.0]], "slower": [[10.0], [10.0]], "floats": [[0.1], [0.1]]}
    giga = 10**9
    counts = {
        "nano": (giga, 2 * giga),
        "bytes": (4 * giga, 4 * giga),
        "slower": (giga, giga),
        "floats": (giga, 2 * giga),
    }
    found = int8_peak.of_peak(blocks, counts, 2.5)
    assert found["peak"] == {"chain": "bytes", "tops": 3.0}
    assert found["nano"]["share_of_peak"] == 0.125 and found["nano"]["share_spread"] == [0.125, 0.125]
    assert found["nano"]["gops_in_8_bits"] == 1 and found["nano"]["gops"] == 2.5
    assert found["nano"]["share_counting_all_layers"] == 0.3125
    assert found["aim"] == {"share_of_peak_at_least": 0.4, "met": False}
