"""How pictures reach a tower of transformers, and in which order its tokens come back: three layouts for all families.

An image is what its processor makes of it alone, a batch of one; towers get several at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

Inputs = Mapping[str, Tensor]  # of one image
Read = Callable[[Any], tuple[Tensor, Tensor | None]]  # output of a tower -> its tokens, and the global one if not first


class Look(NamedTuple):
    """What a tower says of one image."""

    whole: Tensor  # (d,)
    patches: Tensor  # (rows * columns, d), row by row


@dataclass(frozen=True)
class Layout:
    """Functions that know how one kind of processor orders its pixels, and the tower its tokens."""

    grid: Callable[[Inputs, Any], tuple[int, int]]  # (inputs, config of the tower) -> rows and columns of tokens
    picture: Callable[[Inputs, Any], Tensor]  # the same -> (3, h, w), the pixels under those tokens
    look: Callable[[Any, Sequence[Inputs], Read], list[Look]]


def patch_side(config: Any) -> int:
    size = config.patch_size
    return int(size if isinstance(size, int) else size[0])


# Pictures (1, 3, H, W), which the tower cuts into patches row by row; what is left at the right and below is not seen.


def _grid_of_picture(inputs: Inputs, config: Any) -> tuple[int, int]:
    height, width = inputs["pixel_values"].shape[-2:]
    return height // patch_side(config), width // patch_side(config)


def _picture(inputs: Inputs, config: Any) -> Tensor:
    rows, columns = _grid_of_picture(inputs, config)
    return inputs["pixel_values"][0, :, : rows * patch_side(config), : columns * patch_side(config)]


def _look_at_pictures(tower: Any, images: Sequence[Inputs], read: Read) -> list[Look]:
    looks: list[Look] = []
    for _, alike in groupby(images, lambda inputs: inputs["pixel_values"].shape):
        pixels = torch.cat([inputs["pixel_values"] for inputs in alike])
        rows, columns = _grid_of_picture({"pixel_values": pixels}, tower.config)
        tokens, whole = read(tower(pixel_values=pixels))
        first = tokens.shape[1] - rows * columns  # CLS and registers stand before the patches
        if whole is None:
            whole = tokens[:, 0] if first else tokens.mean(1)
        looks += map(Look, whole, tokens[:, first:])
    return looks


# NaFlex: patches of a picture that keeps its shape, padded to a fixed number of them.


def _grid_of_naflex(inputs: Inputs, config: Any) -> tuple[int, int]:
    rows, columns = inputs["spatial_shapes"][0].tolist()
    return rows, columns


def _picture_of_naflex(inputs: Inputs, config: Any) -> Tensor:
    (rows, columns), side = _grid_of_naflex(inputs, config), patch_side(config)
    patches = inputs["pixel_values"][0, : rows * columns].reshape(rows, columns, side, side, 3)
    return patches.permute(4, 0, 2, 1, 3).reshape(3, rows * side, columns * side)


def _look_at_naflex(tower: Any, images: Sequence[Inputs], read: Read) -> list[Look]:
    names = ("pixel_values", "pixel_attention_mask", "spatial_shapes")
    tokens, whole = read(tower(**{name: torch.cat([inputs[name] for inputs in images]) for name in names}))
    grids = [_grid_of_naflex(inputs, tower.config) for inputs in images]
    patches = [row[: rows * columns] for row, (rows, columns) in zip(tokens, grids)]
    return list(map(Look, [p.mean(0) for p in patches] if whole is None else whole, patches))


# Qwen: patches of a picture that keeps its shape, those that will be merged standing together.


def _grid_of_qwen(inputs: Inputs, config: Any) -> tuple[int, int]:
    _, rows, columns = inputs["image_grid_thw"][0].tolist()
    return rows // config.spatial_merge_size, columns // config.spatial_merge_size


def _picture_of_qwen(inputs: Inputs, config: Any) -> Tensor:
    (rows, columns), merge, side = _grid_of_qwen(inputs, config), config.spatial_merge_size, patch_side(config)
    frames = inputs["pixel_values"].reshape(rows, columns, merge, merge, 3, -1, side, side)
    return frames[..., 0, :, :].permute(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * merge * side, columns * merge * side)


def _look_at_qwen(tower: Any, images: Sequence[Inputs], read: Read) -> list[Look]:
    pixels, thw = (torch.cat([inputs[name] for inputs in images]) for name in ("pixel_values", "image_grid_thw"))
    tokens, _ = read(tower(pixels, grid_thw=thw))  # the tower puts what its windows had reordered back, row by row
    grids = [_grid_of_qwen(inputs, tower.config) for inputs in images]
    return [
        Look(patches.mean(0), patches) for patches in torch.split(tokens, [rows * columns for rows, columns in grids])
    ]


PICTURES = Layout(_grid_of_picture, _picture, _look_at_pictures)
NAFLEX = Layout(_grid_of_naflex, _picture_of_naflex, _look_at_naflex)
QWEN = Layout(_grid_of_qwen, _picture_of_qwen, _look_at_qwen)
