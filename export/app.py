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
    """The session, the words and the side of the square, once every file is what the manifest says."""
    folder = Path(folder)
    for name, told in json.loads((folder / "manifest.json").read_text("utf-8"))["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != told["sha256"]:
            sys.exit(f"{folder / name}: is not the file that was sealed")
    vocabulary = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    side = json.loads((folder / "preprocess.json").read_text("utf-8"))["side"]
    return onnxruntime.InferenceSession(str(folder / "model.onnx")), vocabulary, side


def letterboxed(photo, side):
    """The square (1, side, side, 3), the scale of each axis, and the border on the left and on top."""
    photo = ImageOps.exif_transpose(photo).convert("RGB")
    size = [max(1, round(length * side / max(photo.size))) for length in photo.size]
    border = (side - size[0]) // 2, (side - size[1]) // 2
    square = Image.new("RGB", (side, side), (GREY, GREY, GREY))
    square.paste(photo.resize(size, Image.Resampling.BILINEAR), border)
    return np.asarray(square)[None], tuple(s / length for s, length in zip(size, photo.size)), border


def predict(bundle, photo, verb=-1):
    """Verb, and for each of its roles (noun, box in pixels of the upright photo or None)."""
    session, vocabulary, side = bundle
    pixels, scale, border = letterboxed(photo, side)
    names = ["verb_logits", "noun_logits", "boxes_xyxy", "presence"]
    found = session.run(names, {"pixels": pixels, "verb": np.array([verb], np.int64)})
    verbs, nouns, boxes, presence = (values[0] for values in found)
    frame = vocabulary["frames"][int(verbs.argmax()) if verb < 0 else verb]
    in_photo = (boxes * side - border * 2) / (scale * 2)
    return frame["verb"], {
        role: (
            vocabulary["nouns"][int(nouns[slot].argmax())].get("id", ""),
            in_photo[slot].tolist() if presence[slot] >= 0 else None,
        )
        for slot, role in enumerate(frame["roles"])
    }


if __name__ == "__main__":
    print(predict(open_bundle(sys.argv[1]), Image.open(sys.argv[2])))
