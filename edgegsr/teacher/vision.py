"""Big vision models as teachers: any folder or hub id of a family in `families`, and the Diorama teacher."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edgegsr.errors import InputError
from edgegsr.files import listing
from edgegsr.hub import loading, locate
from edgegsr.progress import track
from edgegsr.teacher.families import FAMILIES, Family, load_processor, load_tower, processed
from edgegsr.teacher.geometry import Floats, Geometry, Overlap, measure
from edgegsr.teacher.layouts import Inputs, Look
from edgegsr.teacher.sight import Pixels, Sight, Teacher
from edgegsr.text.tables import unit

SQUARE_WH = (512, 512)  # pixels; where a family's tokens depend on the size, those of this square make the grid
CHUNK = 1 << 24  # bytes


def open_teacher(name: str, device: str = "cpu", grid: int | None = None) -> Teacher:
    """The teacher in a folder or of a hub id, with `grid` cells a side: all that it has where none are asked for."""
    folder, there = locate(name), device_of(device)
    if not (folder / "config.json").is_file() and (folder / "card.toml").is_file():
        from edgegsr.teacher.diorama.load import load

        return load(folder, device, grid)
    model_type = model_type_of(folder)
    if model_type not in FAMILIES:
        raise InputError(
            f"{folder}: wanted a vision model of a type that can teach, got {model_type!r}; "
            f"those are {', '.join(FAMILIES)}"
        )
    return VisionTeacher(name, folder, FAMILIES[model_type], there, grid)


class VisionTeacher:
    """A vision tower of transformers behind the image processor that it was trained with."""

    def __init__(self, name: str, folder: Path, family: Family, device: torch.device, grid: int | None = None) -> None:
        self.name, self.folder, self.family, self.device = name, folder, family, device
        tower, self.config = load_tower(folder, family, _dtype(device))
        self.tower, self.processor = tower.to(device), load_processor(folder)
        with loading(folder, "an image processor and a vision tower that fit each other"):
            grey = self._inputs(np.full((*SQUARE_WH, 3), 127, np.uint8))
            native, self.width = self._tokens(grey), self._look([grey])[0].whole.shape[-1]
        self.grid = max(native) if grid is None else grid
        if not 1 <= self.grid <= max(native):
            raise InputError(f"{folder}: wanted a grid of 1 to {max(native)} cells a side, got {grid}")
        self._overlap = lru_cache(maxsize=4096)(self._measured)
        self._overlap(SQUARE_WH, *native)  # a processor that cannot be measured is told now

    @property
    def text_encoder(self) -> str | None:
        return self.name if self.family.projection else None

    @property
    def preprocessing(self) -> str:
        facts = {**self.processor.to_dict(), **self.family.options, "grid": self.grid}
        return json.dumps(facts, sort_keys=True, default=str)

    @cached_property
    def revision(self) -> str:
        return weights_revision(self.folder)

    @cached_property
    def projection(self) -> tuple[Tensor, Tensor] | None:
        """Weight (t, d) and bias (t,) of the way from tokens to texts, where there is one."""
        if self.family.projection is None:
            return None
        weight = self.family.projection(self.tower).float().cpu()
        return weight, torch.zeros(len(weight))

    @torch.no_grad()
    def see(self, images: Sequence[Pixels], flipped: Sequence[bool]) -> Sight:
        """On the CPU, in float32."""
        inputs = [self._inputs(image[:, ::-1] if flip else image) for image, flip in zip(images, flipped)]
        tokens, shown = [], []
        for image, given, look in zip(images, inputs, self._look(inputs)):
            rows, columns = self._tokens(given)
            under = self._overlap((image.shape[1], image.shape[0]), rows, columns)
            patches = look.patches.float().reshape(rows, columns, -1)
            by_row, by_column = (torch.from_numpy(weights).to(patches) for weights in (under.by_row, under.by_column))
            cells = torch.einsum("gr,hc,rcd->ghd", by_row, by_column, patches).flatten(0, 1)
            tokens.append(torch.cat([look.whole.float()[None], cells]).cpu())
            shown.append(torch.from_numpy(under.shown))
        return Sight(torch.stack(tokens), torch.stack(shown))

    def to_text(self, tokens: Tensor) -> Tensor:
        if self.projection is None:
            raise InputError(
                f"{self.name}: wanted a teacher whose tokens lie among texts (CLIP, SigLIP or Diorama), got a "
                f"{self.config.model_type}, which has none of its own"
            )
        return unit(tokens @ self.projection[0].to(tokens).T)

    def _inputs(self, image: Pixels, colours: bool = False) -> Inputs:
        """What the processor makes of an image; with `colours`, before it turns 0 to 255 into what the tower wants."""
        options = {"do_rescale": False, "do_normalize": False} if colours else {}
        return processed(self.processor, image, self.folder, **self.family.options, **options)

    def _look(self, images: Sequence[Inputs]) -> list[Look]:
        there = [
            {n: t.to(self.device, self.tower.dtype if t.is_floating_point() else None) for n, t in image.items()}
            for image in images
        ]
        return self.family.layout.look(self.tower, there, lambda out: self.family.tokens(self.tower, self.config, out))

    def _tokens(self, inputs: Inputs) -> tuple[int, int]:
        """Rows and columns."""
        return self.family.layout.grid(inputs, self.tower.config)

    def _measured(self, size_wh: tuple[int, int], rows: int, columns: int) -> Overlap:
        edges = measure(self._colours, size_wh, str(self.folder))
        return Geometry(size_wh, edges, rows, columns).onto(self.grid)

    def _colours(self, image: Pixels) -> Floats:
        picture: Floats = self.family.layout.picture(self._inputs(image, colours=True), self.tower.config).numpy()
        return picture


def model_type_of(folder: Path) -> str:
    """What config.json says that a saved model is."""
    path = folder / "config.json"
    try:
        return str(json.loads(path.read_text("utf-8")).get("model_type"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: wanted a saved model, config.json beside model.safetensors, got {listing(folder)}"
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: wanted the description of a saved model, got one that does not read: {error}"
        ) from error


def device_of(name: str) -> torch.device:
    """The device of a name, if torch has it."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # builds without CUDA assert
        raise InputError(f"device: wanted one that torch has here, such as cpu, got {name!r}") from error


def weights_revision(folder: Path, config: str = "config.json") -> str:
    """sha256 over weights and config of a saved model: what it says depends on besides what it is shown."""
    digest = hashlib.sha256()
    for chunk in track(_chunks([folder / config, *sorted(folder.glob("*.safetensors"))]), f"hashing {folder.name}"):
        digest.update(chunk)
    return digest.hexdigest()


def _dtype(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _chunks(paths: Sequence[Path]) -> Iterator[bytes]:
    """The bytes of files, each after its name."""
    for path in paths:
        yield path.name.encode()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
