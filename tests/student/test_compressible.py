"""What pruning and export need of a student: a graph they can follow, with nothing in it that remembers a width."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from edgegsr.student.attention import Attention  # noqa: E402
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


def dependencies(student: Student, pixels: torch.Tensor) -> Any:
    tp = pytest.importorskip("torch_pruning")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tp.DependencyGraph().build_dependency(student, pixels)


def prune(student: Student, pixels: torch.Tensor, name: str, channels: int) -> None:
    """Takes the first output channels off a layer, and whatever hangs on them off the others."""
    graph, layer = dependencies(student, pixels), student.get_submodule(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        how = graph.get_pruner_of_module(layer).prune_out_channels
        graph.get_pruning_group(layer, how, list(range(channels))).prune()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("encoder.backbone.encoder.stages.1.blocks.0.layers.0.convolution", (4, 16, 3, 3)),
        ("encoder.backbone.encoder.stages.2.blocks.0.aggregation.1.convolution", (60, 32, 1, 1)),
        ("encoder.mixer.0.mlp.0", (60, 32)),
        ("decoder.layers.1.mlp.0", (60, 32)),
        ("presence.0", (28, 32)),
    ],
)
def test_layer_can_be_pruned_and_the_student_still_answers(
    student: Student, pixels: torch.Tensor, name: str, shape: tuple[int, ...]
) -> None:
    prune(student, pixels, name, 4)
    assert student.get_submodule(name).weight.shape == shape
    assert student(pixels).boxes_xyxy.isfinite().all()


def test_token_width_can_be_pruned_through_the_whole_student(student: Student, pixels: torch.Tensor) -> None:
    weights = sum(weight.numel() for weight in student.parameters())
    prune(student, pixels, "encoder.coarse.project", 16)
    assert student.encode(pixels).tokens.shape == (3, 80, 16)
    sum(output.sum() for output in student.train()(pixels)).backward()  # and trained on
    assert sum(weight.numel() for weight in student.parameters()) < weights
    assert all(weight.grad.shape == weight.shape for weight in student.parameters() if weight.grad is not None)


def test_whole_head_can_be_pruned(student: Student, pixels: torch.Tensor) -> None:
    attention = student.decoder.layers[0].cross_attention
    prune(student, pixels, "decoder.layers.0.cross_attention.q", 16)  # the first of two heads
    attention.heads = 1
    assert [linear.weight.shape[0] for linear in (attention.q, attention.k, attention.v)] == [16, 16, 16]
    assert attention.o.weight.shape == (32, 16)
    assert student(pixels).noun_logits.isfinite().all()


def test_pruning_nothing_is_identity(student: Student, pixels: torch.Tensor) -> None:
    before = student(pixels)
    dependencies(student, pixels)
    for same, again in zip(before, student(pixels)):
        assert torch.equal(same, again)


def test_heads_are_an_attribute_that_may_change() -> None:
    attention, x = Attention(32, 4), torch.randn(2, 5, 32)
    whole = attention(x, x)
    attention.heads = 2
    assert attention(x, x).shape == whole.shape
    assert not torch.allclose(attention(x, x), whole)
