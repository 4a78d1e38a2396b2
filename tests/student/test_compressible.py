"""What pruning and export need of a student: a graph they can follow, with nothing in it that remembers a width."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from edgegsr.student.attention import Attention, CrossAttention  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402


def test_exported_graph_answers_like_the_student(student: Student, pixels: torch.Tensor, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "student.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(student, (pixels,), path, dynamo=True, opset_version=20, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert (entry.type, entry.shape) == ("tensor(uint8)", [3, 64, 64, 3])
    for eager, exported in zip(student(pixels), session.run(None, {entry.name: pixels.numpy()})):
        assert (eager - torch.from_numpy(exported)).abs().max() < 1e-4
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert {"Gather", "ArgMax"} <= operators, "the frame of the best verb is chosen in the graph"
    assert not operators & {"Loop", "If", "Scan", "NonZero"}


def test_heads_are_an_attribute_that_may_change() -> None:
    x = torch.randn(2, 5, 32)
    for attention in (Attention(32, 4), CrossAttention(32, 4)):
        whole = attention(x, x)
        attention.heads = 2
        assert attention(x, x).shape == whole.shape
        assert not torch.allclose(attention(x, x), whole)


def test_matrices_at_the_few_queries_say_the_same_as_at_every_token() -> None:
    near, few, many = CrossAttention(32, 4), torch.randn(2, 5, 32), torch.randn(2, 60, 32)
    plain = Attention(32, 4)
    odd = plain.load_state_dict(near.state_dict(), strict=False)
    assert odd.missing_keys == ["k.bias", "v.bias"]
    torch.nn.init.zeros_(plain.v.bias)  # and a bias of the keys changes nothing
    assert torch.allclose(near(few, many), plain(few, many), atol=1e-6)
