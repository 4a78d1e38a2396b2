"""Who does what with what: N pair queries that begin where objects are seen, and what each of them says.

    fine tokens -> how likely a pair's object has its centre there -> the N likeliest -> the decoder of the roles
                -> human box · object box · object and verb embeddings · is it a pair at all

Shapes are static and nothing is suppressed afterwards: queries look at one another in the decoder.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgegsr.errors import InputError
from edgegsr.student import backbone as backbones
from edgegsr.student.attention import feedforward
from edgegsr.student.config import StudentConfig
from edgegsr.student.decoder import Decoder
from edgegsr.student.encoder import Encoder
from edgegsr.student.heads import START_SCALE, BoxHead, Embed, Words, corners, logit, places
from edgegsr.student.widths import all_widths, narrow, still_there
from edgegsr.text import TextTables

FIRST_SIZE = 0.15  # of an object, in shares of the square
FIRST_SHARE = 0.02  # of the places, the queries and the verbs that are a pair's, before anything is learned
FIRST_NEARNESS = 0.55  # cosine of what is said to the text of a verb that is not true: verbs are near one another
SURELY = 1e4  # added where a training knows that an object is


class PairAnswer(NamedTuple):
    """N pairs an image, most of them none."""

    humans_xyxy: Tensor  # (B, N, 4) in [0, 1] of the input square; while training they may stick out
    objects_xyxy: Tensor  # (B, N, 4)
    object_logits: Tensor  # (B, N, O)
    verb_logits: Tensor  # (B, N, V), each by itself
    presence: Tensor  # (B, N) logit: this is a pair
    verb_embedding: Tensor  # (B, N, t) unit vectors
    object_embedding: Tensor  # (B, N, t) unit vectors
    seeds: Tensor  # (B, cells) logit: the object of a pair has its centre there
    starts: Tensor  # (B, N) the cell that each query begins with


def in_order(answer: PairAnswer) -> PairAnswer:
    """The queries of each image by the cells that they begin in."""
    order = answer.starts.argsort(1)
    each = {name: part for name, part in answer._asdict().items() if name != "seeds"}
    rows = {name: order.view(*order.shape, *[1] * (part.ndim - 2)).expand_as(part) for name, part in each.items()}
    return answer._replace(**{name: part.gather(1, rows[name]) for name, part in each.items()})


class PairHead(nn.Module):
    """Pairs from tokens; the vocabulary comes as tables."""

    valid: Tensor  # (O, V) which verbs go with which object
    cells: Tensor  # (2, cells) centres

    def __init__(self, config: StudentConfig, text_width: int) -> None:
        super().__init__()
        width, self.count, self.grid = config.width, config.pairs, config.fine_grid
        self.seed = nn.Linear(width, 1)
        self.begin = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.human = BoxHead(width, self.grid)
        self.object = Embed(width, text_width)
        self.verb = Embed(width, text_width)
        self.object_words, self.verb_words = Words(), Words()
        rare = math.log(FIRST_SHARE / (1 - FIRST_SHARE))
        self.verb_bias = nn.Parameter(torch.tensor(rare - START_SCALE * FIRST_NEARNESS))
        self.correct = feedforward(width, width, 4)
        self.presence = feedforward(width, width, 1)
        nn.init.normal_(self.correct[-1].weight, std=1e-3)  # type: ignore[arg-type]  # the first answer is the cell itself
        for layer in (self.seed, self.presence[-1]):
            nn.init.constant_(layer.bias, rare)  # type: ignore[arg-type]
        self.register_buffer("cells", places(self.grid), persistent=False)

    def set_tables(self, verbs: Tensor, objects: Tensor, valid: Tensor) -> None:
        self.verb_words.set_table(verbs)
        self.object_words.set_table(objects)
        self.register_buffer("valid", valid.to(verbs.device), persistent=False)

    def forward(self, tokens: Tensor, decoder: Decoder, known: Tensor | None = None) -> PairAnswer:
        """Tokens (B, n, d), the fine grid first; `known` (B, cells): where a training knows that objects are."""
        fine = tokens[:, : self.grid**2]
        seeds = self.seed(fine)[..., 0]
        likely = seeds if known is None else seeds.detach() + SURELY * known
        starts = likely.topk(self.count, dim=1).indices
        first = fine.gather(1, starts[..., None].expand(-1, -1, fine.shape[-1]))
        said = decoder(self.norm(self.begin(first)), tokens)
        verb, thing = self.verb(said), self.object(said)
        return PairAnswer(
            self.human(said, fine),
            self._objects(said, starts),
            self.object_words(thing),
            self.verb_words(verb) + self.verb_bias,
            self.presence(said)[..., 0],
            verb,
            thing,
            seeds,
            starts,
        )

    def _objects(self, said: Tensor, starts: Tensor) -> Tensor:
        """Boxes around the cells that the queries began with, corrected."""
        centre = self.cells.transpose(0, 1)[starts]  # (B, N, 2)
        reference = logit(torch.cat([centre, torch.full_like(centre, FIRST_SIZE)], -1))
        boxes = corners((reference + self.correct(said)).sigmoid())
        return boxes if self.training else boxes.clamp(0, 1)


def likelihood(said: PairAnswer, valid: Tensor) -> Tensor:
    """(B, N, O, V) how likely each query is each kind of interaction; 0 where the verb does not go with the object."""
    pair = said.presence.sigmoid()[..., None, None]
    return pair * said.object_logits.softmax(-1)[..., None] * said.verb_logits.sigmoid()[..., None, :] * valid


class PairStudent(nn.Module):
    """One photo in, N pairs out. Encoder and decoder are those of the student of situations, by name and by shape."""

    def __init__(self, config: StudentConfig, tables: TextTables, valid: Tensor, *, pretrained: bool = True) -> None:
        super().__init__()
        if not config.pairs:
            raise InputError("card: student.pairs must be above 0 for a student of pairs, got 0")
        backbone, channels, self.config = backbones.build(config, pretrained)
        self.text_width = tables.verbs.shape[-1]
        self.encoder = Encoder(config, backbone, channels)
        self.decoder = Decoder(config)
        self.pairs = PairHead(config, self.text_width)
        self.card_widths = all_widths(self)  # before any pruning
        if config.folded:
            self.fold()
        narrow(self, config.widths)
        self.set_tables(tables, valid)

    def fold(self) -> PairStudent:
        """The same student with its BatchNorms folded into the convolutions before them."""
        self.encoder.fold(self.config.side)
        self.config = replace(self.config, folded=True, widths=still_there(self, self.config.widths))
        return self

    @property
    def token_width(self) -> int:
        return self.encoder.fine_norm.normalized_shape[0]

    def set_tables(self, tables: TextTables, valid: Tensor) -> PairStudent:
        """The same student with another vocabulary: `tables` of its words, `valid` (O, V)."""
        if (width := tables.verbs.shape[-1]) != self.text_width:
            raise InputError(
                f"text tables: this student speaks in vectors of {self.text_width}, got {width} from "
                f"{tables.encoder!r}; embed the words with the encoder that it was trained with"
            )
        self.text_encoder = tables.encoder
        like = self.pairs.seed.weight
        self.pairs.set_tables(tables.verbs.to(like), tables.nouns[1:].to(like), valid)
        return self

    def forward(self, pixels: Tensor, known: Tensor | None = None) -> PairAnswer:
        """uint8 pixels (B, S, S, 3); `known` (B, cells): where pairs have to begin."""
        return self.say(self.encode(pixels), known)

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, n, d) tokens."""
        return self.encoder(pixels)  # type: ignore[no-any-return]

    def say(self, tokens: Tensor, known: Tensor | None = None) -> PairAnswer:
        """The same of what the encoder has seen."""
        return self.pairs(tokens, self.decoder, known)  # type: ignore[no-any-return]
