"""A folder as the cache of one teacher: refused where it is something else, begun, and told of at the end."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save as to_bytes

import edgegsr
from edgegsr.errors import InputError
from edgegsr.files import write_whole
from edgegsr.teacher.cache import FACTS, FORMAT, PROJECTION, TEXTS, TOKENS, Facts, read_facts, read_json
from edgegsr.teacher.collages import FOLDER as COLLAGES
from edgegsr.teacher.live import projection_of
from edgegsr.teacher.photos import FILE as PHOTOS
from edgegsr.teacher.shards import sweep
from edgegsr.teacher.sight import Teacher

SAME = ("revision", "preprocessing", "width", "grid")  # of one teacher


def check_folder(out: Path, facts: Facts) -> None:
    """Raises unless the folder is empty or a cache of this teacher."""
    if (out / FACTS).is_file():
        there = read_facts(out)
        if other := [name for name in SAME if getattr(there, name) != getattr(facts, name)]:
            raise InputError(
                f"{out}: holds what {there.teacher} sees with grid {there.grid}, wanted {facts.teacher} with grid "
                f"{facts.grid}; they differ in {', '.join(other)}; name another --out"
            )
    elif out.is_dir():
        names = sorted(path.name for path in out.iterdir() if not path.name.startswith(".") and path.name != PHOTOS)
        if names:
            raise InputError(
                f"{out}: wanted an empty folder or a cache, found {', '.join(names[:5])}; name another --out"
            )
    elif out.exists():
        raise InputError(f"{out}: wanted a folder, got a file; name another --out")


def settle(out: Path, facts: Facts, teacher: Teacher) -> None:
    """Makes the folder a cache of this teacher, with this encoder and this writer."""
    for part in (TOKENS, TEXTS, COLLAGES):
        sweep(out / part)
    if (out / FACTS).is_file() and read_facts(out) == facts:
        return
    if (projection := projection_of(teacher)) is not None:
        write_whole(out / PROJECTION, to_bytes(dict(zip(("weight", "bias"), projection))))
    write_whole(out / FACTS, json.dumps({"format": FORMAT, "facts": asdict(facts)}, ensure_ascii=False, indent=1))


def conclude(out: Path, counts: dict[str, Any], seconds: float) -> None:
    """Tells in cache.json what there is now, and adds the seconds that it took."""
    there = read_json(out)
    versions = {"edgegsr": edgegsr.__version__, "torch": torch.__version__, "transformers": transformers.__version__}
    if seconds or there.get("counts") != counts:
        there["counts"], there["versions"] = counts, {**versions, "python": platform.python_version()}
        there["seconds"] = round(there.get("seconds", 0.0) + seconds, 1)
        write_whole(out / FACTS, json.dumps(there, ensure_ascii=False, indent=1))
