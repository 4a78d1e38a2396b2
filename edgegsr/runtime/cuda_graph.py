"""What is handed to a GPU piece by piece, captured once and then handed over in one go. CUDA 11.4 or newer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from edgegsr.runtime.build_engine import BuildError, Cuda

OF_THIS_THREAD = 1  # cudaStreamCaptureMode: what other threads do meanwhile is none of its business


class CudaGraph:
    """What `enqueue` puts on a stream, which `launch` does again, with the same memory."""

    def __init__(self, cuda: Cuda, stream: int, enqueue: Callable[[], None]) -> None:
        self._cuda, self._stream, self._launched = cuda, ctypes.c_void_p(stream), ctypes.c_void_p()
        enqueue()  # the first time sets things up, which must not be captured
        cuda.wait(stream)
        try:
            self._capture(enqueue)
        except BuildError as error:
            raise BuildError(
                f"the engine is not captured in a CUDA graph: {error}; take the engine tensorrt, which needs none"
            ) from error

    def launch(self) -> None:
        self._cuda.call("cudaGraphLaunch", self._launched, self._stream)

    def destroy(self) -> None:
        self._cuda.call("cudaGraphExecDestroy", self._launched)

    def _capture(self, enqueue: Callable[[], None]) -> None:
        call, drawn = self._cuda.call, ctypes.c_void_p()
        call("cudaStreamBeginCapture", self._stream, ctypes.c_int(OF_THIS_THREAD))
        try:
            enqueue()
        finally:  # a stream that still captures is good for nothing else
            call("cudaStreamEndCapture", self._stream, ctypes.byref(drawn))
        try:
            no_flags = ctypes.c_ulonglong(0)  # cudaGraphInstantiate has other arguments in CUDA 11
            call("cudaGraphInstantiateWithFlags", ctypes.byref(self._launched), drawn, no_flags)
        finally:
            call("cudaGraphDestroy", drawn)
