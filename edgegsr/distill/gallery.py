"""A page of drawn predictions, each beside its truth: right ones and wrong ones, of every group of verbs."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgegsr.annotations import Annotations
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.run import Run
from edgegsr.runtime.draw import draw
from edgegsr.scoring.gsr import judge
from edgegsr.situation import Filler, Situation, box_of
from edgegsr.student.answers import Answers
from edgegsr.student.predictor import EagerPredictor

EACH = {"seen": 6, "rare": 2, "unseen": 4, "all": 6}  # right ones of a group, and as many wrong ones
WIDTH, QUALITY = 400, 82  # of a drawn picture
OTHER_WORD = {"oov": "a word outside the list"}


def gallery(run: Run, split: Split, groups: Groups | None, said: Answers) -> str:
    """The pairs as HTML with the pictures inside."""
    truth, predictor = split.annotations, EagerPredictor(run)
    verdict = judge(truth, said.predictions())
    parts = []
    for name, verbs in (groups._asdict() if groups else {"all": truth.ontology.verbs}).items():
        own = np.isin(truth.verbs, [truth.ontology.verb_index[verb] for verb in verbs])
        for title, rows in (("right verb", own & verdict.top1), ("wrong verb", own & ~verdict.top1)):
            chosen = choose(np.flatnonzero(rows), EACH[name])
            if len(chosen):
                pairs = "".join(_pair(predictor, split, i, verdict.top1[i], verdict.grounded[i]) for i in chosen)
                note = f'<small class="note">({rows.sum():,} of {own.sum():,} images)</small>'
                parts.append(f'<h3>{escape(name)}, {title} {note}</h3><div class="pairs">{pairs}</div>')
    return "".join(parts)


def choose(rows: npt.NDArray[np.int64], n: int) -> list[int]:
    """Some of the rows, at random and the same every time."""
    return sorted(np.random.default_rng(0).permutation(rows)[:n].tolist())


def annotated(truth: Annotations, i: int) -> Situation:
    """What people said of image `i`: of three nouns the most frequent one, else the first."""
    frame, ids = truth.ontology.frames[truth.verbs[i]], [*(noun.id for noun in truth.ontology.nouns), "oov"]
    nouns = [ids[Counter(truth.nouns[i, :, slot].tolist()).most_common(1)[0][0]] for slot in range(len(frame.roles))]
    boxes = [
        box_of(truth.boxes_xyxy[i, slot].tolist()) if truth.has_box[i, slot] else None
        for slot in range(len(frame.roles))
    ]
    return Situation(frame.verb, {role: Filler(noun, box) for role, noun, box in zip(frame.roles, nouns, boxes)})


def _pair(predictor: EagerPredictor, split: Split, i: int, right: bool, grounded: float) -> str:
    truth = split.annotations
    words = {noun.id: noun.word for noun in truth.ontology.nouns} | OTHER_WORD
    pixels, roles = split.pixels(i), int(truth.role_counts[i])
    size_wh = (pixels.shape[1], pixels.shape[0])
    prediction, true = predictor.predict(split.path(i)), _scaled(annotated(truth, i), truth.sizes_wh[i], size_wh)
    pictures = "".join(
        f'<div><img alt="{escape(f"{kind}: {s.verb}")}" src="{source(draw(pixels, s, words))}"></div>'
        for kind, s in (("student", prediction), ("annotated", true))
    )
    note = f"{round(grounded * roles)} of {roles} roles grounded" + ("" if right else ", had it known the verb")
    mark = "<b>right verb</b>" if right else '<b class="no">wrong verb</b>'
    head = f"<span>{mark} · {note}</span><span>{escape(truth.images[i])}</span>"
    return f'<div class="pair"><div class="head">{head}</div><div class="both">{pictures}</div></div>'


def _scaled(situation: Situation, from_wh: Sequence[int], to_wh: tuple[int, int]) -> Situation:
    """Boxes in pixels of the file, which may have another size than its annotation says."""
    sx, sy = to_wh[0] / from_wh[0], to_wh[1] / from_wh[1]
    fillers = {
        role: Filler(f.noun, (b[0] * sx, b[1] * sy, b[2] * sx, b[3] * sy) if (b := f.box_xyxy) else None)
        for role, f in situation.fillers.items()
    }
    return Situation(situation.verb, fillers)


def source(picture: Image.Image) -> str:
    """The picture as an address that holds it."""
    height = round(picture.height * WIDTH / picture.width)
    buffer = io.BytesIO()
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
