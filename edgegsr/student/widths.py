"""Widths that pruning has left: modules of a student that are narrower than its card makes them.

In a card: [student.widths]
           "encoder.backbone.encoder.stages.1.blocks.0.layers.0.convolution" = [16, 32]
           "decoder.layers.0.self_attention" = [3]
Of a layer with weights its outputs and inputs, of a norm its channels, of attention its heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgegsr.errors import InputError
from edgegsr.student.attention import Attention, CrossAttention

Widths = tuple[int, ...]


def widths(module: nn.Module) -> Widths | None:
    """What of a module is a width; None where it has none of its own."""
    if isinstance(module, Attention | CrossAttention):
        return (module.heads,)
    if isinstance(module, nn.Conv2d):
        return (module.out_channels, module.in_channels)
    if isinstance(module, nn.Linear):
        return (module.out_features, module.in_features)
    if isinstance(module, nn.Embedding):
        return (module.embedding_dim,)
    if isinstance(module, _BatchNorm):
        return (module.num_features,)
    if isinstance(module, nn.LayerNorm):
        return (module.normalized_shape[-1],)
    return None


def all_widths(student: nn.Module) -> dict[str, Widths]:
    """The widths of every module that has some."""
    found = ((name, widths(module)) for name, module in student.named_modules())
    return {name: here for name, here in found if here is not None}


def still_there(student: nn.Module, narrow: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    """What is said of the widths of modules that a student still has."""
    there = all_widths(student)
    return {name: width for name, width in narrow.items() if name in there}


def narrow(student: nn.Module, wanted: Mapping[str, Sequence[int]]) -> None:
    """Makes modules as narrow as wanted; of their weights the first ones stay."""
    modules = dict(student.named_modules())
    for name, new in wanted.items():
        module = modules.get(name)
        old = widths(module) if module is not None else None
        if module is None or old is None:
            raise InputError(f"student.widths: {name!r} is no layer with a width")
        if not isinstance(new, list | tuple):
            raise InputError(f"student.widths: {name} must be a list, got {new!r}")
        if len(new) != len(old) or not all(type(n) is int and 1 <= n <= most for n, most in zip(new, old)):
            wanted_here = " and ".join(f"1 to {most}" for most in old)
            raise InputError(f"student.widths: {name} must be {wanted_here}, got {list(new)}")
        keep(module, [range(n) for n in new])


def keep(module: nn.Module, kept: Sequence[Sequence[int]]) -> None:
    """Leaves of every width of a module the units that are named, in that order."""
    counts = [len(units) for units in kept]
    if isinstance(module, Attention | CrossAttention):
        (module.heads,) = counts  # the channels of the heads are widths of its four linears
    elif isinstance(module, nn.Conv2d):
        out, into = kept
        if module.groups > 1:
            if module.groups != module.in_channels or module.out_channels != module.in_channels:
                raise InputError(f"a convolution of {module.groups} groups that is not depthwise cannot be narrowed")
            _select(module, {"weight": (out,), "bias": (out,)})
            module.groups = len(out)
        else:
            _select(module, {"weight": (out, into), "bias": (out,)})
        module.out_channels, module.in_channels = counts
    elif isinstance(module, nn.Linear):
        _select(module, {"weight": tuple(kept), "bias": (kept[0],)})
        module.out_features, module.in_features = counts
    elif isinstance(module, nn.Embedding):
        _select(module, {"weight": (range(module.num_embeddings), kept[0])})
        (module.embedding_dim,) = counts
    elif isinstance(module, _BatchNorm):
        _select(module, dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (kept[0],)))
        (module.num_features,) = counts
    elif isinstance(module, nn.LayerNorm):
        _select(module, {"weight": (kept[0],), "bias": (kept[0],)})
        module.normalized_shape = tuple(counts)


def _select(module: nn.Module, kept: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """Replaces tensors of a module by those of their rows and columns that are kept."""
    for name, dims in kept.items():
        tensor: Tensor | None = getattr(module, name)
        if tensor is None:
            continue
        part = tensor.detach()
        for dim, units in enumerate(dims):
            if list(units) != list(range(part.shape[dim])):
                part = part.index_select(dim, part.new_tensor(list(units)).long())
        if isinstance(tensor, nn.Parameter):
            setattr(module, name, nn.Parameter(part.clone(), requires_grad=tensor.requires_grad))
        else:
            setattr(module, name, part.clone())
