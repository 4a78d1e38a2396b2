"""Post-training quantization: NNCF looks where values have to be rounded and how large they are on some images.

Rounded is what convolutions and linears read; words, softmax, norms, the geometry of boxes and the choice where pairs
begin stay as they are.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import overload

import numpy as np
from torch import Tensor, nn

from edgegsr.compress.layers import MOVED, READERS, layers_of
from edgegsr.student.both import AnyStudent, BothStudent, of_each
from edgegsr.student.model import Student
from edgegsr.student.pairs import PairStudent
from edgegsr.student.quantizers import (
    QUANTIZED,
    AnyQuantized,
    FakeQuant,
    QuantizedPairStudent,
    QuantizedStudent,
    hooks,
    storage_of,
)

READ = "|".join(READERS)  # operators whose inputs are rounded
PASSED = f"{'|'.join(MOVED)}|gelu|layer_norm"  # what may stand before them
FLOAT = (  # operators and parts that stay as they are
    rf"(.*/)?(?!({READ}|{PASSED})/)[a-z_0-9]+/\d+$",
    r"(.*/)?layer_norm/\d+$",
    "(pairs/)?(verb_words|noun_words|object_words|queries)/.*",
    "pairs/seed/.*",  # what chooses the cells that pairs begin in, one number a cell
)


@overload
def calibrated(student: Student, batches: Sequence[Tensor]) -> QuantizedStudent: ...
@overload
def calibrated(student: PairStudent, batches: Sequence[Tensor]) -> QuantizedPairStudent: ...
@overload
def calibrated(student: BothStudent, batches: Sequence[Tensor]) -> BothStudent: ...
def calibrated(student: AnyStudent, batches: Sequence[Tensor]) -> AnyStudent:
    """A copy with quantizers whose scales fit what some images make of it; its BatchNorms must be folded.

    Both heads are given the same images, so their encoders find the same scales.
    """
    return of_each(student, lambda _, half: _calibrated(half, batches))


def _calibrated(student: Student | PairStudent, batches: Sequence[Tensor]) -> AnyQuantized:
    import nncf
    from nncf.common.quantization.structs import QuantizationScheme
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        OverflowFix,
        QuantizationParameters,
    )

    with _quiet():
        found = nncf.quantize(
            student.eval(),
            nncf.Dataset(batches),
            subset_size=len(batches),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            ignored_scope=nncf.IgnoredScope(patterns=list(FLOAT), validate=False),
            advanced_parameters=AdvancedQuantizationParameters(
                overflow_fix=OverflowFix.DISABLE,
                disable_bias_correction=True,
                activations_quantization_params=QuantizationParameters(
                    mode=QuantizationScheme.SYMMETRIC, per_channel=False
                ),
            ),
        )
    made: dict[nn.Module, FakeQuant] = {}
    for name, theirs in list(hooks(found)):
        if theirs not in made:
            axis = int(np.argmax(theirs.scale.shape)) if theirs.per_channel else None
            made[theirs] = FakeQuant(theirs.scale.detach().float().reshape(-1) / 127, axis)
        storage_of(found).set_submodule(name, made[theirs])
    found.__class__ = QUANTIZED[type(student)]
    for layer in layers_of(found):
        layer.quantizer.weight = layer.name
    return found  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    """NNCF without its log, its progress bars, and the compiler that it would call."""
    import nncf
    from nncf.common.logging import nncf_logger
    from nncf.torch.quantization import extensions

    theirs, level = extensions.QuantizedFunctionsCPULoader.load, nncf_logger.level
    extensions.QuantizedFunctionsCPULoader.load = classmethod(lambda _: extensions.ReferenceQuantizedFunctions)
    nncf.set_log_level(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        extensions.QuantizedFunctionsCPULoader.load = theirs
        nncf.set_log_level(level)
