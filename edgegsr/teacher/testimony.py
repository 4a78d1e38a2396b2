"""What is said of photos that nobody annotated: who is there by a detector, and what they may be doing by a model.

Of a split, only its images are looked at: its pairs are never read. For each couple that is found the speaker says how
likely every kind of interaction is that the object allows. All of it is kept under the hash of what it was made from,
as glimpses are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgegsr.data.pairs import Couples, PairSplit
from edgegsr.errors import InputError
from edgegsr.interactions import Kinds
from edgegsr.student.pair_answers import kind_numbers
from edgegsr.teacher.detectors import Detector, facts_of
from edgegsr.teacher.found import found
from edgegsr.teacher.glimpses import MARGIN, crop, unions
from edgegsr.teacher.photos import digests
from edgegsr.teacher.remembered import Row, remembered
from edgegsr.teacher.shards import key_of
from edgegsr.teacher.sight import Pixels
from edgegsr.teacher.speakers import Choice, Speaker
from edgegsr.text.kinds import kind_texts

FOLDER = "testimony"
COUPLE, IMAGE = SCOPES = ("couple", "image")  # what a speaker is shown of a couple: the two alone, or all there is
AT_ONCE = 32  # photos or couples
NEVER = float("-inf")


class Heard(NamedTuple):
    """What was said of B images."""

    caption: Tensor  # (B, t) unit vectors
    logprob: Tensor  # (B, K) the best over the couples of an image; -inf where nobody was asked
    tokens: Tensor  # (B, K) of the text of each kind; 1 where nobody was asked
    couple_logprob: Tensor  # (B, P, V) of each couple by verb, in the slots of the batch; -inf where nobody was asked


class Testimony:
    """What is said of the photos of a split; detector and speaker are asked about what was never asked before."""

    def __init__(
        self,
        speaker: Speaker,
        detector: Detector,
        photos: PairSplit,
        kinds: Kinds,
        folder: Path,
        scope: str = COUPLE,
    ) -> None:
        if scope not in SCOPES:
            raise InputError(f"--scope: wanted one of {', '.join(SCOPES)}, got {scope!r}")
        self.facts: dict[str, Any] = {
            "teacher": speaker.name,
            "revision": speaker.revision,
            "preprocessing": speaker.preprocessing,
            **facts_of(detector),
            "scope": scope,
        }
        kept = folder / FOLDER
        pictures = digests([photos.path(i) for i in range(len(photos))], folder, keep=True)
        self.split = found(detector, photos, folder)
        self.facts["couples"] = len(self.split.couples.image)
        self.captions = _captions(speaker, photos, pictures, kept / "captions")  # (N, t) float16
        told = _told(speaker, self.split, pictures, kept / "likelihoods", scope)
        self.couple_logprob, self.tokens = _columns(told, self.split.couples, kinds)  # (M, V) and (K,)
        numbers = kind_numbers(kinds)
        self.numbers = numbers.where(numbers >= 0, len(kinds))

    def about(self, rows: Tensor) -> Heard:
        """rows (B,) of the split."""
        first = torch.from_numpy(self.split.first)
        count = first[rows + 1] - first[rows]
        slots = first[rows][:, None] + torch.arange(max(int(count.max()), 1))
        there = slots < first[rows + 1][:, None]
        couple = torch.full((*there.shape, self.couple_logprob.shape[-1]), NEVER)
        couple[there] = self.couple_logprob[slots[there]]
        kind = torch.full(couple.shape, len(self.tokens))  # one more than there are takes what is none
        kind[there] = self.numbers[torch.from_numpy(self.split.couples.object)[slots[there]]]
        best = torch.full((len(rows), len(self.tokens) + 1), NEVER)
        best = best.scatter_reduce(1, kind.flatten(1), couple.flatten(1), "amax")[:, :-1]
        tokens = torch.where(best.isfinite(), self.tokens, 1)
        return Heard(self.captions[rows].float(), best, tokens, couple)


def _captions(speaker: Speaker, photos: PairSplit, pictures: Sequence[str], folder: Path) -> Tensor:
    """(N, t) what is said of each photo."""

    def described(new: Sequence[int]) -> Iterator[tuple[int, Row]]:
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            for i, vector in zip(part, speaker.captions([photos.pixels(i) for i in part])):
                yield i, {"caption": vector[None].half()}

    facts = ("caption", speaker.revision, speaker.preprocessing, speaker.read_by)
    keys = [key_of(*facts, picture) for picture in pictures]
    rows = remembered(folder, keys, described, f"{speaker.name} describes photos")
    return torch.cat([row["caption"] for row in rows])


def _told(speaker: Speaker, split: PairSplit, pictures: Sequence[str], folder: Path, scope: str) -> list[Row]:
    """How likely the kinds of each couple are, in the order of `_asked`."""
    true, boxes, texts = split.couples, unions(split), kind_texts(split.pairs.kinds)
    images, nouns, asked = true.image.tolist(), true.object.tolist(), _asked(split.pairs.kinds)
    photo = lru_cache(maxsize=2)(split.pixels)  # couples of one photo follow each other

    def choice(i: int) -> Choice:
        noun = split.pairs.kinds.objects[nouns[i]].replace("_", " ")
        return Choice(shown(i), noun, [texts[kind] for kind in asked[nouns[i]]])

    def shown(i: int) -> Pixels:
        whole = photo(images[i])
        return whole if scope == IMAGE else crop(whole, boxes[i], split.pairs.sizes_wh[images[i]])

    def told(new: Sequence[int]) -> Iterator[tuple[int, Row]]:
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            for i, said in zip(part, speaker.likelihoods([choice(i) for i in part])):
                yield i, {"logprob": said.logprob.float().cpu(), "tokens": said.tokens.cpu()}

    facts = ("likelihoods", speaker.revision, speaker.preprocessing, scope)
    where = [f"{MARGIN} {box.round(2).tolist()}" if scope == COUPLE else "" for box in boxes]
    keys = [
        key_of(*facts, pictures[images[i]], where[i], *(texts[kind] for kind in asked[nouns[i]]))
        for i in range(len(images))
    ]
    return remembered(folder, keys, told, f"{speaker.name} says what people do")


def _asked(kinds: Kinds) -> list[list[int]]:
    """The kinds that each object allows."""
    return [np.flatnonzero(kinds.pairs[:, 1] == noun).tolist() for noun in range(len(kinds.objects))]


def _columns(told: Sequence[Row], couples: Couples, kinds: Kinds) -> tuple[Tensor, Tensor]:
    """(M, V) log-likelihoods, -inf where nobody was asked, and (K,) the tokens of the text of each kind."""
    logprob, tokens = torch.full((len(told), len(kinds.verbs)), NEVER), torch.ones(len(kinds), dtype=torch.int64)
    asked = [torch.tensor(kind, dtype=torch.int64) for kind in _asked(kinds)]
    verbs = torch.from_numpy(kinds.pairs[:, 0]).long()
    for i, (row, noun) in enumerate(zip(told, couples.object.tolist())):
        logprob[i, verbs[asked[noun]]] = row["logprob"]
        tokens[asked[noun]] = row["tokens"]
    return logprob, tokens
