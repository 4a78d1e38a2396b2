"""The knowledge that `--teacher` names: a cache of `edgegsr teach`, or a teacher that looks first and is remembered."""

from __future__ import annotations

from pathlib import Path

import torch

from edgegsr.data.split import Split
from edgegsr.files import cache_folder
from edgegsr.teacher.cache import FACTS, Cached
from edgegsr.teacher.find import find_teacher
from edgegsr.teacher.knowledge import Source
from edgegsr.teacher.live import Live
from edgegsr.teacher.teach import teach
from edgegsr.teacher.vision import open_teacher


def open_source(
    name: str | None, split: Split, cache: str | Path | None = None, *, live: bool = False, text: str | None = None
) -> Source:
    """What a teacher says of a training split; without a name the Diorama teacher.

    A teacher's features are kept in `cache`, by default in a folder of its own under the cache of the user; `live`
    keeps none and looks at every batch anew.
    """
    if name and (Path(name) / FACTS).is_file():
        return Cached(name, split)
    teacher = open_teacher(find_teacher(name), "cuda" if torch.cuda.is_available() else "cpu")
    if live:
        return Live(teacher, split, text)
    folder = Path(cache) if cache else cache_folder() / "teachings" / teacher.revision[:16]
    teach(split, teacher, folder, text=text)
    return Cached(folder, split)
