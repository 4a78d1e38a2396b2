"""Whether every name that is used of TensorRT is there, with these arguments, in the versions that can be had by pip.

It proves names and not behaviour: the bindings are real, what they call is a stub that does nothing.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgegsr.runtime import build_engine, plan
from edgegsr.runtime.build_engine import TYPED_ONLY_SINCE, TYPED_SINCE, Way, way_of

WHEELS = {  # version: package, and the number of its libraries
    "8.6.1": ("tensorrt-bindings", 8),
    "10.3.0": ("tensorrt-cu12-bindings", 10),
    "10.16.1.11": ("tensorrt-cu12-bindings", 10),
    "11.4.0.106": ("tensorrt-cu12-bindings", 11),
}
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser", "nvparsers")
FACTORIES = """createInferBuilder_INTERNAL createInferRuntime_INTERNAL createInferRefitter_INTERNAL
createNvOnnxParser_INTERNAL createNvOnnxParserRefitter_INTERNAL getBuilderPluginRegistry getPluginRegistry
getNvOnnxParserVersion initLibNvInferPlugins _ZN11nvuffparser15createUffParserEv
_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi _ZN14nvcaffeparser117createCaffeParserEv
_ZN14nvcaffeparser123shutdownProtobufLibraryEv""".split()
OWNERS = {  # what the sources call a thing: its class
    "trt": "",
    "logger": "Logger",
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "cache": "ITimingCache",
    "runtime": "Runtime",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
}
SOURCES = {build_engine: ("build", "plan_of"), plan: ("__init__", "_enqueue")}  # the functions that touch TensorRT
CONDITIONED = {  # what is not in every version, and since when it is not
    "NetworkDefinitionCreationFlag.EXPLICIT_BATCH": TYPED_ONLY_SINCE,
    "BuilderFlag.FP16": TYPED_ONLY_SINCE,
    "BuilderFlag.INT8": TYPED_ONLY_SINCE,
}
ASK = """
import json, sys
trt = __import__(sys.argv[1])
found = {}
for name in json.loads(sys.argv[2]):
    thing = trt
    for part in filter(None, name.split(".")):
        thing = getattr(thing, part, None)
    thing = thing.__init__ if isinstance(thing, type) and not hasattr(thing, "__members__") else thing
    found[name] = None if thing is None else getattr(thing, "__doc__", None) or ""
print(json.dumps({"version": trt.__version__, "found": found, "types": list(trt.DataType.__members__)}))
"""


@dataclass(frozen=True)
class Use:
    """One place where a source touches TensorRT."""

    name: str  # such as Builder.create_network
    conditions: tuple[tuple[str, bool], ...]  # on the way, and whether they must hold
    positional: int | None  # arguments; None where it is not called
    named: tuple[str, ...]

    def happens(self, way: Way) -> bool:
        return all(bool(eval(test, {"way": way})) == holds for test, holds in self.conditions)


def uses(module: Any) -> Iterator[Use]:
    """Every use of TensorRT in the functions of a module that touch it."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in SOURCES[module]:
            yield from walked(node, ())


def walked(node: ast.AST, conditions: tuple[tuple[str, bool], ...]) -> Iterator[Use]:
    if isinstance(node, ast.If) and "way." in ast.unparse(node.test):
        test = ast.unparse(node.test)
        for body, holds in ((node.body, True), (node.orelse, False)):
            for each in body:
                yield from walked(each, (*conditions, (test, holds)))
        return
    called = node if isinstance(node, ast.Call) else None
    name = dotted(called.func if called else node)
    if name:
        given = (len(called.args), tuple(str(each.arg) for each in called.keywords)) if called else (None, ())
        yield Use(name, conditions, *given)
    below = [*called.args, *called.keywords] if called and name else ast.iter_child_nodes(node)
    for each in [] if name and not called else below:
        yield from walked(each, conditions)


