from __future__ import annotations

from pathlib import Path

import pytest

from edgegsr.bench.roofline import law
from edgegsr.errors import InputError
from edgegsr.export.target import Target, find_target
from edgegsr.shipped import CHECKOUT


def test_every_profile_that_comes_along_is_read_by_its_name() -> None:
    names = sorted(path.stem for path in (CHECKOUT / "export").glob("*.toml"))
    assert "onnx-fp32" in names
    for name in names:
        assert find_target(name) == find_target(CHECKOUT / "export" / f"{name}.toml")


def test_law_predicts_published_latencies() -> None:
    """YOLO11 at 640 px on an Orin Nano Super, TensorRT: 6.5 and 68 GFLOPs, 2.6 and 20.1 M weights."""
    int8, fp16 = find_target("orin-nano-trt-int8").roofline, find_target("orin-nano-trt-fp16").roofline
    assert int8 and fp16
    for each, small, medium in ((int8, 3.70, 9.12), (fp16, 4.53, 13.50)):
        assert each.predict_ms(6.5, 2_600_000) == pytest.approx(small, rel=0.15)
        assert each.predict_ms(68.0, 20_100_000) == pytest.approx(medium, rel=0.15)


def test_a_profile_names_its_board_or_brings_its_law(tmp_path: Path) -> None:
    for name in ("orin-nano", "agx-orin", "thor"):
        for precision in ("fp16", "int8"):
            aim = find_target(f"{name}-trt-{precision}")
            assert aim.roofline == law().roofline(aim.board, precision)
    whole = "start_ms = 1\ntops = 2\ngb_per_s = 3"
    for text, said in (
        ('board = "toaster"', "odd.toml: target.board must be one of .*orin-nx-16.*, got 'toaster'"),
        (
            f'board = "agx-thor"\n[target.roofline]\n{whole}',
            "target.board and .*: wanted one of them, got both",
        ),
    ):
        (tmp_path / "odd.toml").write_text(f'[target]\nengine = "tensorrt"\nprecision = "int8"\nmultiple = 8\n{text}\n')
        with pytest.raises(InputError, match=said):
            find_target(tmp_path / "odd.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'engine = "abacus"\nprecision = "fp32"\nmultiple = 8',
            "target.engine must be one of onnxruntime, openvino, tensorrt",
        ),
        (
            'engine = "tensorrt"\nprecision = "fp32"\nmultiple = 8',
            "target.precision must be one of fp16, int8",
        ),
        (
            'engine = "tensorrt"\nprecision = "int8"\nmultiple = 8\nversion = "ten"',
            "target.version must be that of TensorRT, such as 10.3, or left out, got 'ten'",
        ),
        (
            'engine = "openvino"\nprecision = "fp32"\nmultiple = 8\ncpu = "arm64"',
            "target.cpu must be arm64 or none and for onnxruntime, or left out, got 'arm64'",
        ),
        (
            'engine = "onnxruntime"\nprecision = "fp16"\nmultiple = 8',
            "target.cpu must be none where onnxruntime is to count in fp16, and nowhere else",
        ),
        ('engine = "onnxruntime"\nprecision = "fp32"\nmultiple = 0', "target.multiple must be 1 or more, got 0"),
        ('engine = "onnxruntime"\nprecision = "fp32"', "target.multiple is missing"),
    ],
)
def test_profile_that_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "odd.toml").write_text(f"[target]\n{text}\n")
    with pytest.raises(InputError, match=message):
        find_target(tmp_path / "odd.toml")


def test_unknown_profile_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"--target: wanted a profile or one of .*onnx-fp32.*, got 'toaster'"):
        find_target("toaster")


def test_a_graph_for_arm_is_one_of_its_own_and_only_of_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    arm = find_target("onnx-int8-arm64")
    assert (arm.graph, find_target("onnx-int8").graph) == ("onnxruntime on arm64", "onnxruntime")
    for machine, here in (("x86_64", False), ("aarch64", True), ("arm64", True)):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert arm.is_here is here and find_target("onnx-int8").is_here
    with pytest.raises(InputError, match="cpu must be arm64 or none and for onnxruntime, or left out, got 'arm64'"):
        Target("openvino", "int8", 1, cpu="arm64")
