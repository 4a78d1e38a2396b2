"""What is made once and kept: rows under keys, of which every process makes its share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from edgegsr.processes import processes
from edgegsr.progress import track
from edgegsr.teacher.shards import Shards, ShardWriter, sweep

Row = Mapping[str, Tensor]
Make = Callable[[Sequence[int]], Iterator[tuple[int, Row]]]  # the places of keys -> each with its row


def remembered(folder: Path, keys: Sequence[bytes], make: Make, label: str) -> list[Row]:
    """The row of each key, from the folder or made: those that lack are made once, however often a key stands."""
    state = processes()
    place = {key: i for i, key in reversed(list(enumerate(keys)))}
    lacking = [place[key] for key in Shards(folder).lacking(keys)]
    if state.is_main_process:
        sweep(folder)
    state.wait_for_everyone()  # all have seen the same before one writes
    mine = lacking[state.process_index :: state.num_processes]
    with ShardWriter(folder, state.process_index) as writer:
        made = make(mine)
        for i, row in track(made, label, len(mine)) if state.is_main_process else made:
            writer.add(keys[i], **row)
    state.wait_for_everyone()
    there = Shards(folder)
    return [there.files[file].row(row) for file, row in there.places(keys).tolist()]
