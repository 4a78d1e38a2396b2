"""Who says what goes on in pictures: a contrastive model, which compares, or one that answers questions.

Nobody writes freely about interactions: what may be said is given, and a speaker tells how likely each of it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from edgegsr.errors import InputError
from edgegsr.hub import locate
from edgegsr.teacher.families import FAMILIES
from edgegsr.teacher.rationales.vlm import load_vlm, put
from edgegsr.teacher.sight import TEMPERATURE, Known, Pixels, Teacher
from edgegsr.teacher.vision import model_type_of, open_teacher, weights_revision
from edgegsr.text.encoders import Encoder, open_encoder, resolve, same_encoder
from edgegsr.text.encoders import revision as encoder_revision

CAPTION = "Describe in one sentence what the people in this image are doing."
QUESTION = "What is the person doing with the {noun}?"
MOST_TOKENS = 40  # of a caption


class Choice(NamedTuple):
    """A picture with an object, and all that may be said of what a person does with it."""

    image: Pixels
    noun: str  # as it is spoken
    texts: Sequence[str]


class Said(NamedTuple):
    """How likely each text of a choice is."""

    logprob: Tensor  # (n,)
    tokens: Tensor  # (n,) int64


class Speaker(Known, Protocol):
    """Anything that speaks about pictures; it needs no gradients and changes nothing."""

    @property
    def read_by(self) -> str:
        """sha256 of the encoder that captions are read by; empty where none is written."""

    def captions(self, images: Sequence[Pixels]) -> Tensor:
        """(n, t) unit vectors among the texts of the student's encoder."""

    def likelihoods(self, choices: Sequence[Choice]) -> list[Said]:
        """What is said of each choice."""


def open_speaker(name: str, encoder: str, device: str = "cpu") -> Speaker:
    """Who has texts of its own compares, and any other model is asked; `encoder` is the one of the student's words."""
    folder = locate(name)
    family = None if (folder / "card.toml").is_file() else FAMILIES.get(model_type_of(folder))
    if family and not family.projection:
        return Vlm(name, encoder, device)
    if not family and (folder / "config.json").is_file():
        return Vlm(name, encoder, device)
    teacher = open_teacher(name, device)
    if not same_encoder(teacher.text_encoder, encoder):
        raise InputError(
            f"{name}: puts images among the texts of {teacher.text_encoder}, and the words are of {encoder}; "
            f"give --text {teacher.text_encoder}"
        )
    return Contrastive(teacher)


class Contrastive:
    """A teacher with texts of its own: what it sees in a picture is near what is likely to be said of it.

    Nothing is written: the caption of a picture is what it sees, as a vector among its texts.
    """

    read_by = ""

    def __init__(self, teacher: Teacher, temperature: float = TEMPERATURE) -> None:
        if teacher.text_encoder is None:
            raise InputError(f"{teacher.name}: wanted a teacher with texts of its own (CLIP, SigLIP or Diorama)")
        self.teacher, self.temperature = teacher, temperature
        self.name, self.revision = teacher.name, teacher.revision
        self.preprocessing = f"{teacher.preprocessing}, texts of {teacher.text_encoder}, temperature {temperature}"
        self._known: dict[str, Tensor] = {}

    def captions(self, images: Sequence[Pixels]) -> Tensor:
        sight = self.teacher.see(images, [False] * len(images))
        return self.teacher.to_text(sight.tokens[:, 0]).float().cpu()

    def likelihoods(self, choices: Sequence[Choice]) -> list[Said]:
        self._read([text for choice in choices for text in choice.texts])
        seen, found = self.captions([choice.image for choice in choices]), []
        for vector, choice in zip(seen, choices):
            near = torch.stack([self._known[text] for text in choice.texts]) @ vector
            found.append(Said(near / self.temperature, torch.ones(len(near), dtype=torch.int64)))
        return found

    def _read(self, texts: Sequence[str]) -> None:
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known |= zip(new, self._encoder.vectors(new))

    @cached_property
    def _encoder(self) -> Encoder:
        return open_encoder(resolve(str(self.teacher.text_encoder))[1])


