"""Who does what with what as most others find it, in two stages (UPT, ADA-CM): of our parts, behind our encoder.

    fine tokens -> words and boxes -> the 15 likeliest humans and 15 objects -> every human with every object
                -> where the two boxes are + what is seen in human, object and around both
                -> a look at all tokens, layer by layer -> verb embeddings

Shapes are static. Where there was a choice it is the one that was faster here: attention with keys and values, which
pays off with hundreds of queries (ours is a little faster in bfloat16 alone, so it can be had too); boxes as soft
masks, whose means are one product (7 x 7 points of each are never faster); linears before pairing, on 30 rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgegsr.distill.pairs.regions import where
from edgegsr.student.attention import Attention, CrossAttention, feedforward
from edgegsr.student.config import StudentConfig
from edgegsr.student.encoder import Encoder
from edgegsr.student.heads import Embed, Words, corners, logit, places
from edgegsr.student.pairs import FIRST_SIZE

EACH = 15  # humans, and as many objects
LEAST = 1e-4  # of a side that is divided by
ENCODING = (36, 128, 256)  # widths of UPT's encoding of two boxes


class Shape(NamedTuple):
    """What differs from one such network to another."""

    people: bool = False  # a human goes with every other human, too
    union: bool = True  # what is seen around both is looked at
    dense: bool = True  # every fine token is held against all words, else only those that two scores have chosen
    keys: bool = True  # attention multiplies all tokens with matrices, once, else the queries as in our decoder
    among: bool = False  # pairs look at one another, which is quadratic in them


class TwoStageAnswer(NamedTuple):
    """30 boxes an image, humans first, and P pairs of them."""

    boxes_xyxy: Tensor  # (B, 30, 4) in [0, 1] of the input square
    object_logits: Tensor  # (B, 30, O + 1), the last is a person
    verb_logits: Tensor  # (B, P, V)


class TwoStage(nn.Module):
    """One photo in, 30 boxes and all their pairs out; words are unit rows, the last object is a person."""

    slots: Tensor  # (2, P)

    def __init__(self, encoder: Encoder, config: StudentConfig, shape: Shape, objects: Tensor, verbs: Tensor) -> None:
        super().__init__()
        width, text_width, self.grid = config.width, verbs.shape[-1], config.fine_grid
        self.encoder = encoder
        self.find = Finder(config, text_width, shape.dense)
        self.where = encoding(width)
        self.human, self.object = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.around = nn.Linear(width, width, bias=False) if shape.union else None
        self.layers = nn.ModuleList(PairLayer(config, shape) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(width)
        self.verb, self.verb_words = Embed(width, text_width), Words()
        self.verb_bias = nn.Parameter(torch.zeros(()))
        self.find.words.set_table(objects)
        self.verb_words.set_table(verbs)
        self.register_buffer("slots", slots(shape.people), persistent=False)

    def forward(self, pixels: Tensor) -> TwoStageAnswer:
        """uint8 pixels (B, S, S, 3)."""
        tokens = self.encoder(pixels)
        fine = tokens[:, : self.grid**2]
        boxes, object_logits = self.find(fine)
        pairs = self.paired(boxes, fine)
        for layer in self.layers:
            pairs = layer(pairs, tokens)
        verb = self.verb(self.norm(pairs))
        return TwoStageAnswer(boxes, object_logits, self.verb_words(verb) + self.verb_bias)

    def paired(self, boxes: Tensor, fine: Tensor) -> Tensor:
        """(B, P, d) where the two of each pair are, and what is seen of them."""
        of_human, of_object = self.slots
        humans, objects = boxes.index_select(1, of_human), boxes.index_select(1, of_object)
        seen = masks(boxes, self.grid) @ fine
        pairs = self.where(where(humans, objects))
        pairs = pairs + self.human(seen).index_select(1, of_human) + self.object(seen).index_select(1, of_object)
        if self.around is not None:
            both = torch.cat([humans.minimum(objects)[..., :2], humans.maximum(objects)[..., 2:]], -1)
            pairs = pairs + self.around(masks(both, self.grid) @ fine)
        return pairs  # type: ignore[no-any-return]


class Finder(nn.Module):
    """Of fine tokens (B, n, d), the boxes (B, 30, 4) of the likeliest humans and objects, and their words."""

    cells: Tensor  # (2, n) centres

    def __init__(self, config: StudentConfig, text_width: int, dense: bool) -> None:
        super().__init__()
        self.embed, self.words = Embed(config.width, text_width), Words()
        self.scores = None if dense else nn.Linear(config.width, 2)
        self.correct = feedforward(config.width, config.width, 4)
        self.register_buffer("cells", places(config.fine_grid), persistent=False)

    def forward(self, fine: Tensor) -> tuple[Tensor, Tensor]:
        said = self.words(self.embed(fine)) if self.scores is None else self.scores(fine)
        likely = said[..., -1], said[..., :-1].amax(-1)
        found = torch.cat([each.topk(EACH, dim=1).indices for each in likely], 1)
        tokens, centre = rows(fine, found), self.cells.T[found]
        reference = logit(torch.cat([centre, torch.full_like(centre, FIRST_SIZE)], -1))
        boxes = corners((reference + self.correct(tokens)).sigmoid()).clamp(0, 1)
        return boxes, rows(said, found) if self.scores is None else self.words(self.embed(tokens))


class PairLayer(nn.Module):
    """Pairs (B, P, d) that have looked at the tokens (B, N, d), as in a layer of our decoder."""

    def __init__(self, config: StudentConfig, shape: Shape) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(config.width) if shape.among else nn.Identity()
        self.self_attention = Attention(config.width, config.heads) if shape.among else None
        self.cross_norm = nn.LayerNorm(config.width)
        self.cross_attention = (Attention if shape.keys else CrossAttention)(config.width, config.heads)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = feedforward(config.width, config.mlp_width, config.width)

    def forward(self, pairs: Tensor, tokens: Tensor) -> Tensor:
        if self.self_attention is not None:
            normed = self.self_norm(pairs)
            pairs = pairs + self.self_attention(normed, normed)
        pairs = pairs + self.cross_attention(self.cross_norm(pairs), tokens)
        return pairs + self.mlp(self.mlp_norm(pairs))  # type: ignore[no-any-return]


def slots(people: bool) -> Tensor:
    """(2, P) the human and the object of every pair, as places among the 30."""
    objects = range(0 if people else EACH, 2 * EACH)
    return torch.tensor([(human, other) for human in range(EACH) for other in objects if human != other]).T


def encoding(width: int) -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in zip(ENCODING, (*ENCODING[1:], width))]
    return nn.Sequential(*(module for layer in layers for module in (layer, nn.ReLU())))


def masks(boxes_xyxy: Tensor, grid: int) -> Tensor:
    """The share of each cell in what a box covers: boxes (B, R, 4) in [0, 1] to (B, R, grid * grid) with the sum 1.

    As the teacher's, but each axis is made to sum to 1 before the two are multiplied, while there is little to divide.
    """
    edges = torch.arange(grid, device=boxes_xyxy.device, dtype=boxes_xyxy.dtype)
    low = (boxes_xyxy[..., :2] * grid).clamp(max=grid - LEAST)
    high = torch.maximum(boxes_xyxy[..., 2:] * grid, low + LEAST)
    share = torch.minimum(high[..., None], edges + 1) - torch.maximum(low[..., None], edges)  # (B, R, 2, grid)
    columns, rows = (share.clamp(min=0) / (high - low)[..., None]).unbind(-2)
    return (rows[..., :, None] * columns[..., None, :]).flatten(-2)


def rows(table: Tensor, which: Tensor) -> Tensor:
    """Of a table (B, n, c) the rows (B, R): (B, R, c)."""
    return table.gather(1, which[..., None].expand(-1, -1, table.shape[-1]))
