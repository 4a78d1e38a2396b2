"""A bundle in an app without edgegsr: the file contract of docs/embed.md, line by line, for whoever writes another one.

    python export/app.py models/diorama-nano/bundle photo.jpg

numpy, pillow and onnxruntime. Photos are trusted here; edgegsr.runtime refuses hostile ones by name.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

GREY = 114


def open_bundle(folder):
    """The session, the words and what a photo has to become, once every file is what the manifest says."""
    folder, files = Path(folder), {}
    for name, told in json.loads((folder / "manifest.json").read_text("utf-8"))["files"].items():
        files[name] = (folder / name).read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != told["sha256"]:
            sys.exit(f"{folder / name}: is not the file that was sealed")
    vocabulary, preprocess = (json.loads(files[name]) for name in ("vocabulary.json", "preprocess.json"))
    return onnxruntime.InferenceSession(files["model.onnx"]), vocabulary, preprocess


def letterboxed(photo, side):
    """The square (1, side, side, 3), and what carries its boxes into the photo."""
    photo = ImageOps.exif_transpose(photo)
    white = Image.new("RGBA", photo.size, "white")
    photo = Image.alpha_composite(white, photo.convert("RGBA")).convert("RGB")
    size = [max(1, round(length * side / max(photo.size))) for length in photo.size]
    border = (side - size[0]) // 2, (side - size[1]) // 2
    square = Image.new("RGB", (side, side), (GREY, GREY, GREY))
    square.paste(photo.resize(size, Image.Resampling.BILINEAR), border)
    scale = [s / length for s, length in zip(size, photo.size)]

    def in_photo(boxes):
        """Corners in order, nothing outside."""
        corners = np.sort((boxes.reshape(-1, 2, 2) * side - border) / scale, axis=1)
        return corners.clip(0, photo.size).reshape(-1, 4)

    return np.asarray(square)[None], in_photo


def as_the_graph_wants(pixels, preprocess):
    """Bytes as they are, or the floats of a bundle that was exported with --pixels float."""
    if preprocess["type"] == "uint8":
        return pixels
    mean, std = (np.array(preprocess["normalised"][name], np.float32) for name in ("mean", "std"))
    return np.ascontiguousarray(((pixels / np.float32(255) - mean) / std).transpose(0, 3, 1, 2))


def predict(bundle, photo, verb=-1):
    """Verb, and for each of its roles (noun, box in pixels of the upright photo or None)."""
    session, vocabulary, preprocess = bundle
    pixels, in_photo = letterboxed(photo, preprocess["side"])
    pixels = as_the_graph_wants(pixels, preprocess)
    names = ["verb_logits", "noun_logits", "boxes_xyxy", "presence"]
    found = session.run(names, {"pixels": pixels, "verb": np.array([verb], np.int64)})
    verbs, nouns, boxes, presence = (values[0] for values in found)
    frame = vocabulary["frames"][int(verbs.argmax()) if verb < 0 else verb]
    boxes = in_photo(boxes)
    return frame["verb"], {
        role: (
            vocabulary["nouns"][int(nouns[slot].argmax())].get("id", ""),
            boxes[slot].tolist() if presence[slot] >= 0 else None,
        )
        for slot, role in enumerate(frame["roles"])
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("wanted a bundle and a photo: python export/app.py BUNDLE PHOTO")
    print(predict(open_bundle(sys.argv[1]), Image.open(sys.argv[2])))
