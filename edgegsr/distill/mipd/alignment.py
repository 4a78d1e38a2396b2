"""NMPA, Negative-Guided Multimodal Prompting Alignment: prompted teacher tokens, attended to the texts about them.

The paper reads one token after attention over all; here tokens are pooled first, over the scene and under each box,
and what was pooled attends: the same linear maps at a thirtieth of the cost, and a scene prompt that matters. (Read off
the global token alone, as the released code does, no prompt on a patch could reach the result.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.distill.mipd.config import MipdConfig
from edgegsr.distill.mipd.prompts import InstancePrompt, ScenePrompt
from edgegsr.student.attention import Attention
from edgegsr.teacher.knowledge import GAZE_POS, GLIMPSE_POS, Knowledge
from edgegsr.teacher.regions import cover, normed, pool


class Taught(NamedTuple):
    """What a student is to say, and the texts it was made with; unit vectors of width t."""

    glimpse: Tensor  # (B, t), what the scene looks like
    read: Tensor  # (B, t), the same with what it finds in the texts, which name the answer; teaches nobody
    gaze: Tensor  # (B, t)
    roles: Tensor  # (B, 6, t), of roles with a box
    texts: Tensor  # (B, 4, t): glimpse +, glimpse -, gaze +, gaze -
    has_box: Tensor  # (B, 6)


class Alignment(nn.Module):
    """`width` of the teacher's tokens, `text_width` of the rationales' tokens, `out` of the space of the words.

    `projection` is the teacher's own way among the words, where it has one: the start of ours.
    """

    def __init__(
        self,
        config: MipdConfig,
        width: int,
        grid: int,
        text_width: int,
        out: int,
        projection: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.grid = config, grid
        self.scene, self.instance = ScenePrompt(width, grid), InstancePrompt(width, grid)
        self.visual = nn.Linear(width, out)
        self.glimpse_text = nn.Linear(text_width, out, bias=False)  # for + and -, so that a negative cannot hide
        self.gaze_text = nn.Linear(text_width, out, bias=False)
        self.glimpse_attention, self.gaze_attention = Attention(out, 1), Attention(out, 1)
        if projection is not None:
            self.visual.weight.data.copy_(projection[0])
            self.visual.bias.data.copy_(projection[1])

    def forward(self, about: Knowledge) -> Taught:
        whole, patches = about.tokens[:, :1], about.tokens[:, 1:]
        told = self._told(len(whole), whole.device)
        glimpse_texts, gaze_texts = self.glimpse_text(about.texts[:, :2]), self.gaze_text(about.texts[:, 2:])

        scene = self.scene(patches) if self.config.scene_prompt else patches
        seen = (whole + pool(scene, about.shown[:, None].to(scene))) / 2
        glimpse = self.visual(seen)
        read = self._look(glimpse, glimpse_texts[:, 0], about.text_mask[:, GLIMPSE_POS], told, "glimpse")

        boxes, has_box = about.boxes_xyxy, about.has_box
        masks = normed(cover(boxes, self.grid))
        inside = masks.to(patches) @ patches
        if self.config.instance_prompt:
            inside = inside + self.instance(masks, boxes, has_box).to(inside)
        regions = torch.cat([whole, inside], 1)  # (B, 1 + R, d)
        gaze = self._look(self.visual(regions), gaze_texts[:, 0], about.text_mask[:, GAZE_POS], told, "gaze")
        there = torch.cat([torch.ones_like(has_box[:, :1]), has_box], 1)[..., None].to(gaze)

        texts = torch.cat([glimpse_texts, gaze_texts], 1)
        mask = about.text_mask[..., None].to(texts)
        means = (texts * mask).sum(2) / mask.sum(2).clamp(min=1)
        return Taught(
            glimpse=F.normalize(glimpse[:, 0].float(), dim=-1),
            read=F.normalize(read[:, 0].float(), dim=-1),
            gaze=F.normalize((gaze * there).sum(1).float(), dim=-1),
            roles=F.normalize(gaze[:, 1:].float(), dim=-1),
            texts=F.normalize(means.float(), dim=-1),
            has_box=has_box,
        )

    def plain(self, tokens: Tensor) -> Tensor:
        """Tokens (M, d) among the words without any text or prompt: all there is of an image that nobody described."""
        return F.normalize(self.visual(tokens).float(), dim=-1)

    def _look(self, seen: Tensor, texts: Tensor, mask: Tensor, told: Tensor, path: str) -> Tensor:
        """What was seen (B, Q, t), with what it finds in the texts (B, L, t) of the images that are told any."""
        if not self.config.rationales:
            return seen
        attention = self.glimpse_attention if path == "glimpse" else self.gaze_attention
        closed = torch.zeros(mask.shape, device=mask.device, dtype=seen.dtype).masked_fill(~mask, -1e4)
        found: Tensor = attention(seen, texts, closed[:, None, None])
        return seen + told * found

    def _told(self, batch: int, device: torch.device) -> Tensor:
        """(B, 1, 1) whether an image keeps its texts in this step."""
        drop = self.config.rationale_drop if self.training else 0.0
        return (torch.rand(batch, 1, 1, device=device) >= drop).float()
