"""The station `teach`: what a teacher sees and what is said of every training image, written down once.

Views are looked at, rationales written, their texts read, each only where it lacks: the same call goes on where one was
stopped. Of several processes each looks at its share of the views and reads its share of the texts; the first one also
writes the rationales, and what is told of the whole.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from accelerate import PartialState
from torch import Tensor

from edgegsr.data.collage import COUNT
from edgegsr.data.split import Split
from edgegsr.errors import TrainingStopped
from edgegsr.processes import processes
from edgegsr.progress import track
from edgegsr.teacher.cache import (
    TEXTS,
    TOKENS,
    VIEWS,
    Facts,
    View,
    facts_of,
    views_of,
)
from edgegsr.teacher.collages import FOLDER as COLLAGES
from edgegsr.teacher.collages import Collages
from edgegsr.teacher.knowledge import Scenes
from edgegsr.teacher.live import look
from edgegsr.teacher.photos import digests
from edgegsr.teacher.rationales.subject import check_train
from edgegsr.teacher.rationales.writers import RationaleOptions, check_writer
from edgegsr.teacher.room import check_room
from edgegsr.teacher.settle import check_folder, conclude, settle
from edgegsr.teacher.shards import SHARD_MB, Shards, ShardWriter
from edgegsr.teacher.sight import Teacher
from edgegsr.teacher.texts import (
    Note,
    abouts_of,
    forecast_tokens,
    read_notes,
    read_texts,
    standing,
    text_key,
    write_notes,
    writer_of,
)
from edgegsr.teacher.zero_shot import Exam, examined
from edgegsr.text.shipped import ENCODER
from edgegsr.text.tokens import TokenReader

BATCH = 32  # views at a time
AHEAD, THREADS = 2, 4  # batches whose images are being decoded, and by how many

Item = TypeVar("Item")


def teach(
    split: Split,
    teacher: Teacher,
    out: str | Path,
    *,
    rationales: RationaleOptions | None = None,
    text: str | None = None,
    views: Sequence[View] = VIEWS,
    batch: int = BATCH,
    shard_mb: float = SHARD_MB,
    collages: int = COUNT,
    exam: Exam | None = None,
) -> dict[str, Any]:
    """What the cache in `out` then holds of a training split, which is all of it, and what this call added.

    With an `exam` it also remembers what the teacher itself scores there.
    """
    check_train(split)
    started, state, out = time.monotonic(), processes(), Path(out)
    options, reader = rationales or RationaleOptions(), TokenReader(text or teacher.text_encoder or ENCODER)
    facts = facts_of(teacher, reader, writer_of(options))
    check_folder(out, facts)
    paths = [split.path(row) for row in range(len(split))]
    if state.is_main_process:
        digests(paths, out, keep=True)
    state.wait_for_everyone()
    work = Work(split, teacher, out, facts, reader, options, views_of(split, views), digests(paths, out), state)
    unseen, before = work.unseen(), work.notes()
    if any(note is None or note.silent for note in before):
        check_writer(options)  # before hours of looking
    if state.is_main_process:
        unread = work.unread(before)
        check_room(out, facts, len(unseen), forecast_tokens(unread, sum(4 for row, _ in work.pairs if not before[row])))
        settle(out, facts, teacher)
    state.wait_for_everyone()
    try:
        looked_s = work.look(unseen, batch, shard_mb)
        if state.is_main_process:
            write_notes(split, work.abouts, out, options, reader.name)
        state.wait_for_everyone()
        notes = work.notes()
        unread = work.unread(notes)
        state.wait_for_everyone()  # all lack the same before one writes
        work.read(unread, shard_mb)
        pasted = work.look_at_collages(collages, batch, shard_mb)
        if exam and state.is_main_process:
            examined(teacher, exam, out)
    except KeyboardInterrupt:
        raise TrainingStopped(f"{out}: stopped; what is finished is kept, the same command goes on from it") from None
    state.wait_for_everyone()
    new = {
        "views": len(unseen),
        "rationales": sum(old != note for old, note in zip(before, notes)),
        "texts": len(unread),
        "collages": pasted,
    }
    told = work.told(notes)
    if state.is_main_process:
        conclude(out, told, time.monotonic() - started if any(new.values()) else 0.0)
    rate = len(unseen) / looked_s if unseen else None
    return {"out": str(out), **told, "new": new, "views_per_s": rate, "seconds": time.monotonic() - started}


class Todo(NamedTuple):
    """A view that nobody has looked at."""

    key: bytes
    row: int
    flipped: bool


@dataclass(frozen=True)
class Work:
    """One teaching: what it is about, and its three steps."""

    split: Split
    teacher: Teacher
    out: Path
    facts: Facts
    reader: TokenReader
    options: RationaleOptions
    pairs: Sequence[tuple[int, bool]]  # (row, flipped) of the views
    photos: Sequence[str]
    state: PartialState

    @cached_property
    def abouts(self) -> list[str]:
        return abouts_of(self.split, self.photos)

    @cached_property
    def tokens(self) -> Shards:
        return Shards(self.out / TOKENS)

    @cached_property
    def texts(self) -> Shards:
        return Shards(self.out / TEXTS)

    def unseen(self) -> list[Todo]:
        """The views that lack, a photo under two names only once."""
        places: dict[bytes, tuple[int, bool]] = {}
        for row, flip in self.pairs:
            places.setdefault(self.facts.view_key(self.photos[row], flip), (row, flip))
        return [Todo(key, *places[key]) for key in self.tokens.lacking(places)]

    def notes(self) -> list[Note | None]:
        """What is written about each image by now."""
        return standing(read_notes(self.out), self.abouts, self.facts.writer)

    def unread(self, notes: Sequence[Note | None]) -> list[str]:
        """The texts whose vectors lack."""
        texts = {text_key(text, self.facts.text_revision): text for text in self._said(notes)}
        return [texts[key] for key in self.texts.lacking(texts)]

    def look(self, unseen: Sequence[Todo], batch: int, shard_mb: float) -> float:
        """The seconds that it took to look at this process's share of the views."""
        started, share = time.monotonic(), self._share(unseen)
        seen = looks(self.teacher, Scenes(self.split), share, batch)
        with ShardWriter(self.out / TOKENS, self.state.process_index, shard_mb) as shards:
            if self.state.is_main_process:
                seen = track(seen, "looking at images", len(share))
            for (tokens, shown), view in zip(seen, share):
                shards.add(view.key, tokens=tokens[None], shown=shown[None])
        return time.monotonic() - started

    def look_at_collages(self, count: int, batch: int, shard_mb: float) -> int:
        """How many collages nobody had looked at; this process has looked at its share of them."""
        every = Collages(self.split, count)
        keys = every.keys(self.photos, self.facts.revision, self.facts.preprocessing)
        wanted = set(Shards(self.out / COLLAGES).lacking(keys))
        todo = [i for i, key in enumerate(keys) if key in wanted]
        self.state.wait_for_everyone()  # all lack the same before one writes
        share = self._share(todo)
        starts: Iterable[int] = range(0, len(share), batch)
        with ShardWriter(self.out / COLLAGES, self.state.process_index, shard_mb) as shards:
            for start in track(starts, "looking at collages") if self.state.is_main_process else starts:
                part = share[start : start + batch]
                images = [every.pixels(i) for i in part]
                tokens = look(self.teacher, images, [False] * len(part), ["a collage"] * len(part)).tokens[:, 0]
                for i, token in zip(part, tokens):
                    shards.add(keys[i], token=token[None].clone())
        return len(todo)

    def read(self, unread: Sequence[str], shard_mb: float) -> None:
        """Reads this process's share of the texts."""
        with ShardWriter(self.out / TEXTS, self.state.process_index, shard_mb) as shards:
            read_texts(self._share(unread), self.reader, shards, shown=self.state.is_main_process)

    def told(self, notes: Sequence[Note | None]) -> dict[str, Any]:
        """What there is about the split."""
        writers = Counter(note.rationale.writer for note in notes if note)
        reasons = Counter(note.fallback for note in notes if note and note.fallback)
        flips = Counter(VIEWS[flip] for _, flip in self.pairs)
        every = self.tokens, self.texts, Shards(self.out / COLLAGES)
        for shards in every:
            shards.refresh()
        return {
            "images": len(self.split),
            "views": dict(flips),
            "texts": len(set(self._said(notes))),
            "rationales": dict(writers.most_common()),
            "fallbacks": dict(reasons.most_common()),
            "mb": round(sum(shards.disk_bytes for shards in every) / 1e6, 1),
        }

    def _said(self, notes: Sequence[Note | None]) -> Iterator[str]:
        said = ((notes[row], flip) for row, flip in self.pairs)
        return (text for note, flip in said if note is not None for text in note.texts(flip))

    def _share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Neighbours stay together: the views of an image are decoded once."""
        rank, world = self.state.process_index, self.state.num_processes
        return items[len(items) * rank // world : len(items) * (rank + 1) // world]


def looks(teacher: Teacher, scenes: Scenes, todo: Sequence[Todo], batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Tokens (1 + G * G, d) in fp16 and cells shown (G * G,) of each view; the next images are decoded meanwhile."""
    truth = scenes.views.annotations
    waiting = (todo[start : start + batch] for start in range(0, len(todo), batch))
    ahead = deque[tuple[Sequence[Todo], dict[int, Any]]]()
    with ThreadPoolExecutor(THREADS) as threads:
        while True:
            for views in islice(waiting, AHEAD - len(ahead)):
                ahead.append((views, {row: threads.submit(scenes.pixels, row) for row in {view.row for view in views}}))
            if not ahead:
                return
            views, images = ahead.popleft()
            pixels = [images[view.row].result() for view in views]
            names = [truth.images[view.row] for view in views]
            yield from zip(*look(teacher, pixels, [view.flipped for view in views], names))
