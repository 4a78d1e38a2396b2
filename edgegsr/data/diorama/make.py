"""Diorama on disk, in the official SWiG layout: the same loaders read it and the real thing.

Work is done verb by verb; each finished verb is one file under `parts/`, so a killed run goes on where it stopped and
the merged result does not depend on the number of processes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from edgegsr.data import swig
from edgegsr.data.diorama import script
from edgegsr.data.diorama.annotators import annotate
from edgegsr.data.diorama.dice import Dice
from edgegsr.data.diorama.stage import Scene, scene
from edgegsr.data.staged import STAGED
from edgegsr.errors import InputError
from edgegsr.files import cache_folder, write_whole, writing
from edgegsr.locks import one_maker
from edgegsr.progress import track

WORLD = 1  # raise it whenever a scene or a word changes: folders and results carry it, a test holds it
SPLITS = ("train", "dev", "test")
MOST, LEAST = 300, 60  # training images of the most and the least frequent common verb
RARE_MOST, RARE_LEAST = 20, 5
EVEN = {"dev": 12, "test": 30, "stream": 400}  # images per verb; the stream is what the teacher learns from
FIRST_NUMBER = {"train": 1, "dev": 5001, "test": 7001, "stream": 10_001}
JPEG_QUALITY = 90

Job = TypeVar("Job")


@cache
def counts(split: str) -> dict[str, int]:
    """How many images of each verb a split has: a long tail in train, the same number everywhere else."""
    all_verbs = script.verbs()
    if split != "train":
        return dict.fromkeys(all_verbs, EVEN[split])
    tail: dict[str, int] = dict.fromkeys(all_verbs, 0)
    for group, most, least in (("common", MOST, LEAST), ("rare", RARE_MOST, RARE_LEAST)):
        ranked = Dice("tail", group).shuffle([name for name, verb in all_verbs.items() if verb.group == group])
        for rank, name in enumerate(ranked):
            tail[name] = round(most * (least / most) ** (rank / (len(ranked) - 1)))
    return tail


def numbers(split: str, verb: str, share: float = 1.0) -> range:
    """The numbers in the file names of a verb's images."""
    wanted = counts(split)[verb]
    first = FIRST_NUMBER[split]
    return range(first, first + (max(1, round(wanted * share)) if wanted else 0))


def record(staged: Scene, dice: Dice) -> dict[str, Any]:
    """The official record of a scene."""
    w, h = staged.size_wh
    boxes = {role: [int(v) for v in box] if box else [-1, -1, -1, -1] for role, box in staged.boxes.items()}
    return {"verb": staged.verb, "height": h, "width": w, "bb": boxes, "frames": annotate(staged, dice)}


def graph(staged: Scene) -> dict[str, Any]:
    """The scene graph: everybody and everything with box, role and pose, and how they relate."""
    return {
        "verb": staged.verb,
        "place": staged.place,
        "mirrored": staged.mirrored,
        "fillers": staged.fillers,
        "entities": [{**vars(s.entity), "box": list(s.box_xyxy) if s.box_xyxy else None} for s in staged.seen],
        "relations": [list(relation) for relation in staged.relations],
    }


def make(out: Path, seed: object = 0, share: float = 1.0, workers: int | None = None) -> Path:
    """Stages train, dev and test into `out`; goes on where an earlier call stopped."""
    wanted = {"world": WORLD, "seed": str(seed), "share": share}
    if start(out, wanted, "images_512"):
        return out
    _stage(out, seed, SPLITS, share, workers)
    _merge(out)
    write_whole(out / STAGED, json.dumps(wanted))
    shutil.rmtree(out / "parts")
    return out


def start(out: Path, wanted: dict[str, Any], images: str) -> bool:
    """Whether a folder is finished already; one that holds anything else than a part of the same is refused."""
    started = out / "parts" / STAGED
    for known in (out / STAGED, started):
        if known.exists() and (got := _started_with(known)) != wanted:
            raise InputError(
                f"{out}: wanted an empty folder or one of {_told(wanted)}, got one of {_told(got)}; name another --out"
            )
    if (out / STAGED).exists():
        return True
    if not math.isfinite(wanted["share"]):
        raise InputError(f"--share: wanted a number, got {wanted['share']}")
    if out.is_dir() and {entry.name for entry in out.iterdir()} - {"parts", images} and not started.exists():
        raise InputError(f"{out}: wanted an empty folder, got one with other files; name another --out")
    with writing(out):
        (out / images).mkdir(parents=True, exist_ok=True)
    write_whole(started, json.dumps(wanted))
    return False


