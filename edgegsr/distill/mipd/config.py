"""What of MIPD is switched on, and how much it counts: the [train.mipd] table of a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgegsr.data.collage import COUNT
from edgegsr.errors import InputError

Kind = Literal["l1", "cosine", "kl", "relational"]  # the last: ranking alone, without a gap of its own
OF_PAIRS = {  # what students of pairs learn by
    *("glimpse", "pair_gaze", "ranking", "unseen_kinds"),
    *("glimpse_weight", "gaze_weight", "ranking_weight", "pair_share", "ranking_temperature"),
}


@dataclass(frozen=True)
class MipdConfig:
    """One switch for each part of the method: the rows of an ablation table."""

    glimpse: bool = True  # the scene path: teaches the verb embedding
    gaze: bool = True  # the instance path: teaches the noun embeddings of the roles
    scene_prompt: bool = True
    instance_prompt: bool = True
    rationales: bool = True  # the attention of teacher tokens over the positive texts
    negatives: bool = True
    patches: bool = True  # the student's fine tokens learn what the teacher's patches see; not part of the paper
    kind: Kind = "cosine"  # how far the student is from what it is taught
    ranking: bool = True  # also how differently it ranks the words, and what the images of a batch are taught
    collages: int = COUNT  # of each image, made from boxes of others, that the teacher has looked at; 0 for none
    collage_share: float = 0.5  # of a batch, beside its images
    glimpse_weight: float = 3.0
    gaze_weight: float = 2.0
    ranking_weight: float = 2.0
    patch_weight: float = 4.0
    pair_gaze: bool = False  # of pairs: the object embedding learns what the teacher sees of the object alone
    unseen_kinds: bool = True  # of pairs: the teacher labels those out of training, softly
    pair_share: float = 0.08  # of what glimpse, gaze and ranking weigh, for pairs: of a couple, annotations say more
    verb_share: float = 0.5  # of the verb's own cross-entropy: it knows seen verbs only and draws all others to them
    verb_margin: float = 0.02  # cosines by which a verb is to be ahead of other seen ones; unseen ones are not there
    negative_glimpse_weight: float = 5.0
    negative_gaze_weight: float = 1.0
    image_gaze_share: float = 0.5  # of the gaze: the image as a whole; the rest is each role by itself
    rationale_drop: float = 0.3  # how often an image is taught without its texts, which name the answer
    anchor_smoothing: float = 0.3  # of the verb anchor; nouns have `noun_smoothing`
    temperature: float = 0.02  # of cosines to the words; the student starts from it too
    ranking_temperature: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith(("_share", "_drop", "_smoothing")) and not 0 <= value <= 1:
                raise InputError(f"mipd.{name} must be between 0 and 1, got {value}")
            if name.endswith(("_weight", "_margin")) and not value >= 0:
                raise InputError(f"mipd.{name} must be 0 or more, got {value}")
        for name in ("temperature", "ranking_temperature"):
            if not getattr(self, name) > 0:
                raise InputError(f"mipd.{name} must be above 0, got {getattr(self, name)}")
        if self.collages < 0:
            raise InputError(f"mipd.collages must be 0 or more, got {self.collages}")
