"""What PyTorch makes of a module as ONNX, made once for all tests and processes of a run: tracing takes seconds.

A module is known by all that it holds, so one whose weights, settings or kinds of layers are others is traced anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import torch

OF_TORCH = {"_modules", "_parameters", "_buffers"}  # told by their names and values
traced_anew = torch.onnx.export


def kept_in(folder: Path) -> Callable[..., Any]:
    """`torch.onnx.export` that keeps its graphs in a folder, and takes them from there."""

    def export(module: Any, given: Any, path: Any = None, **how: Any) -> Any:
        told = "\n".join([*_holds(module), *map(_value, given), *map(_value, sorted(how.items()))])
        if path is not None or " at 0x" in told:  # of which nothing is told but its place
            return traced_anew(module, given, path, **how)
        kept = folder / f"{hashlib.sha256(told.encode()).hexdigest()}.onnx"
        if not kept.is_file():
            program = traced_anew(module, given, **how)
            assert program is not None
            draft = kept.with_suffix(f".{os.getpid()}")
            draft.write_bytes(program.model_proto.SerializeToString())
            draft.replace(kept)
        return SimpleNamespace(model_proto=onnx.load(kept))

    return export


def _holds(module: torch.nn.Module) -> Iterable[str]:
    """All that makes a module what it is, one a line."""
    for name, part in module.named_modules(remove_duplicate=False):
        kind = type(part)
        yield f"{name}: {kind.__module__}.{kind.__qualname__}, {kind.forward.__module__}.{kind.forward.__qualname__}"
        for what, value in sorted(vars(part).items()):
            if what not in OF_TORCH:
                yield f"{name}.{what}: {_value(value)}"
    for name, tensor in module.named_parameters(remove_duplicate=False):
        yield f"{name}: {_value(tensor)}"
    for name, tensor in module.named_buffers(remove_duplicate=False):
        yield f"{name}: {_value(tensor)}"


def _value(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(content).hexdigest()}"
    if isinstance(value, set | frozenset):
        return repr(sorted(map(repr, value)))
    if isinstance(value, dict):
        return repr([(repr(name), _value(each)) for name, each in value.items()])
    if isinstance(value, list | tuple):
        return repr([_value(each) for each in value])
    return repr(value)