def dotted(node: ast.AST) -> str:
    """The name within TensorRT of `builder.create_network`; empty for what is not of it."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not parts or not isinstance(node, ast.Name) or node.id not in OWNERS:
        return ""
    return ".".join(filter(None, (OWNERS[node.id], *reversed(parts))))


def every() -> list[Use]:
    return [use for module in SOURCES for use in uses(module)]


def accepts(signature: str, use: Use) -> bool:
    """Whether one of the signatures that pybind11 documents takes the arguments of a use."""
    for line in signature.splitlines():
        if "(self" not in line or "->" not in line or "*args" in line:
            continue
        inside = line[line.index("(") + 1 : line.rindex(") ->")]
        wanted = [each for each in split(inside) if not each.startswith("self")]
        names = [each.split(":")[0].strip() for each in wanted]
        needed = [name for name, each in zip(names, wanted) if "=" not in each]
        given = [*names[: use.positional], *use.named]
        if (use.positional or 0) <= len(names) and set(use.named) <= set(names) and set(needed) <= set(given):
            return True
    return False


def split(text: str) -> list[str]:
    """Parameters, apart at the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([<{") - (letter in ")]>}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [each.strip() for each in parts if each.strip()]


@cache
def bindings(version: str, place: Path) -> Path:
    """A folder with the bindings of a version and libraries for them that do nothing."""
    package, major = WHEELS[version]
    folder = place / version
    if not shutil.which("gcc"):
        pytest.skip("gcc is not here, which makes the libraries")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary=:all:",
        "--retries=1",
        "--timeout=15",
        "-d",
        str(folder),
    ]
    got = subprocess.run([*pip, f"{package}=={version}"], capture_output=True, text=True, timeout=300)
    if got.returncode:
        pytest.skip(f"{package} {version} cannot be had: {got.stderr.strip().splitlines()[-1]}")
    (wheel,) = folder.glob("*.whl")
    shutil.unpack_archive(wheel, folder, "zip")
    source = folder / "stub.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FACTORIES))
    for library in LIBRARIES:
        out = folder / f"lib{library}.so.{major}"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(out), str(source)], check=True)
    return folder


def asked(version: str, place: Path, names: list[str]) -> dict[str, Any]:
    folder = bindings(version, place)
    package = next(each.parent.name for each in sorted(folder.glob("*/__init__.py")))
    run = subprocess.run(
        [sys.executable, "-c", ASK, package, json.dumps(names)],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bindings")


@pytest.mark.parametrize("version", WHEELS)
def test_what_a_version_is_asked_for_is_there(version: str, place: Path) -> None:
    ways = [way_of(version, precision) for precision in ("fp16", "int8")]
    used = [use for use in every() if any(use.happens(way) for way in ways)]
    told = asked(version, place, sorted({use.name for use in used}))
    assert told["version"] == version
    assert [name for name, text in told["found"].items() if text is None] == []
    calls = [use for use in used if use.positional is not None]
    assert [use for use in calls if not accepts(told["found"][use.name], use)] == []
    own = {"INT64"} if version.startswith("8") else set()
    assert plan.NUMPY.keys() - own <= set(told["types"])


@pytest.mark.parametrize("version", WHEELS)
def test_what_is_under_a_condition_is_missing_elsewhere(version: str, place: Path) -> None:
    told = asked(version, place, [*CONDITIONED, "NetworkDefinitionCreationFlag.STRONGLY_TYPED"])["found"]
    number = tuple(map(int, version.split(".")[:2]))
    assert {name: told[name] is None for name in CONDITIONED} == {
        name: number >= gone for name, gone in CONDITIONED.items()
    }
    assert number < TYPED_SINCE or told["NetworkDefinitionCreationFlag.STRONGLY_TYPED"] is not None


def test_the_sources_are_read_whole() -> None:
    names = {use.name for use in every()}
    assert {
        "Builder",
        "BuilderFlag.INT8",
        "IBuilderConfig.set_timing_cache",
        "IExecutionContext.execute_async_v3",
    } <= names
    assert len(names) > 30, sorted(names)
    conditioned = {use.name for use in every() if use.conditions}
    assert CONDITIONED.keys() <= conditioned
    assert {"IBuilderConfig.builder_optimization_level", "NetworkDefinitionCreationFlag.STRONGLY_TYPED"} <= conditioned
    for module, functions in SOURCES.items():  # nothing else of a module imports it
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        own = {
            function.name
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and "tensorrt as trt" in ast.unparse(function)
        }
        assert own <= set(functions)


def test_a_missing_argument_is_seen() -> None:
    line = "set_flag(self: a.b, flag: c.d, more: int = <X: 0>) -> None"
    assert accepts(line, Use("f", (), 1, ())) and accepts(line, Use("f", (), 0, ("flag",)))
    assert not any(accepts(line, Use("f", (), *given)) for given in ((0, ()), (3, ()), (1, ("other",))))
