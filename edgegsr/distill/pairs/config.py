"""What of GPL-HOI and of CL-HOI is switched on, and how much it counts: [train.gplhoi] and [train.clhoi] of a card.

One switch for each part that the abstracts name: the rows of an ablation table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgegsr.errors import require


@dataclass(frozen=True)
class GplConfig:
    """Groups of prompts, and what the student learns from texts."""

    scene: bool = True
    region: bool = True
    pose: bool = True
    text_prompts: bool = True
    visual_prompts: bool = True
    prompts: int = 4  # of each group, on the visual side
    weighed: bool = True  # the groups learn how much each counts; a third each without
    texts: bool = True  # the student learns how near texts are to one another
    form: Literal["couple", "relation"] = "couple"  # each couple and every verb, or couples of a batch and one another
    reverse: bool = False  # the divergence the other way round
    temperature: float = 0.1  # of how near texts are
    heard_temperature: float = 0.05  # of how near groups find them
    unseen_kinds: bool = True  # a teacher labels those out of training, softly
    unseen_names: bool = True  # verbs of kinds out of training are among those texts, though no picture shows them
    group_weight: float = 1.0  # of the verbs that groups name
    text_weight: float = 1.0
    heard_weight: float = 0.17  # of what a query learns from the groups of its couple, as a ranking of verbs
    look_weight: float = 0.5  # and as a vector

    def __post_init__(self) -> None:
        require(self.scene or self.region or self.pose, "scene, region and pose are all off; switch one of them on")
        require(self.prompts >= 1, f"prompts must be 1 or more, got {self.prompts}")
        for name in ("temperature", "heard_temperature"):
            require(getattr(self, name) > 0, f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("group_weight", "text_weight", "heard_weight", "look_weight"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, got {getattr(self, name)}")

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(name for name in ("scene", "region", "pose") if getattr(self, name))


@dataclass(frozen=True)
class ClConfig:
    """From what a model says of a whole image to who does what in it; nobody has annotated anything."""

    translator: bool = True
    spatial: bool = True
    visual: bool = True
    context: bool = True  # couples look at what the translator says
    caption_loss: bool = True  # the translator is to say what the caption says
    interaction_loss: bool = True
    calibration_loss: bool = True  # or scores of different images could not be compared
    tokens: int = 8  # of the translator
    soft: bool = True  # what is likelier counts more
    peak: bool = False  # an image has what its best couple has, instead of a sum over couples
    likely: float = 0.2  # share of the candidates of an object from which one is taken for true
    temperature: float = 1.0  # of the candidates' likelihoods
    per_token: bool = False  # likelihoods divided by how long a text is
    first_steps: int = 0  # in which only the context is learned
    context_weight: float = 1.0
    interaction_weight: float = 1.0
    calibration_weight: float = 0.1
    heard_weight: float = 1.0  # of what a query learns from its couple
    couples: bool = True  # a query also learns what was said of its couple alone, where that was asked

    def __post_init__(self) -> None:
        require(self.spatial or self.visual, "spatial and visual are both off; switch one of them on")
        require(not self.context or self.translator, "context must be off where translator is")
        require(self.tokens >= 1, f"tokens must be 1 or more, got {self.tokens}")
        require(0 < self.likely <= 1, f"likely must be above 0 and at most 1, got {self.likely}")
        require(self.temperature > 0, f"temperature must be above 0, got {self.temperature}")
        for name in ("first_steps", "context_weight", "interaction_weight", "calibration_weight", "heard_weight"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, got {getattr(self, name)}")
