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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HEADER
#include HEADER
#else
typedef int cudaError_t;
typedef void *cudaStream_t, *cudaGraph_t, *cudaGraphExec_t;
enum cudaMemcpyKind { one_kind };
enum cudaStreamCaptureMode { one_mode };
enum cudaDeviceAttr { one_attribute };
struct cudaDeviceProp;
#endif
#define STREAM ((cudaStream_t)7)
#define GRAPH ((cudaGraph_t)8)
#define EXEC ((cudaGraphExec_t)9)
static void (*drawn)(void);  /* what a graph does */
static int captures, spoilt, refused;
static char diary[1 << 12];
static void note(const char *what) { snprintf(diary + strlen(diary), sizeof diary - strlen(diary), "%s\n", what); }
static int spoils() { spoilt |= captures; return captures; }  /* what may not happen while a stream captures */

const char *stand_in_diary(void) { return diary; }
void stand_in_refuse(int status) { refused = status; diary[0] = 0; }
int stand_in_captures(void) { return captures; }
void stand_in_draw(void (*call)(void)) { drawn = call; }

cudaError_t cudaMalloc(void **to, size_t count) { *to = malloc(count); return count > 1u << 30 ? 2 : 0; }
cudaError_t cudaFree(void *it) { note("free"); free(it); return 0; }
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t count, enum cudaMemcpyKind kind, cudaStream_t stream) {
    if (spoils()) return 906;
    if (kind != 1 && kind != 2 || stream != STREAM) return 1;
    note(kind == 1 ? "copy to" : "copy from"); memcpy(to, from, count); return 0; }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *to, unsigned int flags) { *to = STREAM; return flags != 1; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { note("wait"); return spoils() ? 900 : stream != STREAM; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { note("destroy stream"); return 0; }
cudaError_t cudaGetDevice(int *to) { *to = 0; return 0; }
cudaError_t cudaSetDevice(int device) { return device; }
cudaError_t cudaGetDeviceProperties_v2(struct cudaDeviceProp *to, int device) {
    strcpy((char *)to, "Orin"); memset((char *)to + 256, 171, 16); return 0; }
cudaError_t cudaDeviceGetAttribute(int *to, enum cudaDeviceAttr which, int device) {
    *to = which == 75 ? 8 : 7; return 0; }
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
    note("begin capture"); if (stream != STREAM || mode != 1 || captures) return 1;
    captures = 1; spoilt = 0; drawn = 0; return 0; }
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *to) {
    note("end capture"); if (stream != STREAM || !captures) return 1;
    captures = 0; *to = spoilt ? 0 : GRAPH; return spoilt ? 901 : 0; }
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *to, cudaGraph_t graph, unsigned long long flags) {
    note("instantiate"); *to = EXEC; return graph != GRAPH || flags ? 1 : refused; }
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { note("destroy graph"); return graph != GRAPH; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { note("destroy exec"); return exec != EXEC; }
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    note("launch graph"); if (exec != EXEC || stream != STREAM || !drawn) return 1;
    drawn(); return 0; }
const char *cudaGetErrorString(cudaError_t status) {
    return status == 2 ? "out of memory" : status == 801 ? "operation not supported" :
        status == 901 ? "operation failed due to a previous error during capture" : "invalid argument"; }
"""
DRAWN = ctypes.CFUNCTYPE(None)
DTYPES = {"tensor(uint8)": "UINT8", "tensor(int64)": "INT64", "tensor(float)": "FLOAT"}
NUMPY = {"UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64, "FLOAT": np.float32}


def cudart(folder: Path) -> str:
    """A library with the calls that are made."""
    source, out = folder / "cudart.c", folder / "libcudart.so"
    source.write_text(CUDART)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(out), str(source)], check=True)
    return str(out)


def library() -> Any:
    """The stand-in for CUDA that the runtime has opened, to look into."""
    from edgegsr.runtime.build_engine import Cuda

    opened = Cuda().library
    opened.stand_in_diary.restype = ctypes.c_char_p
    return opened


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
        self.cuda, self.ran = library(), False
        self.drawn = DRAWN(self.run)

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
        if not self.cuda.stand_in_captures():
            self.run()
        elif not self.ran:  # as an engine that sets itself up at the first time
            return False
        else:
            self.cuda.stand_in_draw(self.drawn)
        return stream == 7

    def run(self) -> None:
        """What the GPU does, at once or when it is told to."""
        self.ran = True
        given = {each.name: self.values(each.name).astype(NUMPY[DTYPES[each.type]]) for each in self.inputs}
        for each, value in zip(self.outputs, self.session.run(None, given)):
            self.values(each.name)[...] = value

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
