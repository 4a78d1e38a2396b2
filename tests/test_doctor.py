from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from edgegsr.doctor import NEEDS, PACKAGES, Report, examine
from edgegsr.shipped import find_profile

EVERYTHING = {name: "11.0.0" for names in PACKAGES.values() for name in names}
DEVICE = {name: "1.0" if name in PACKAGES["edgegsr"] else None for name in EVERYTHING}
PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

X86 = "processor : 0\nmodel name : x\nflags : avx2 {more}\n"
ARM = "processor : 0\nFeatures : asimd {more}\nCPU implementer : 0x41\nCPU part : 0xd42\n"


def root(folder: Path, cpuinfo: str, tegra: str = "", release: str = "", gpu: str = "") -> Path:
    files = {"proc/cpuinfo": cpuinfo}
    if tegra:
        files |= {"proc/device-tree/compatible": f"nvidia,{tegra}\0", "etc/nv_tegra_release": release}
    if gpu:
        files["usr/bin/nvidia-smi"] = f"#!/bin/sh\necho '{gpu}'\n"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def verdicts(report: Report) -> dict[str, tuple[bool, bool, str]]:
    return {target.name: (target.builds, target.runs, target.why) for target in report.targets}


def test_every_target_is_judged_once(tmp_path: Path) -> None:
    assert list(verdicts(examine(tmp_path))) == list(NEEDS)


def test_a_workstation_with_everything_exports_and_runs_everything(tmp_path: Path) -> None:
    here = root(tmp_path, X86.format(more="avx512_vnni avx512_bf16"), gpu="NVIDIA T4, 15360, 550.54, 7.5")
    found = verdicts(examine(here, EVERYTHING, "3.12.1"))
    assert found.pop("onnx-fp16") == (True, True, "for engines on a GPU; a CPU is slower with it than with onnx-fp32")
    assert found.pop("onnx-int8-arm64") == (True, True, "for ARM CPUs, which this one is not; take onnx-int8")
    assert set(found.values()) == {(True, True, "")}


def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    here = root(tmp_path, X86.format(more="avx_vnni"))
    found = verdicts(examine(here, EVERYTHING | {"torch": None, "onnxscript": None, "openvino": None}, "3.11.0"))
    assert found["onnx-fp32"] == (False, True, "to export: needs torch, onnxscript: pip install 'edgegsr[train]'")
    assert found["openvino-int8"] == (
        False,
        False,
        "to export: needs torch, onnxscript, openvino: pip install 'edgegsr[train]' 'edgegsr[openvino]'; "
        "to run: needs openvino: pip install 'edgegsr[openvino]'",
    )


def test_a_board_with_an_older_python_runs_what_another_machine_builds(tmp_path: Path) -> None:
    here = root(tmp_path, ARM.format(more="asimddp asimdhp"))
    found = verdicts(examine(here, DEVICE, "3.10.12"))
    reason = "to export: needs Python 3.11 or newer, got 3.10.12; build on another machine"
    assert found["onnx-fp32"] == (False, True, reason) == found["onnx-int8"]


@pytest.mark.parametrize(
    ("cpuinfo", "why"),
    [
        (X86.format(more=""), "no int8 dot product"),
        (X86.format(more="avx_vnni"), ""),
        (X86.format(more="amx_int8"), ""),
        (ARM.format(more=""), "no int8 dot product"),
        (ARM.format(more="asimddp"), ""),
        (ARM.format(more="i8mm"), ""),
    ],
)
def test_int8_on_a_cpu_without_the_instruction_comes_with_a_warning(tmp_path: Path, cpuinfo: str, why: str) -> None:
    found = verdicts(examine(root(tmp_path, cpuinfo), EVERYTHING, "3.11.0"))
    for target in ("onnx-int8", "openvino-int8"):
        builds, runs, said = found[target]
        assert builds and runs and bool(said) == bool(why) and why in said


def test_bfloat16_on_a_cpu_without_it_comes_with_a_warning(tmp_path: Path) -> None:
    for more, why in (("", "this CPU has no bfloat16 and counts in float32"), ("avx512_bf16", "")):
        found = verdicts(examine(root(tmp_path, X86.format(more=more)), EVERYTHING, "3.11.0"))
        assert found["openvino-bf16"] == (True, True, why)


def test_targets_are_the_profiles_that_come_along(tmp_path: Path) -> None:
    found = verdicts(examine(root(tmp_path, X86.format(more="")), EVERYTHING, "3.11.0"))
    profiles = find_profile("onnx-fp32").parent
    assert found.keys() == {path.stem for path in profiles.glob("*.toml")}


def test_kits_are_exported_anywhere_and_engines_need_a_gpu(tmp_path: Path) -> None:
    found = verdicts(examine(root(tmp_path, X86.format(more="")), EVERYTHING, "3.11.0"))
    for target in ("orin-nano-trt-fp16", "orin-nano-trt-int8"):
        assert found[target] == (True, False, "to run: needs an NVIDIA GPU or a Jetson, found none")