def stream(out: Path, seed: object, workers: int | None = None) -> Path:
    """Stages the pictures a teacher learns from, every verb as often, into `out`; goes on where it stopped."""
    (out / "images_512").mkdir(parents=True, exist_ok=True)
    if not (out / STAGED).exists():
        _stage(out, seed, ("stream",), 1.0, workers)
        swig.write_space(script.ontology(), out / "SWiG_jsons" / "imsitu_space.json")
        _merge_split(out, "stream")
        write_whole(out / STAGED, json.dumps({"world": WORLD, "seed": str(seed), "share": 1.0}))
        shutil.rmtree(out / "parts")
    return out


def staged(seed: object = 0) -> Path:
    """The folder of `diorama:SEED` in the cache, made if it is not there; one process makes it, others wait."""
    folder = cache_folder() / f"diorama-{WORLD}-{seed}"
    if (folder / STAGED).exists():
        return folder
    with writing(folder), one_maker(folder.with_suffix(".lock")):
        return make(folder, seed)


def _started_with(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: wanted JSON, got {error}; remove the folder and make it again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: wanted a JSON object, got {found!r:.60}; remove the folder and make it again")
    return found


def _told(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def sizes(folder: Path) -> dict[str, int]:
    """How many images each split of a finished folder has."""
    return {split: len(json.loads((folder / "SWiG_jsons" / f"{split}.json").read_text())) for split in SPLITS}


def _stage(out: Path, seed: object, splits: tuple[str, ...], share: float, workers: int | None) -> None:
    jobs = [(out, str(seed), split, verb, share) for split in splits for verb in script.verbs() if counts(split)[verb]]
    todo = [job for job in jobs if not _part(*job[:1], job[2], job[3]).exists()]
    in_processes(_stage_verb, todo, f"staging Diorama {seed}, verb by verb", workers)


def in_processes(work: Callable[[Job], None], jobs: list[Job], label: str, workers: int | None) -> None:
    """Does all the work, by default in as many processes as there are cores."""
    for _ in track(_run(work, jobs, workers or min(os.cpu_count() or 1, 8)), label, len(jobs)):
        pass


def _run(work: Callable[[Job], None], jobs: list[Job], workers: int) -> Iterator[None]:
    if workers == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        try:
            yield from pool.map(work, jobs)
        finally:
            pool.shutdown(cancel_futures=True)


def _part(out: Path, split: str, verb: str) -> Path:
    return out / "parts" / f"{split}-{verb}.json"


def _stage_verb(job: tuple[Path, str, str, str, float]) -> None:
    out, seed, split, verb, share = job
    records, graphs = {}, {}
    for number in numbers(split, verb, share):
        name = f"{verb}_{number}.jpg"
        shot = scene(f"{seed}/{split}", number, verb)
        Image.fromarray(shot.pixels).save(out / "images_512" / name, quality=JPEG_QUALITY)
        records[name] = record(shot, Dice("annotators", seed, split, verb, number))
        graphs[name] = graph(shot)
    write_whole(_part(out, split, verb), json.dumps({"records": records, "graphs": graphs}))


def _merge(out: Path) -> None:
    """Parts become the official files; the order is a fixed shuffle, as in a set of found photos."""
    folder = out / "SWiG_jsons"
    folder.mkdir(exist_ok=True)
    swig.write_space(script.ontology(), folder / "imsitu_space.json")
    for split in SPLITS:
        _merge_split(out, split)
    classes = ["blank", *script.nouns(), "oov", "Pad"]
    write_whole(folder / "train_classes.csv", "".join(f"{noun},{i}\n" for i, noun in enumerate(classes)))
    for group in ("rare", "unseen"):
        names = [name for name, verb in script.verbs().items() if verb.group == group]
        write_whole(folder / f"{group}.txt", "\n".join(names) + "\n")


def _merge_split(out: Path, split: str) -> None:
    records: dict[str, Any] = {}
    graphs: dict[str, Any] = {}
    for verb in script.verbs():
        if counts(split)[verb]:
            part = json.loads(_part(out, split, verb).read_text())
            records |= part["records"]
            graphs |= part["graphs"]
    order = Dice("order", split).shuffle(list(records))
    write_whole(out / "SWiG_jsons" / f"{split}.json", json.dumps({name: records[name] for name in order}))
    write_whole(out / f"graphs_{split}.json", json.dumps({name: graphs[name] for name in order}))
