"""What a board needs to measure a job: the part of this package that does it, bundles, photos. Each is a parcel, named
by the hash of its content, so that none is sent twice. stdlib."""

from __future__ import annotations

import ast
import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgegsr.bundle import MANIFEST, Bundle
from edgegsr.errors import InputError, shown
from edgegsr.files import read_file
from edgegsr.progress import track
from edgegsr.signature import SIGNATURE

RUN = ("edgegsr.bench.job", "edgegsr.bench.subject")  # what a board starts
PACKAGES = Path(__file__).parents[2]
MOST_BYTES = 2 << 30  # of a file
PART = 1 << 20
BLOCK = 4096  # of a disk


@dataclass(frozen=True)
class Parcel:
    """Files by the names that they have on the board."""

    what: str
    files: Mapping[str, Path]

    @cached_property
    def hashes(self) -> dict[str, str]:
        files = track(sorted(self.files.items()), f"reading {self.what}")
        return {name: hashlib.sha256(_read(path)).hexdigest() for name, path in files}

    @cached_property
    def name(self) -> str:
        told = "".join(f"{found} {name}\0" for name, found in self.hashes.items())
        return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    @cached_property
    def disk_bytes(self) -> int:
        """What it takes there, at least."""
        return sum(-(-path.stat().st_size // BLOCK) * BLOCK for path in self.files.values())

    @property
    def parts(self) -> int:
        return sum(max(1, -(-path.stat().st_size // PART)) for path in self.files.values())

    def tar(self) -> Iterator[bytes]:
        """The same as one stream, in `parts` parts and an end."""
        for name, path in sorted(self.files.items()):
            content = _read(path)
            if hashlib.sha256(content).hexdigest() != self.hashes[name]:
                raise InputError(f"{shown(path)}: has changed while it was copied; run the same command again")
            head = tarfile.TarInfo(name)
            head.size = len(content)
            parts = [content[at : at + PART] for at in range(0, len(content), PART)] or [b""]
            parts[0] = head.tobuf(tarfile.PAX_FORMAT) + parts[0]
            parts[-1] += bytes(-len(content) % tarfile.BLOCKSIZE)
            yield from parts
        yield bytes(2 * tarfile.BLOCKSIZE)


def kit() -> Parcel:
    """The modules of this package that `RUN` imports, at once or later."""
    found: dict[str, Path] = {}
    for module in RUN:
        _follow(module, found)
    return Parcel("the part of edgegsr that measures", found)


def of_bundle(bundle: Bundle) -> Parcel:
    """A bundle, without what another machine has built for itself."""
    names = [*bundle.manifest["files"], MANIFEST]
    names += [SIGNATURE] * (bundle.folder / SIGNATURE).is_file()
    return Parcel(shown(bundle.folder), {name: bundle.folder / name for name in names})


def of_photos(photos: Iterable[str]) -> Parcel:
    """Photos keep their names, for predictions have them, in folders that stand for their own."""
    paths = dict.fromkeys(map(Path, photos))
    folders = {folder: str(at) for at, folder in enumerate(dict.fromkeys(path.parent for path in paths))}
    return Parcel("photos", {f"{folders[path.parent]}/{path.name}": path for path in paths})


def _follow(module: str, found: dict[str, Path]) -> None:
    place = PACKAGES.joinpath(*module.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    name = path.relative_to(PACKAGES).as_posix()
    if name in found or not path.is_file():
        return
    found[name] = path
    if "." in module:
        _follow(module.rpartition(".")[0], found)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        for other in _imported(node):
            if other.partition(".")[0] == module.partition(".")[0]:
                _follow(other, found)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [str(node.module), *(f"{node.module}.{each.name}" for each in node.names)]
    return []


def _read(path: Path) -> bytes:
    try:
        content = read_file(path, MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read: {error.strerror or error}; it is to be copied") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{shown(path)}: wanted at most {MOST_BYTES:,} bytes, got more")
    return content
