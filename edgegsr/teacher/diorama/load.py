"""The Diorama teacher from its folder: card.toml and model.safetensors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from edgegsr.boxes import Letterbox
from edgegsr.card import read_card, read_toml
from edgegsr.errors import InputError
from edgegsr.images import letterbox
from edgegsr.teacher.diorama.network import DioramaConfig, DioramaNetwork
from edgegsr.teacher.regions import cover
from edgegsr.teacher.sight import Pixels, Sight
from edgegsr.text.encoders import MINILM_HUB

CARD, WEIGHTS = "card.toml", "model.safetensors"


class DioramaTeacher:
    """A network that looks at squares of its side; `grid` cells a side, at most those that the network has."""

    text_encoder = MINILM_HUB

    def __init__(
        self,
        network: DioramaNetwork,
        name: str = "diorama",
        revision: str = "",
        grid: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.network, self.device = network.to(device).eval().requires_grad_(False), torch.device(device)
        self.name, self.revision, config = name, revision, network.config
        self.grid, self.width, self.side = grid or config.grid, config.width, config.side
        if not 1 <= self.grid <= config.grid:
            raise InputError(f"{name}: wanted a grid of 1 to {config.grid} cells a side, got {grid}")
        self.preprocessing = f"letterbox {self.side}, grid {self.grid}"

    @torch.no_grad()
    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        squares = [letterbox(image, self.side)[0] for image in images]
        pixels = torch.from_numpy(np.stack([s[:, ::-1] if f else s for s, f in zip(squares, flipped)]))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast_in_half(self.device)):
            tokens = self.network(pixels.to(self.device)).float()
        side = self.network.config.grid
        if self.grid != side:
            map_ = tokens[:, 1:].transpose(1, 2).unflatten(-1, (side, side))
            coarse = F.interpolate(map_, size=(self.grid, self.grid), mode="area").flatten(2).transpose(1, 2)
            tokens = torch.cat([tokens[:, :1], coarse], 1)
        shown = [_shown((image.shape[1], image.shape[0]), self.grid, f) for image, f in zip(images, flipped)]
        return Sight(tokens, torch.stack(shown).to(self.device))

    @torch.no_grad()
    def to_text(self, tokens: Tensor) -> Tensor:
        return self.network.to_text(tokens)

    @property
    def projection(self) -> tuple[Tensor, Tensor]:
        """Weight (t, d) and bias (t,) of the way from tokens to texts."""
        return self.network.project.weight, self.network.project.bias


def load(folder: Path, device: str = "cpu", grid: int | None = None) -> DioramaTeacher:
    """The teacher that lies in a folder."""
    if "student" in read_toml(folder / CARD):
        raise InputError(f"{folder}: is a student; wanted a teacher, such as diorama, or a vision model of the hub")
    config = read_card(folder / CARD, DioramaConfig, "network", known=("network", "training", "scores"))
    network = DioramaNetwork(config)
    try:
        network.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in _weights(folder).items()})
    except RuntimeError as error:
        raise InputError(f"{folder / WEIGHTS}: wanted the weights of {CARD}, got others") from error
    revision = hashlib.sha256((folder / WEIGHTS).read_bytes() + (folder / CARD).read_bytes()).hexdigest()
    return DioramaTeacher(network, folder.name, revision, grid, device)


def _weights(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS}: wanted safetensors, got {error}") from error


def fast_in_half(device: torch.device) -> bool:
    """Whether bfloat16 is quicker there: GPUs and CPUs that compute in it."""
    return device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()  # type: ignore[no-any-return]


def _shown(size_wh: tuple[int, int], grid: int, flipped: bool) -> Tensor:
    """(G * G,) the cells that lie at least half on the image."""
    box = torch.tensor(Letterbox(size_wh, grid * 16).forward([[0.0, 0.0, *size_wh]])[0], dtype=torch.float32) / (
        grid * 16
    )
    if flipped:
        box = torch.stack([1 - box[2], box[1], 1 - box[0], box[3]])
    return cover(box[None], grid)[0] >= 0.5
