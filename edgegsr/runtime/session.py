"""A bundle's graph in an engine: photos' pixels and verbs in, the numbers of the network out. numpy and the engine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Mapping
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgegsr.bundle import ASK_INPUTS, INPUTS, OUTPUTS, PAIR_OUTPUTS, TOKENS, Bundle, Normal
from edgegsr.errors import InputError, shown
from edgegsr.runtime.build_engine import BuildError

Numbers = dict[str, npt.NDArray[np.float32]]
Pixels = npt.NDArray[np.uint8]  # (side, side, 3)
Session = Callable[[Pixels, int], Numbers]  # and the place of a verb or BEST
Gates = Callable[[Mapping[str, Any]], Numbers]  # a graph: arrays by the names of its inputs, numbers by its outputs
SLOWED_BY = ["SkipLayerNormFusion"]  # its sum and norm in one take longer than both: 6 % of nano in 1.32
NO_WORDS: Mapping[str, Any] = {}
BEST = -1  # the verb that the network finds likeliest
STARTS = (
    "starts"  # the cells that pairs begin with, which comes out of no bundle's graph, only where one is looked into
)


class Engine(Protocol):
    """A session that is told its words with every photo, where they are not folded into its graph.

    A graph that says pairs alone has no verb among its inputs, and is not told it.
    """

    def __call__(self, pixels: Pixels, verb: int = BEST, words: Mapping[str, Any] = NO_WORDS) -> Numbers: ...


class Asker(Protocol):
    """A session that is asked about a verb by what was seen of a photo."""

    def __call__(self, tokens: Any, verb: int, words: Mapping[str, Any] = NO_WORDS) -> Numbers: ...


def open_session(bundle: Bundle, engine: str, threads: int | None) -> Engine:
    """The graph in the engine of this name, which has to be here: nothing else steps in for it."""
    return asking(_named(bundle, bundle.graph, engine, threads), bundle.normal, bundle.inputs)


def open_asker(bundle: Bundle, engine: str, threads: int | None) -> Asker:
    """The same for the graph that answers from what was seen."""
    run = _named(bundle, bundle.ask, engine, threads)

    def ask(tokens: Any, verb: int, words: Mapping[str, Any] = NO_WORDS) -> Numbers:
        return run({**dict(zip(ASK_INPUTS, (tokens[None], np.array([verb], np.int64)))), **words})

    return ask


def _named(bundle: Bundle, graph: bytes, engine: str, threads: int | None) -> Gates:
    """A graph whose errors name its bundle."""
    precision = bundle.manifest.get("target", {}).get("precision", "fp32")
    try:
        gates = open_gates(graph, engine, precision, threads, bundle)
    except InputError as error:
        raise InputError(f"{shown(bundle.folder)}: {error}") from error

    def run(given: Mapping[str, Any]) -> Numbers:
        try:
            return gates(given)
        except Exception as error:
            raise InputError(
                f"{shown(bundle.folder)}: its graph fails in {engine}: {_reason(error)}; export it again"
            ) from error

    return run


def open_graph(
    graph: bytes,
    engine: str,
    precision: str,
    threads: int | None,
    normal: Normal | None = None,
    inputs: Collection[str] = INPUTS,
) -> Engine:
    """The same for a graph by itself."""
    return asking(open_gates(graph, engine, precision, threads), normal, inputs)


def open_gates(graph: bytes, engine: str, precision: str, threads: int | None, bundle: Bundle | None = None) -> Gates:
    """A graph in an engine; one that is built of files needs its bundle."""
    if engine not in ENGINES:
        raise InputError(f"engine: wanted one of {', '.join(ENGINES)}, got {engine[:60]!r}")
    if threads is not None and not (isinstance(threads, Integral) and threads >= 1):
        raise InputError(f"threads: wanted a whole number from 1, or None for the engine's choice, got {threads!r}")
    if lacking := lacks(engine):
        raise InputError(f"engine: {lacking}")
    try:
        return ENGINES[engine](graph, precision, threads and int(threads), bundle)
    except BuildError as error:
        raise InputError(f"tensorrt: {error}") from error
    except Exception as error:  # engines have exceptions of their own
        raise InputError(f"{engine} does not take the graph: {_reason(error)}") from error


def package_of(engine: str) -> str:
    """What Python imports for an engine."""
    return engine.removesuffix(IN_A_CUDA_GRAPH)


def lacks(engine: str) -> str:
    """What is not installed here for an engine, and what to do; empty where nothing lacks."""
    package = package_of(engine)
    if importlib.util.find_spec(package) is not None:
        return ""
    command = INSTALL.get(package) or f"pip install {PINNED.get(package, package)}"
    return f"{package} is not installed here; run: {command}"


def asking(gates: Gates, normal: Normal | None = None, inputs: Collection[str] = INPUTS) -> Engine:
    """A graph as a session that is given a photo and a verb, as far as they are among its inputs."""

    def run(pixels: Pixels, verb: int = BEST, words: Mapping[str, Any] = NO_WORDS) -> Numbers:
        square = pixels[None] if normal is None else normalised(pixels, normal)[None]
        given = dict(zip(INPUTS, (square, np.array([verb], np.int64))))
        return gates({**{name: value for name, value in given.items() if name in inputs}, **words})

    return run


def normalised(pixels: Pixels, normal: Normal) -> npt.NDArray[np.float32]:
    """Bytes (side, side, 3) as the floats (3, side, side) of a graph that takes those."""
    turned = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32)
    mean, std = (255 * np.array(each, np.float32)[:, None, None] for each in (normal.mean, normal.std))
    found: npt.NDArray[np.float32] = (turned - mean) / std
    return found


def _reason(error: Exception) -> str:
    """What an engine says, which may quote names of the graph."""
    return shown(next(iter(str(error).strip().splitlines()), type(error).__name__)[:300])


def in_onnxruntime(graph: bytes, threads: int | None, optimized: str = "", fused: bool = True) -> Any:
    """An InferenceSession on the CPU, set up as graphs of ours like it; what it makes of one goes to `optimized`.

    Not fused, it rounds where the graph says and counts in floats, as the graph is written.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # an exception says the same
    options.optimized_model_filepath = optimized
    if not fused:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    if threads:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        graph,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=SLOWED_BY,
        enable_fallback=0,  # which would print, and try the same again
    )


