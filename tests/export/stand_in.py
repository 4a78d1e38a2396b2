"""Stand-ins for a GPU: CUDA's runtime in the memory of the computer, and a TensorRT that asks ONNX Runtime.

The memory, the addresses and their types are real; that TensorRT itself would do the same is not shown by them.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

CUDART = r"""
#include <stdlib.h>
#include <string.h>
int cudaMalloc(void **to, size_t count) { *to = malloc(count); return count > 1u << 30 ? 2 : 0; }
int cudaFree(void *it) { free(it); return 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t count, int kind, void *stream) {
    if (kind != 1 && kind != 2 || stream != (void *)7) return 1;
    memcpy(to, from, count); return 0; }
int cudaStreamCreateWithFlags(void **to, unsigned flags) { *to = (void *)7; return flags != 1; }
int cudaStreamSynchronize(void *stream) { return stream != (void *)7; }
int cudaStreamDestroy(void *stream) { return 0; }
int cudaGetDevice(int *to) { *to = 0; return 0; }
int cudaSetDevice(int device) { return device; }
int cudaGetDeviceProperties_v2(void *to, int device) {
    strcpy(to, "Orin"); memset((char *)to + 256, 171, 16); return 0; }
int cudaDeviceGetAttribute(int *to, int which, int device) { *to = which == 75 ? 8 : 7; return 0; }
const char *cudaGetErrorString(int status) { return status == 2 ? "out of memory" : "invalid argument"; }
"""
DTYPES = {"tensor(uint8)": "UINT8", "tensor(int64)": "INT64", "tensor(float)": "FLOAT"}
NUMPY = {"UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64, "FLOAT": np.float32}


def cudart(folder: Path) -> str:
    """A library with the calls that are made."""
    source, out = folder / "cudart.c", folder / "libcudart.so"
    source.write_text(CUDART)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(out), str(source)], check=True)
    return str(out)


class Config(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(flags=[], pools={}, cache=None)

    def set_flag(self, flag: str) -> None:
        self.flags.append(flag)

    def set_memory_pool_limit(self, pool: str, size: int) -> None:
        self.pools[pool] = size

    def create_timing_cache(self, content: bytes) -> Any:
        return SimpleNamespace(content=content, serialize=lambda: b"timings")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self.cache = cache
        return not ignore_mismatch and cache.content in (b"", b"timings")

    def get_timing_cache(self) -> Any:
        return self.cache


class Engine:
    """A plan, which is its graph, by ONNX Runtime; version 8 has no int64."""

    def __init__(self, plan: bytes, old: bool) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self.session = onnxruntime.InferenceSession(plan, options, providers=["CPUExecutionProvider"])
        self.inputs, self.outputs = self.session.get_inputs(), self.session.get_outputs()
        self.gates = {each.name: each for each in (*self.outputs, *self.inputs)}  # in no order that a runner may expect
        self.types = {name: DTYPES[each.type] for name, each in self.gates.items()}
        if old:
            self.types = {name: "INT32" if kind == "INT64" else kind for name, kind in self.types.items()}
        self.addresses: dict[str, int] = {}
        self.num_io_tensors = len(self.gates)

    def get_tensor_name(self, index: int) -> str:
        return list(self.gates)[index]

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        shape: Sequence[int] = self.gates[name].shape
        return shape

    def get_tensor_dtype(self, name: str) -> Any:
        return SimpleNamespace(name=self.types[name])

    def create_execution_context(self) -> Engine:
        return self

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        given = {each.name: self.values(each.name).astype(NUMPY[DTYPES[each.type]]) for each in self.inputs}
        for each, value in zip(self.outputs, self.session.run(None, given)):
            self.values(each.name)[...] = value
        return stream == 7

    def values(self, name: str) -> Any:
        """What lies at the address of a gate."""
        shape, kind = tuple(self.gates[name].shape), NUMPY[self.types[name]]
        count = int(np.prod(shape)) * np.dtype(kind).itemsize
        held = (ctypes.c_char * count).from_address(self.addresses[name])
        return np.frombuffer(held, kind).reshape(shape)


def tensorrt(version: str, made: list[Any]) -> ModuleType:
    """A module of this version; `made` gets what each network was built with."""
    trt: Any = ModuleType("tensorrt")
    trt.__version__ = version
    trt.Logger = type("Logger", (), {"WARNING": 2, "__init__": lambda self, level: None})
    trt.MemoryPoolType = SimpleNamespace(WORKSPACE="WORKSPACE")
    trt.ProfilingVerbosity = SimpleNamespace(DETAILED="DETAILED")
    trt.BuilderFlag = SimpleNamespace(FP16="FP16", INT8="INT8")
    trt.NetworkDefinitionCreationFlag = SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1)

    def built(network: Any, config: Config) -> bytes:
        made.append((network.flags, config.flags, config.pools))
        graph: bytes = network.graph
        return graph

    def parsed(network: Any, logger: Any) -> Any:
        return SimpleNamespace(
            parse=lambda graph: setattr(network, "graph", graph) or b"pixels" in graph,
            num_errors=1,
            get_error=lambda i: "no operator",
        )

    trt.Builder = lambda logger: SimpleNamespace(
        create_network=lambda flags: SimpleNamespace(flags=flags, graph=b""),
        create_builder_config=Config,
        build_serialized_network=built,
    )
    trt.OnnxParser = parsed
    trt.Runtime = lambda logger: SimpleNamespace(
        deserialize_cuda_engine=lambda plan: Engine(plan, version.startswith("8"))
    )
    return trt
