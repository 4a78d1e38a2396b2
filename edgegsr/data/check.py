"""Everything that is wrong with a dataset in the official layout, listed and not stopped at. No torch.

What `swig.read` refuses in a record is an error here. The rest (images, sizes, boxes outside, splits that share an
image) is found only here, because it takes a look at every file.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgegsr.data.check_pairs import HOMES, check_pairs, files_of_pairs, is_file_of_pairs
from edgegsr.data.findings import Finding, Findings
from edgegsr.data.inspector import Inspector
from edgegsr.data.pairs import FOLDERS
from edgegsr.data.records import name_fault, same_aspect
from edgegsr.data.swig import FILES, IMAGES, JSONS, UNSEEN, annotation_files, json_folder
from edgegsr.errors import InputError
from edgegsr.files import listing
from edgegsr.imagefile import check_end, read_whole
from edgegsr.images import open_image, read_size
from edgegsr.progress import track

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
MOST_BYTES = 1 << 29

Size = tuple[int, int]


def check(path: str | Path, images: str | Path | None = None, decode: bool = False) -> Findings:
    """What is wrong with a dataset folder, or with one annotation file.

    `images`: the folder of the images; by default images_512 of the dataset, or beside the file where it is there.
    `decode`: decode every image, instead of reading its header and looking whether the file is cut off.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: wanted the folder of a dataset or an annotation file, found nothing there")
    folder = Path(images) if images is not None else None
    if path.is_file() and is_file_of_pairs(path):
        return _check_pairs([path], path.parent, folder, decode)
    if path.is_dir() and not annotation_files(path) and (pairs := files_of_pairs(path)):
        return _check_pairs(pairs, path, folder, decode)
    return _check_root(path, folder, decode) if path.is_dir() else _check_file(path, folder, decode)


def _check_pairs(files: list[Path], root: Path, images: Path | None, decode: bool) -> Findings:
    """Files of interactions, and their images where there is a folder of them."""
    found, sizes = check_pairs(files)
    roots = (root, root.parent) if root.resolve().name in HOMES else (root,)
    below = [each / name.format(split=split) for each in roots for name in FOLDERS for split in ("train", "test")]
    folders = [images] if images else [folder for folder in dict.fromkeys(below) if folder.is_dir()]
    if not folders:
        note = f"images not checked: no folder {', '.join(FOLDERS)} beside the files, and no other one was named"
        return Findings(found.items, found.counts, (*found.notes, note))
    if lost := next((folder for folder in folders if not folder.is_dir()), None):
        return Findings((*found.items, *_images(lost, {}, decode, strays=False)), found.counts, found.notes)
    home = {path.name: path for folder in reversed(folders) for path in folder.iterdir()}
    items = list(found.items)
    for image in track(sizes, "images of interactions"):
        spelled = (image, *(f"COCO_{half}2014_{image}" for half in ("train", "val")))
        if (path := next((home[name] for name in spelled if name in home), None)) is None:
            items.append(Finding("error", str(folders[0]), image, "an image file", "no such file"))
        else:
            items += _image(path, sizes[image], decode)
    return Findings(tuple(items), found.counts, found.notes)


def _check_root(root: Path, images: Path | None, decode: bool) -> Findings:
    files, folder = annotation_files(root), json_folder(root)
    if not files:
        raise InputError(f"{folder}: wanted annotation files such as train.json, found {listing(folder)}")
    records = Inspector(folder)
    for split in ("train", "dev", "test"):
        if split not in files:
            records.error(str(folder), "", f"{' or '.join(FILES[split])} for the split {split!r}", listing(folder))
    for split, path in files.items():
        records.inspect(split, path)
    if (listed := folder / UNSEEN).is_file():
        records.inspect_list(listed)
    found = _images(images or root / IMAGES, records.sizes, decode, strays=True)
    return Findings((*records.items, *found), tuple(records.counts), tuple(records.notes))


def _check_file(path: Path, images: Path | None, decode: bool) -> Findings:
    records = Inspector(path.parent)
    records.inspect(path.stem, path)
    roots = [path.parent, path.parent.parent] if path.parent.name == JSONS else [path.parent]
    folder = images or next((root / IMAGES for root in roots if (root / IMAGES).is_dir()), None)
    if folder is None:
        note = f"images not checked: no folder {IMAGES} beside {path.name}, and no other one was named"
        return Findings(tuple(records.items), tuple(records.counts), (*records.notes, note))
    found = _images(folder, records.sizes, decode, strays=False)
    return Findings((*records.items, *found), tuple(records.counts), tuple(records.notes))


def _images(folder: Path, sizes: dict[str, Size | None], decode: bool, strays: bool) -> list[Finding]:
    """What is wrong with the images that records name, and which ones none names."""
    if not folder.is_dir():
        return [Finding("error", str(folder), "", "the folder of the images", "no such folder")]
    with os.scandir(folder) as entries:
        present = {entry.name for entry in entries if entry.is_file()}
    named = [image for image in sizes if name_fault(image) is None]
    found = [
        Finding("error", str(folder), image, "an image file", "no such file") for image in named if image not in present
    ]
    for image in track([image for image in named if image in present], f"images in {folder.name}"):
        found += _image(folder / image, sizes[image], decode)
    if strays:
        others = sorted(name for name in present - sizes.keys() if Path(name).suffix.lower() in SUFFIXES)
        found += [Finding("warning", str(folder), name, "a record for each image", "no record") for name in others]
    return found


def _image(path: Path, size_wh: Size | None, decode: bool) -> list[Finding]:
    """What is wrong with one file; `size_wh` is what its record says, and what the boxes refer to."""
    try:
        file_wh = read_size(path)
        if decode:
            open_image(path)
        else:
            check_end(path, *read_whole(path, MOST_BYTES))
    except InputError as error:
        return [Finding("error", str(path.parent), path.name, "a readable image", str(error))]
    if size_wh is None or file_wh == size_wh:
        return []
    same = same_aspect(file_wh, size_wh)
    got = f"{file_wh[0]} x {file_wh[1]}, " + ("the same shape" if same else "another shape: boxes do not fit")
    wanted = f"{size_wh[0]} x {size_wh[1]}, the size in its record"
    return [Finding("warning" if same else "error", str(path.parent), path.name, wanted, got)]