def _onnxruntime(graph: bytes, _: str, threads: int | None, __: Bundle | None) -> Gates:
    return gates_of(in_onnxruntime(graph, threads))


def gates_of(session: Any) -> Gates:
    """An InferenceSession by the names of its gates."""
    names = [each.name for each in session.get_outputs()]

    def run(given: Mapping[str, Any]) -> Numbers:
        return {name: values[0] for name, values in zip(names, session.run(names, dict(given)))}

    return run


def in_openvino(graph: bytes | Path, precision: str, threads: int | None) -> Any:
    """A compiled model on the CPU, of a graph or its file.

    What is not in 8 bits counts in bfloat16 where that is allowed and there is some.
    """
    import openvino

    core = openvino.Core()
    short = precision != "fp32" and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "bf16" if short else "f32"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    model = core.read_model(graph)
    if any(each.get_type_name() == "TopK" and _unsure(each) for each in model.get_ops()):
        raise InputError("its TopK works out how many it takes, or of how many; wanted numbers that are in the graph")
    return core.compile_model(model, "CPU", settings)


def _unsure(top: Any) -> bool:
    """Whether OpenVINO learns sizes only while it runs, where it reads past a value that has too few numbers."""
    return bool(top.input(0).get_partial_shape().is_dynamic or top.output(0).get_partial_shape().is_dynamic)


def _openvino(graph: bytes, precision: str, threads: int | None, _: Bundle | None) -> Gates:
    compiled = in_openvino(graph, precision, threads)
    there = {name for port in compiled.outputs for name in port.names}
    names = [name for name in (*OUTPUTS, TOKENS, *PAIR_OUTPUTS, STARTS) if name in there]

    def run(given: Mapping[str, Any]) -> Numbers:
        request = compiled.create_infer_request()  # one a call: a request serves one thread
        found = request.infer(dict(given), share_inputs=len(given) > len(INPUTS))  # tables are not copied every time
        return {name: found[name][0].copy() for name in names}

    return run


def _tensorrt(_: bytes, __: str, ___: int | None, bundle: Bundle | None, cuda_graph: bool = False) -> Gates:
    from edgegsr.runtime.plan import PlanSession

    if bundle is None:
        raise BuildError("an engine is built of a bundle and kept beside it; wanted a bundle, got a graph alone")
    return PlanSession(bundle.folder, bundle.manifest, cuda_graph=cuda_graph)


IN_A_CUDA_GRAPH = "-graph"
ENGINES: dict[str, Callable[[bytes, str, int | None, Bundle | None], Gates]] = {  # begins as the name of the package
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
    f"tensorrt{IN_A_CUDA_GRAPH}": partial(_tensorrt, cuda_graph=True),  # the same plan, handed over in one go
}
PINNED = {"openvino": "'edgegsr[openvino]'"}
INSTALL = {"tensorrt": "pip install tensorrt (on a Jetson: sudo apt install python3-libnvinfer)"}