class Vlm:
    """An image-text-to-text model of transformers: it describes a picture, and weighs the answers to a question."""

    def __init__(self, name: str, encoder: str, device: str = "cpu", batch: int = 8, side: int = 512) -> None:
        self.name, self.folder, self.device = name, locate(name), device
        self.batch, self.side, self.encoder_name = batch, side, encoder
        self.processor, self.model = load_vlm(self.folder, device)
        self.encoder = open_encoder(resolve(encoder)[1])

    @property
    def preprocessing(self) -> str:
        template = hashlib.sha256(str(self.processor.chat_template).encode()).hexdigest()[:16]
        facts = {"side": self.side, "caption": CAPTION, "question": QUESTION, "most_tokens": MOST_TOKENS}
        shown = self.processor.image_processor.to_dict()
        return json.dumps({**facts, "template": template, **shown}, default=str)

    @cached_property
    def read_by(self) -> str:
        return encoder_revision(resolve(self.encoder_name)[1])

    @cached_property
    def revision(self) -> str:
        return weights_revision(self.folder)

    def captions(self, images: Sequence[Pixels]) -> Tensor:
        parts = [images[i : i + self.batch] for i in range(0, len(images), self.batch)]
        return self.encoder.vectors([text for part in parts for text in self.describe(part)])

    @torch.no_grad()
    def describe(self, images: Sequence[Pixels]) -> list[str]:
        """One sentence about each picture, the likeliest word each time."""
        given = self._put([(image, CAPTION) for image in images])
        told = self.model.generate(**given, max_new_tokens=MOST_TOKENS, do_sample=False)
        new = told[:, given["input_ids"].shape[1] :]
        return [text.strip() for text in self.processor.batch_decode(new, skip_special_tokens=True)]

    def likelihoods(self, choices: Sequence[Choice]) -> list[Said]:
        return [self._likelihoods(choice) for choice in choices]

    @torch.no_grad()
    def _likelihoods(self, choice: Choice) -> Said:
        """Picture and question are read once, and all answers from there, together.

        Answers are padded on the right, where causal attention lets nothing hear of it: no mask is needed, nor
        positions that families of models count each in their own way.
        """
        given = self._put([(choice.image, QUESTION.format(noun=choice.noun))])
        del given["attention_mask"]
        asked = self.model(**given, use_cache=True)
        tokenizer = self.processor.tokenizer
        answers = [torch.tensor(tokenizer.encode(text, add_special_tokens=False)) for text in choice.texts]
        tokens = torch.tensor([len(answer) for answer in answers])
        padded = torch.nn.utils.rnn.pad_sequence(answers, batch_first=True, padding_value=tokenizer.pad_token_id)
        padded, n = padded.to(self.device), len(answers)
        logits = asked.logits[:, -1:].expand(n, -1, -1)
        if padded.shape[1] > 1:
            past = asked.past_key_values
            past.batch_repeat_interleave(n)
            after = self.model(input_ids=padded[:, :-1], past_key_values=past, use_cache=True)
            logits = torch.cat([logits, after.logits], 1)
        each = -F.cross_entropy(logits.float().transpose(1, 2), padded, reduction="none").cpu()  # (n, longest)
        return Said((each * (torch.arange(each.shape[1]) < tokens[:, None])).sum(1), tokens)

    def _put(self, asked: Sequence[tuple[Pixels, str]]) -> dict[str, Tensor]:
        given = put(self.processor, [(self._picture(image), text) for image, text in asked])
        return dict(given.to(self.device, dtype=self.model.dtype))

    def _picture(self, image: Pixels) -> Image.Image:
        picture = Image.fromarray(image)
        picture.thumbnail((self.side, self.side))
        return picture
