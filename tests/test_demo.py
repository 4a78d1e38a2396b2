"""The demo, on a world of a few dozen images and for one epoch: both students, one report."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("cv2")

sys.path.append(str(Path(__file__).with_name("teacher")))
import tiny_teachers

from edgegsr import demo
from edgegsr.run import WEIGHTS, open_run, read_config
from edgegsr.shipped import find_bundle, find_run


@pytest.mark.parametrize("begun", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_demo_puts_a_taught_student_and_one_alone_in_one_report(
    tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """The whole way takes minutes; one that was begun has its bundles already, and learns here from a tiny teacher."""
    teacher, name = None, "diorama-teacher"
    if begun:
        monkeypatch.setattr(demo, "COMPARED", 16)
        monkeypatch.setattr(demo, "LOOKED_AT", 4)
        teacher, name = str(tmp_path / "tiny-clip"), "tiny-clip"
        tiny_teachers.save_clip(Path(teacher), layers=2)
        weights = hashlib.sha256((find_run(demo.SHIPPED) / WEIGHTS).read_bytes()).hexdigest()[:8]
        for target in ("onnx-fp32", "onnx-int8"):
            shutil.copytree(find_bundle(demo.SHIPPED), tmp_path / "demo" / "bundles" / f"{target}-{weights}")
        monkeypatch.setattr(demo, "export", lambda *_, **__: pytest.fail("exports what is there"))
    said = demo.run(tmp_path / "demo", share=0.01, epochs=1, teacher=teacher)
    page = Path(said["report"]).read_text("utf-8")
    assert "without a teacher" in page and name in page
    few = {"rare", "unseen"}  # of so few images no verb has more than twenty
    assert all(set(scores) & {"seen", "rare", "unseen"} == few for scores in said["dev"].values())
    assert set(said["dev"]) == {"taught", "alone"}
    shipped = said["shipped"]
    assert shipped["dev"]["rare"]["verb_top1"] > 0.5 > said["dev"]["taught"]["rare"]["verb_top1"]
    with Image.open(shipped["picture"]) as picture:
        assert picture.format == "PNG" and min(picture.size) >= 300
    assert Path(said["image"]).is_file() and open_run(said["run"]).folder == tmp_path / "demo" / "run"
    methods = {name: read_config(tmp_path / "demo" / name)["method"] for name in ("run", "alone")}
    assert methods == {"run": "mipd", "alone": "none"}
    page = Path(said["bench"]).read_text("utf-8")
    assert all(name in page for name in ("teacher", "student, in torch", "bundle, INT8", "pruned, as it ships"))
    assert "ESTIMATE" in page and "orin-nano-super" in page