ORIN = {"tegra": "tegra234", "release": "# R36 (release), REVISION: 4.3, GCID: 1"}
XAVIER = {"tegra": "tegra194", "release": "# R35 (release), REVISION: 4.1, GCID: 1"}
TX2 = {"tegra": "tegra186", "release": "# R32 (release), REVISION: 7.4, GCID: 1"}
NANO = {"tegra": "tegra210", "release": ""}
APT = "sudo apt install python3-libnvinfer (and a venv with --system-site-packages)"


@pytest.mark.parametrize(
    ("board", "tensorrt", "target", "wanted"),
    [
        (ORIN, "10.3.0", "orin-nano-trt-int8", (True, "")),
        (ORIN, None, "orin-nano-trt-int8", (False, f"needs tensorrt: {APT}")),
        (XAVIER, "8.5.2.2", "orin-nano-trt-fp16", (True, "")),
        (XAVIER, "8.4.1", "orin-nano-trt-fp16", (False, f"needs TensorRT 8.5 or newer, got 8.4.1: {APT}")),
        (TX2, "8.2.1", "orin-nano-trt-fp16", (False, "needs TensorRT 8.5 or newer, JetPack 4.6.1 or newer has 8.2")),
        (
            NANO,
            "10.0",
            "orin-nano-trt-int8",
            (False, "this GPU (compute capability 5.3) has no int8; take orin-nano-trt-fp16"),
        ),
    ],
    ids=["orin", "orin-bare", "xavier", "xavier-old", "tx2", "nano"],
)
def test_engines_on_a_jetson(
    tmp_path: Path, board: dict[str, str], tensorrt: str | None, target: str, wanted: tuple[bool, str]
) -> None:
    here = root(tmp_path, ARM.format(more="asimddp"), **board)
    exports, runs, why = verdicts(examine(here, DEVICE | {"tensorrt": tensorrt}, "3.10.12"))[target]
    assert not exports and why.startswith("to export: needs Python 3.11 or newer, got 3.10.12")
    assert runs is wanted[0] and why.partition("; to run: ")[2].startswith(wanted[1])
    assert ("; to run: " in why) is not runs


def test_tensorrt_for_a_discrete_gpu_comes_from_pip(tmp_path: Path) -> None:
    here = root(tmp_path, X86.format(more=""), gpu="NVIDIA T4, 15360, 550.54, 7.5")
    found = verdicts(examine(here, DEVICE, "3.12.0"))
    assert found["orin-nano-trt-fp16"][1:] == (
        False,
        "to export: needs torch, transformers, onnx, onnxscript: pip install 'edgegsr[train]'; "
        "to run: needs tensorrt: pip install 'edgegsr[trt]'",
    )


def test_the_report_shows_a_jetson_in_tables_and_as_json(tmp_path: Path) -> None:
    report = examine(root(tmp_path, ARM.format(more="asimddp"), **ORIN), DEVICE, "3.10.12")
    tables = {title: rows for title, headers, rows in report.tables() if all(len(row) == len(headers) for row in rows)}
    machine = dict(tables["This machine"])
    assert machine["Python"] == "3.10.12" and machine["CPU features"] == "NEON, dot product"
    assert machine["board"] == "NVIDIA Jetson" and machine["JetPack"] == "6.2 (L4T 36.4.3)"
    assert ("torch", "-", "'edgegsr[train]'") in tables["Packages"] and len(tables["Targets"]) == len(NEEDS)
    as_json = json.loads(json.dumps(report.to_json()))
    assert as_json["machine"]["board"]["jetpack"] == "6.2" and as_json["targets"][0]["name"] == "onnx-fp32"


def test_a_gpu_is_shown_with_its_memory(tmp_path: Path) -> None:
    here = root(tmp_path, X86.format(more=""), gpu="NVIDIA T4, 15360, 550.54, 7.5")
    machine = dict(examine(here, DEVICE).tables()[0][2])
    assert machine["GPU"] == "NVIDIA T4, 16.1 GB, driver 550.54, compute capability 7.5"


def test_the_packages_are_those_of_the_project() -> None:
    project = pytest.importorskip("tomllib").loads(PYPROJECT.read_text())["project"]
    base, train = (
        {re.split(r"[^a-z0-9-]", line)[0] for line in lines}
        for lines in (project["dependencies"], project["optional-dependencies"]["train"])
    )
    assert set(PACKAGES["edgegsr"]) == base - {"tomli"}  # which only the oldest Python takes
    assert set(PACKAGES["'edgegsr[train]'"]) == train


def test_a_package_under_another_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "onnxruntime-gpu":
            raise PackageNotFoundError(name)
        return "1.31.0"

    monkeypatch.setattr("edgegsr.doctor.version", version)
    assert examine().packages["onnxruntime"] == "1.31.0"
    assert examine().packages["numpy"] is None


def test_the_answer_takes_less_than_a_second_and_imports_nothing_heavy() -> None:
    heavy = ("numpy", "torch", "transformers", "onnx", "onnxruntime", "rich", "typer")
    code = (
        "import sys, time, edgegsr.doctor as d; d.examine().tables();"
        f"print([m for m in {heavy} if m in sys.modules], time.process_time() < 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PYPROJECT.parent)
    assert done.stdout.strip() == "[] True"
