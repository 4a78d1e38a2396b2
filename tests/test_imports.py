from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "edgegsr"
LINE = """
situation
wording
boxes
imagefile
images
graphfile notes
signature
tensorfile
bundle
scoring
runtime
machine
bench
data
text
student run pair_run both_run
teacher
distill
export
compress
doctor
demo
cli
__main__
"""  # a module imports from its own line and from those above it
PLACE = {name: i for i, names in enumerate(LINE.split("\n")) for name in names.split()}
ANYWHERE = {
    "errors",
    "annotations",
    "interactions",
    "progress",
    "files",
    "locks",
    "card",
    "charts",
    "hub",
    "processes",
    "page",
    "shipped",
}  # small, widely used

HEAVY = ("torch", "transformers", "accelerate", "onnx", "cv2", "typer", "rich", "safetensors", "tokenizers")
LIGHT = {
    "edgegsr.situation": HEAVY,
    "edgegsr.wording": HEAVY,
    "edgegsr.annotations": HEAVY,
    "edgegsr.boxes": (*HEAVY, "PIL"),
    "edgegsr.images": HEAVY,
    "edgegsr.progress": (*HEAVY, "numpy"),
    "edgegsr.machine": (*HEAVY, "numpy"),
    "edgegsr.doctor": (*HEAVY, "numpy"),
    "edgegsr.bench.report": (*HEAVY, "PIL", "onnxruntime"),
    "edgegsr.bench.trtexec": (*HEAVY, "numpy"),
    "edgegsr.runtime": (*HEAVY, "cryptography"),
    "edgegsr.runtime.decode": HEAVY,
    "edgegsr.bundle": (*HEAVY, "numpy", "cryptography"),
    "edgegsr.runtime.decode_pairs": HEAVY,
    "edgegsr.runtime.draw": HEAVY,
    "edgegsr.scoring.gsr": HEAVY,
    "edgegsr.scoring.hico": HEAVY,
    "edgegsr.scoring.vcoco": HEAVY,
    "edgegsr.scoring.pair_predictions": HEAVY,
    "edgegsr.scoring.pairing": HEAVY,
    "edgegsr.scoring.rules": (*HEAVY, "numpy"),
    "edgegsr.data.staged": (*HEAVY, "numpy"),
    "edgegsr.data.swig": HEAVY,
    "edgegsr.data.hico": HEAVY,
    "edgegsr.data.vcoco": HEAVY,
    "edgegsr.data.check": HEAVY,
    "edgegsr.cli": ("torch", "transformers", "numpy", "PIL", "onnxruntime"),
}


@pytest.mark.parametrize("module", LIGHT)
def test_a_board_imports_nothing_heavy(module: str) -> None:
    if module == "edgegsr.cli":
        pytest.importorskip("typer")
    code = f"import sys, {module}; print([name for name in {LIGHT[module]} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def imports() -> Iterator[tuple[Path, str, str]]:
    """File, the station it belongs to, and a station that it imports from."""
    for file in sorted(PACKAGE.rglob("*.py")):
        station = file.relative_to(PACKAGE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in imported(node):
                if name.startswith("edgegsr.") and name.split(".")[1] != station:
                    yield file.relative_to(PACKAGE), station, name.split(".")[1]


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"line {node.lineno}: relative imports hide their direction"
    if node.module == "edgegsr":
        return [f"edgegsr.{alias.name}" for alias in node.names if not alias.name.startswith("__")]
    return [node.module or ""]


def test_every_module_has_a_place_on_the_line() -> None:
    stations = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert stations - {"__init__"} <= PLACE.keys() | ANYWHERE


def test_imports_point_up_the_line() -> None:
    wrong = [
        f"{file} imports edgegsr.{target}"
        for file, station, target in imports()
        if station in PLACE and target not in ANYWHERE and PLACE[target] > PLACE[station]
    ]
    assert not wrong


def test_what_may_be_imported_anywhere_imports_next_to_nothing() -> None:
    wrong = [
        f"{file} imports edgegsr.{target}"
        for file, station, target in imports()
        if station in ANYWHERE and target not in {"errors", "situation"}
    ]
    assert not wrong


def test_the_rule_itself_sees_an_import_in_any_form() -> None:
    code = (
        "import edgegsr.cli\nfrom edgegsr import boxes, __version__\ndef f():\n    from edgegsr.data.swig import read"
    )
    found = [name for node in ast.walk(ast.parse(code)) for name in imported(node)]
    assert sorted(found) == ["edgegsr.boxes", "edgegsr.cli", "edgegsr.data.swig"]


def test_engines_tell_nobody_that_they_are_used() -> None:
    code = "import edgegsr, sys, importlib.util as u\n"
    code += "[__import__(name) for name in ('openvino', 'nncf') if u.find_spec(name)]\n"
    code += "print([name for name, module in sys.modules.items() if 'openvino_telemetry' in name and module])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
