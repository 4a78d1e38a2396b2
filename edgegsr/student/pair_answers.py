"""What a student of pairs says about every image of a split, as columns: to be scored, written down and drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgegsr.boxes import Letterbox, clip
from edgegsr.data.pair_loader import pair_loader
from edgegsr.data.pairs import PairSplit
from edgegsr.files import write_whole
from edgegsr.interactions import Floats, Ints, Kinds, same_word
from edgegsr.progress import track
from edgegsr.runtime.decode_pairs import MOST
from edgegsr.scoring.pair_predictions import PredictedPairs
from edgegsr.situation import Interaction
from edgegsr.student.pairs import PairStudent, likelihood


@dataclass(frozen=True)
class PairAnswers:
    """N images, the best interactions of each, best first."""

    kinds: Ints  # (N, M); -1 past the last one
    humans_xyxy: Floats  # (N, M, 4) pixels of the original image
    objects_xyxy: Floats  # (N, M, 4)
    scores: Floats  # (N, M)

    @classmethod
    def none(cls, n: int, most: int) -> PairAnswers:
        return cls(
            np.full((n, most), -1, np.int32), np.zeros((n, most, 4)), np.zeros((n, most, 4)), np.zeros((n, most))
        )

    def __len__(self) -> int:
        return len(self.kinds)

    def put(self, row: int, said: Sequence[Interaction], kinds: Kinds) -> None:
        """What is said about one image, best first."""
        for slot, each in enumerate(said):
            verb, noun = kinds.verb_index[same_word(each.verb)], kinds.object_index[same_word(each.noun)]
            self.kinds[row, slot], self.scores[row, slot] = kinds.index[verb, noun], each.score
            self.humans_xyxy[row, slot], self.objects_xyxy[row, slot] = each.human_xyxy, each.object_xyxy

    def predictions(self) -> PredictedPairs:
        """The same as a scorer wants it."""
        image, slot = np.nonzero(self.kinds >= 0)
        return PredictedPairs(
            np.ones(len(self), bool),
            image.astype(np.int32),
            self.kinds[image, slot],
            self.humans_xyxy[image, slot],
            self.objects_xyxy[image, slot],
            np.ones(len(image), bool),
            self.scores[image, slot],
        )

    def columns(self) -> dict[str, Floats | Ints]:
        """Every array by its name; the same arrays, not copies."""
        return {**vars(self)}


@torch.no_grad()
def answer_pairs(
    student: PairStudent,
    split: PairSplit,
    batch: int = 64,
    *,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    label: str = "",
) -> PairAnswers:
    """The answers of a student, in eval mode, about a split. Of `world` processes each fills its rows, others are 0."""
    kinds, most = split.pairs.kinds, min(MOST, student.config.pairs * len(split.pairs.kinds))
    found, numbers = PairAnswers.none(len(split), most), kind_numbers(kinds)
    found.kinds[...] = 0 if world > 1 else -1
    device, was_training = next(student.parameters()).device, student.training
    student.eval()
    batches = pair_loader(split, student.config.side, batch, train=False, workers=workers, rank=rank, world=world)
    for part in track(batches, label, len(batches.order)) if label else batches:
        said = student(part.pixels.to(device))
        likely = likelihood(said, student.pairs.valid)
        scores, places = likely.flatten(1).topk(most)
        objects, verbs = likely.shape[2:]
        query = places // (objects * verbs)
        kind = numbers.to(device)[places // verbs % objects, places % verbs]
        boxes = [
            side.gather(1, query[..., None].expand(-1, -1, 4)).double().cpu().numpy()
            for side in (said.humans_xyxy, said.objects_xyxy)
        ]
        rows = part.rows.numpy()
        found.kinds[rows] = kind.cpu().numpy()
        found.scores[rows] = scores.double().cpu().numpy()
        for row, (width, height), human, thing in zip(rows.tolist(), split.pairs.sizes_wh[rows].tolist(), *boxes):
            geometry = Letterbox((width, height), student.config.side)
            for column, mine in ((found.humans_xyxy, human), (found.objects_xyxy, thing)):
                column[row] = clip(geometry.inverse(mine * geometry.side), geometry.size_wh)
    student.train(was_training)
    return found


def kind_numbers(kinds: Kinds) -> torch.Tensor:
    """(O, V) the number of each kind, -1 for none."""
    table = torch.full((len(kinds.objects), len(kinds.verbs)), -1, dtype=torch.int64)
    verb, noun = torch.from_numpy(kinds.pairs.astype(np.int64)).T
    table[noun, verb] = torch.arange(len(kinds))
    return table


def write_pair_predictions(path: str | Path, split: PairSplit, answers: PairAnswers) -> None:
    """Writes the answers as JSON lines; `edgegsr score --task hico` says the same of the file as of the answers."""
    write_whole(path, "".join(json.dumps(line) + "\n" for line in _lines(split, answers)))


def _lines(split: PairSplit, answers: PairAnswers) -> Iterator[dict[str, object]]:
    kinds = split.pairs.kinds
    for i, image in enumerate(split.pairs.images):
        pairs = []
        for kind, human, thing, score in zip(
            answers.kinds[i].tolist(),
            answers.humans_xyxy[i].tolist(),
            answers.objects_xyxy[i].tolist(),
            answers.scores[i].tolist(),
        ):
            if kind >= 0:
                verb, noun = kinds.names(kind)
                pairs.append({"human": human, "object": thing, "object_category": noun, "verb": verb, "score": score})
        yield {"image": image, "pairs": pairs}
