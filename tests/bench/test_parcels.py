"""What is copied to a board: all that it needs, once, whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from overssh import BUNDLE, PYTHON, Sshd, wrapped

from edgegsr.bench.measure import Job
from edgegsr.bench.parcels import kit, of_bundle, of_photos
from edgegsr.bench.ssh import Line
from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError


def test_a_copy_that_finds_no_room_leaves_nothing(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    python = wrapped(tmp_path, f"export EDGEGSR_CACHE={tmp_path}/cache; ulimit -f 1000; {PYTHON}")
    with pytest.raises(InputError, match=r"wanted [\d,]+ bytes for what is to be copied, found [\d,]+ free; make room"):
        sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
    assert [path.name for path in (tmp_path / "cache" / "bench").iterdir()] == [kit().name]  # which is small


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_too_small_is_said_before_anything_is_copied(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this system mounts nothing")
    try:
        python = wrapped(tmp_path, f"export EDGEGSR_CACHE={disk}; {PYTHON}")
        with pytest.raises(InputError, match=r"found 1,048,576 free; make room there, or let EDGEGSR_CACHE name"):
            sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_copy_that_was_cut_is_not_there_and_its_rest_goes_with_the_next(sshd: Sshd, tmp_path: Path) -> None:
    there = sshd.there(tmp_path, python=wrapped(tmp_path, f"export EDGEGSR_CACHE={tmp_path}/cache; {PYTHON}"))
    line, parcel = Line(there.host, there.python, there.options), kit()
    parts = list(parcel.tar())
    assert len(parts) == parcel.parts + 1  # as the time that is left is told by
    for some in (parts[:3], [*parts[:3], parts[3][:700]]):
        assert line.ask("unpack", stream=some, name=parcel.name, files=len(parcel.files)) == {"whole": False}
    left = tmp_path / "cache" / "bench" / ".abc.999999999"
    left.mkdir()
    assert line.ask("unpack", stream=parts, name=parcel.name, files=len(parcel.files)) == {"whole": True}
    assert [path.name for path in left.parent.iterdir()] == [parcel.name]


def test_what_another_machine_has_built_stays_behind(tmp_path: Path) -> None:
    shutil.copytree(BUNDLE, tmp_path / "bundle")
    (tmp_path / "bundle" / "engine").mkdir()
    (tmp_path / "bundle" / "engine" / "model.plan").write_bytes(b"of another GPU")
    parcel = of_bundle(open_bundle(tmp_path / "bundle"))
    assert parcel.files.keys() == {path.name for path in BUNDLE.iterdir()}
    assert parcel.name == of_bundle(open_bundle(BUNDLE)).name


def test_a_photo_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: cannot be read: No such file or directory; it is to be copied"):
        print(of_photos([str(tmp_path / "a.png")]).name)


def test_a_photo_that_changes_while_it_is_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    parcel = of_photos([str(tmp_path / "a.png")])
    assert parcel.name
    (tmp_path / "a.png").write_bytes(b"two")
    with pytest.raises(InputError, match=r"a\.png: has changed while it was copied; run the same command again"):
        list(parcel.tar())


HEAVY = (
    "torch",
    "transformers",
    "onnx",
    "typer",
    "rich",
    "accelerate",
    "safetensors",
    "cv2",
    "onnxruntime",
    "tokenizers",
)
LATER = {  # what is imported where it is needed
    "edgegsr/bench/loadgen.py",
    "edgegsr/bench/clock.py",
    "edgegsr/runtime/plan.py",
    "edgegsr/runtime/cuda_graph.py",
}


def test_the_kit_stands_alone_and_holds_nothing_that_is_not_needed(tmp_path: Path) -> None:
    for name, path in kit().files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / name)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.modules.update(dict.fromkeys({HEAVY}))\n"
    code += "import edgegsr.bench.job, edgegsr.bench.subject; from edgegsr.runtime import SituationRecognizer\n"
    code += "print(*(each.__file__ for name, each in sys.modules.items() if name.split('.')[0] == 'edgegsr'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = {str(Path(each).relative_to(tmp_path)) for each in done.stdout.split()}
    assert kit().files.keys() - loaded == LATER and loaded <= kit().files.keys()
