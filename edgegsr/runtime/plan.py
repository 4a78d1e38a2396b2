"""A bundle's graph as a TensorRT engine, on the GPU that is here. tensorrt, CUDA's runtime and numpy."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from edgegsr.bundle import INPUTS, OUTPUTS
from edgegsr.runtime.build_engine import TO_DEVICE, TO_HOST, BuildError, Cuda, plan_of
from edgegsr.runtime.cuda_graph import CudaGraph

Numbers = dict[str, npt.NDArray[np.float32]]
NUMPY = {"UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64, "FLOAT": np.float32, "HALF": np.float16}  # of a gate


class PlanSession:
    """The engine of a bundle, which is built first where none fits. Threads take turns: there is one GPU.

    What does not change from photo to photo, as words do not, is sent once.
    With `cuda_graph` it is captured in one, or refused: launched one by one is another engine.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], *, cuda_graph: bool = False) -> None:
        import tensorrt as trt

        plan = plan_of(folder, manifest=manifest)  # first, for it says what is wrong with CUDA, which TensorRT does not
        logger = trt.Logger(trt.Logger.WARNING)
        runtime = trt.Runtime(logger)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            engine = runtime.deserialize_cuda_engine(plan_of(folder, again=True, manifest=manifest))
        if engine is None:
            raise BuildError(f"{folder}: TensorRT {trt.__version__} does not load the engine that it has built")
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        self._inputs, self._outputs = tuple(manifest.get("inputs", INPUTS)), tuple(manifest.get("outputs", OUTPUTS))
        if sorted(names) != sorted((*self._inputs, *self._outputs)):
            raise BuildError(f"{folder}: wanted the gates of a bundle, got {', '.join(names)[:200]}")
        self._cuda = cuda = Cuda()
        self._lock, self._device, self._stream = Lock(), cuda.device(), cuda.stream()
        self._runtime, self._engine = runtime, engine
        self._context = context = engine.create_execution_context()
        self._host = {
            name: np.zeros(tuple(engine.get_tensor_shape(name)), NUMPY[engine.get_tensor_dtype(name).name])
            for name in names
        }
        self._address = {name: cuda.memory(values.nbytes) for name, values in self._host.items()}
        self._sent: dict[str, Any] = {}
        for name, address in self._address.items():
            context.set_tensor_address(name, address)
        weakref.finalize(self, cuda.free, list(self._address.values()), self._stream).atexit = False
        self._graph = CudaGraph(cuda, self._stream, self._enqueue) if cuda_graph else None
        if self._graph is not None:
            weakref.finalize(self, self._graph.destroy).atexit = False  # the last to be registered is the first to go

    def __call__(self, given: Mapping[str, Any]) -> Numbers:
        with self._lock:
            self._cuda.use(self._device)
            for name in self._inputs:
                if name in INPUTS or self._sent.get(name) is not given[name]:
                    self._host[name][...] = given[name]
                    self._copy(name, TO_DEVICE)
                    self._sent[name] = given[name]
            if self._graph is None:
                self._enqueue()
            else:
                self._graph.launch()
            for name in self._outputs:
                self._copy(name, TO_HOST)
            self._cuda.wait(self._stream)
            return {name: self._host[name][0].astype(np.float32) for name in self._outputs}

    def _enqueue(self) -> None:
        context = self._context
        if not context.execute_async_v3(self._stream):
            raise BuildError("TensorRT has not run the engine; its messages say why")

    def _copy(self, name: str, kind: int) -> None:
        host, device = self._host[name].ctypes.data, self._address[name]
        to, source = (device, host) if kind == TO_DEVICE else (host, device)
        self._cuda.copy(to, source, self._host[name].nbytes, kind, self._stream)
