"""Knowledge on the fly: the teacher looks at every batch anew, templates say what shows, nothing is kept on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.teacher.cache import facts_of
from edgegsr.teacher.collages import Collages
from edgegsr.teacher.knowledge import Knowledge, Scenes, padded
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.rationale import mirrored
from edgegsr.teacher.rationales.subject import subjects
from edgegsr.teacher.rationales.template import write
from edgegsr.teacher.rationales.writers import RationaleOptions
from edgegsr.teacher.sight import Pixels, Sight, Teacher
from edgegsr.teacher.texts import tables_of, writer_of
from edgegsr.text.shipped import ENCODER
from edgegsr.text.tokens import TokenReader

REMEMBERED = 8192  # texts, some 100 MB


class Live:
    """What a teacher says of a training split; `text` encodes the templates, by default as the teacher's own texts."""

    def __init__(
        self,
        teacher: Teacher,
        split: Split,
        text: str | None = None,
        seed: int = 0,
        scores: Mapping[str, Any] | None = None,
    ) -> None:
        self.scores = scores or {}
        self.teacher, self.split, self.seed, self.scenes = teacher, split, seed, Scenes(split)
        self.reader = TokenReader(text or teacher.text_encoder or ENCODER)
        facts = facts_of(teacher, self.reader, writer_of(RationaleOptions(seed=seed)))
        self.width, self.grid, self.text_width = facts.width, facts.grid, facts.text_width
        self.text_encoder, self.facts, self.projection = facts.text_encoder, facts.told, projection_of(teacher)
        self._subjects = subjects(split)
        self._distractors = Distractors(split, tables_of(split.annotations.ontology, self.reader.name))
        self._memo = OrderedDict[str, Tensor]()
        self._collages: Collages | None = None

    def about(self, rows: Tensor, flipped: Tensor) -> Knowledge:
        """rows (B,) of the training split, flipped (B,) bool; on the CPU."""
        views = list(zip(rows.tolist(), flipped.tolist()))
        images = [self.scenes.pixels(row) for row, _ in views]
        sight = look(self.teacher, images, [flip for _, flip in views], [self.split.path(row).name for row, _ in views])
        texts = self._read([text for row, flip in views for text in self._said(row, flip)])
        boxes = self.scenes.boxes(rows, flipped)
        return Knowledge(sight.tokens.float(), sight.shown, *boxes, *padded(texts, self.text_width))

    def collage_tokens(self, numbers: Tensor, count: int) -> Tensor:
        """(M, d) the global tokens of collages, of which each image has `count`."""
        if self._collages is None or self._collages.count != count:
            self._collages = Collages(self.split, count)
        images = [self._collages.pixels(i) for i in numbers.tolist()]
        return look(self.teacher, images, [False] * len(images), ["a collage"] * len(images)).tokens[:, 0].float()

    def _said(self, row: int, flipped: bool) -> tuple[str, str, str, str]:
        rationale = write(self._subjects[row], self._distractors, self.seed)
        return (mirrored(rationale) if flipped else rationale).texts

    def _read(self, texts: Sequence[str]) -> list[Tensor]:
        """The vectors of each text in fp16, as a cache has them."""
        new = [text for text in dict.fromkeys(texts) if text not in self._memo]
        self._memo.update((new[i], vectors.half()) for i, vectors in self.reader.read(new))
        found = [self._memo[text] for text in texts]
        for text in texts:
            self._memo.move_to_end(text)
        while len(self._memo) > REMEMBERED:
            self._memo.popitem(last=False)
        return found


def look(teacher: Teacher, images: Sequence[Pixels], flipped: Sequence[bool], names: Sequence[str]) -> Sight:
    """What the teacher sees, on the CPU, its tokens in fp16."""
    sight = teacher.see(images, flipped)
    tokens = sight.tokens.half().cpu()
    if not (finite := tokens.isfinite().flatten(1).all(1)).all():
        image = names[int(finite.int().argmin())]
        raise InputError(f"{teacher.name}: wanted tokens that fp16 holds, got larger ones for {image}; take another")
    return Sight(tokens, sight.shown.cpu())


def projection_of(teacher: Teacher) -> tuple[Tensor, Tensor] | None:
    """The teacher's way among its own texts, on the CPU."""
    if teacher.projection is None:
        return None
    weight, bias = (tensor.detach().float().cpu().contiguous() for tensor in teacher.projection)
    return weight, bias
