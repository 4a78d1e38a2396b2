"""A teacher, zero-shot, as a subject of `edgegsr bench`: `python -m edgegsr.teacher.subject`. It says verbs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgegsr.bench.subject import RANKS, Predictor, serve
from edgegsr.errors import InputError
from edgegsr.situation import Ontology, Situation

if TYPE_CHECKING:
    from edgegsr.teacher.sight import Teacher

SHARPNESS = 100.0  # of cosines, as CLIP has it


class ZeroShot:
    """Takes a photo for the verbs whose texts are nearest."""

    def __init__(self, teacher: Teacher, ontology: Ontology) -> None:
        from edgegsr.text.embed import embed
        from edgegsr.text.encoders import same_encoder
        from edgegsr.text.shipped import shipped_for

        if teacher.text_encoder is None:
            raise InputError(f"--teacher: {teacher.name} has no words to say; wanted one with a text encoder")
        tables = shipped_for(ontology)
        if tables is None or not same_encoder(teacher.text_encoder, tables.encoder):
            tables = embed(ontology, teacher.text_encoder)
        self.teacher, self.ontology, self.words = teacher, ontology, tables.verbs

    def predict(self, photo: bytes, verb: str | None = None) -> Situation:
        from edgegsr.images import open_image

        token = self.teacher.see([open_image(photo)], [False]).tokens[:, 0]
        near = self.teacher.to_text(token).float().cpu()[0] @ self.words.T
        shares = (SHARPNESS * near).softmax(-1)
        best = shares.argsort(descending=True, stable=True)[:RANKS].tolist()
        ranked = tuple((self.ontology.verbs[i], float(shares[i])) for i in best)
        return Situation(ranked[0][0], {}, ranked[0][1], ranked)


def _teacher() -> Callable[[Mapping[str, Any]], Predictor]:
    import torch

    from edgegsr.teacher.vision import open_teacher

    def opened(told: Mapping[str, Any]) -> Predictor:
        if told.get("threads"):
            torch.set_num_threads(told["threads"])
        words = Ontology.from_json(Path(told["words"]).read_text("utf-8"), told["words"])
        return ZeroShot(open_teacher(told["place"]), words)

    return opened


if __name__ == "__main__":
    serve(_teacher)
