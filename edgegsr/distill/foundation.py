"""How the Diorama teacher learns: pictures of every verb of the staged world, against texts.

    python -m edgegsr.distill.foundation --out runs/diorama-teacher        about an hour and a half on two CPU cores

A stream of scenes that no data set shares (its own seed, every verb equally often, also those that students never
see) is seen first small and then large. Three contrasts, all against vectors of the frozen text encoder: the picture
and the text of its verb among all verbs; the picture and its own caption among the captions of the batch; what is in
each box and its noun among all nouns. Interrupted, the same command goes on from the last state.

The last phase is larger than the side the network is shipped for: judged on dev, 192 px is where it sees best.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional as F

from edgegsr.card import to_toml
from edgegsr.data import swig
from edgegsr.data.augment import Augmentation
from edgegsr.data.diorama import make, script
from edgegsr.data.loader import Batch, loader
from edgegsr.data.source import open_data
from edgegsr.data.split import Split
from edgegsr.data.splits import Groups
from edgegsr.distill import checkpoint, losses
from edgegsr.distill.average import follow
from edgegsr.distill.schedule import share
from edgegsr.distill.training import seed_of
from edgegsr.files import cache_folder, write_whole
from edgegsr.progress import clock
from edgegsr.situation import BLANK
from edgegsr.teacher.diorama.load import CARD, WEIGHTS, DioramaTeacher
from edgegsr.teacher.diorama.network import DioramaConfig, DioramaNetwork
from edgegsr.teacher.rationales.sentences import sentence
from edgegsr.teacher.regions import cover, pool
from edgegsr.teacher.zero_shot import zero_shot
from edgegsr.text.embed import words
from edgegsr.text.shipped import ENCODER, tables_for
from edgegsr.wording import noun_texts, verb_texts

BACKBONE = {
    "stem_channels": [3, 24, 32],
    "stage_mid_channels": [48, 96, 160],
    "stage_out_channels": [128, 320, 640],
    "stage_num_blocks": [1, 2, 2],
    "stage_numb_of_layers": [4, 4, 4],
    "stage_light_block": [False, False, False],
    "stage_kernel_size": [3, 3, 3],
}
KEEP_EVERY, JUDGE_EVERY = 100, 500  # steps
HEADING = (
    "# The Diorama teacher; groups are those of a student, of whose unseen verbs this teacher has seen scenes.\n\n"
)
AUGMENT = Augmentation(
    crop=0.5, crop_least=0.65, zoom=0.4, zoom_least=0.5, brightness=0.2, contrast=0.2, saturation=0.2, grey=0.05
)


@dataclass(frozen=True)
class Phase:
    """So many updates on pictures of one side."""

    side: int
    steps: int


@dataclass(frozen=True)
class Plan:
    """Everything that decides the training."""

    network: DioramaConfig = field(default_factory=lambda: DioramaConfig(side=192, backbone=BACKBONE))
    phases: tuple[Phase, ...] = (Phase(128, 2600), Phase(192, 400), Phase(256, 200))
    batch: int = 64
    lr: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: int = 250
    clip_norm: float = 2.0
    ema_decay: float = 0.998
    caption: float = 0.5
    noun: float = 0.35
    seed: int = 0

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)


class Lesson(nn.Module):
    """The network beside the texts that it is to find."""

    verbs: Tensor
    nouns: Tensor

    def __init__(self, network: DioramaNetwork, verbs: Tensor, nouns: Tensor, captions: Tensor, plan: Plan) -> None:
        super().__init__()
        self.network, self.captions, self.plan = network, captions, plan
        self.log_scales = nn.Parameter(torch.full((3,), math.log(1 / 0.07)))
        self.register_buffer("verbs", verbs, persistent=False)  # (wordings, K, t)
        self.register_buffer("nouns", nouns, persistent=False)  # (J, t)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        tokens = self.network(batch.pixels)
        image = self.network.to_text(tokens[:, 0])
        parts = self.network.to_text(pool(tokens[:, 1:], cover(batch.boxes_xyxy, math.isqrt(tokens.shape[1] - 1))))
        scales = self.log_scales.exp().clamp(max=100)
        wording = self.verbs[int(torch.randint(len(self.verbs), ()))]
        captions = self.captions[batch.rows].to(image)
        near = scales[1] * image @ captions.T
        same = torch.arange(len(image), device=image.device)
        nouns = torch.where(batch.has_box[:, None], batch.nouns, -1)  # a place is where everything is, in no box
        noun_logits = scales[2] * parts @ self.nouns.T
        noun_logits[..., BLANK] = -1e4
        return {
            "verb": F.cross_entropy(scales[0] * image @ wording.T, batch.verbs),
            "caption": self.plan.caption * (F.cross_entropy(near, same) + F.cross_entropy(near.T, same)) / 2,
            "noun": self.plan.noun * losses.noun_cross_entropy(noun_logits, _visible(nouns), batch.has_box, 0.0),
        }


def _visible(nouns: Tensor) -> Tensor:
    """Answers of annotators about what a box holds; "nothing" is none."""
    return nouns.masked_fill(nouns == BLANK, -1)


def fit(out: Path, plan: Plan, stream: Split, dev: Split) -> DioramaNetwork:
    """The trained network, with averaged weights; goes on with what it finds in `out`."""
    ontology = stream.annotations.ontology
    wordings = [_vectors([texts[0] for texts in verb_texts(ontology, t)]) for t in ("word", "definition")]
    verbs = torch.stack([*wordings, F.normalize(wordings[0] + wordings[1], dim=-1)])
    captions, nouns = _vectors(captions_of(stream)), _vectors(noun_texts(ontology.nouns))
    torch.manual_seed(plan.seed)
    network = DioramaNetwork(plan.network)
    lesson = Lesson(network, verbs, nouns, captions, plan)
    average = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    names: dict[Tensor, str] = {parameter: name for name, parameter in lesson.named_parameters()}
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in names if p.ndim > 1], "weight_decay": plan.weight_decay},
            {"params": [p for p in names if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=plan.lr,
    )
    done = 0
    if saved := checkpoint.latest(out / "state"):
        done = saved.step
        lesson.load_state_dict(saved.part("model"))
        average |= saved.part("average")
        checkpoint.put_moments(optimizer, names, saved.part("adam"))
    started, first = time.monotonic(), done
    told: dict[str, float] = {}
    for step, batch in enumerate(_course(stream, plan, done), done):
        torch.manual_seed(seed_of(plan.seed, step, 0))
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * share(step, plan.steps, plan.warmup)
        with torch.autocast("cpu", torch.bfloat16):
            terms = lesson(batch)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(lesson.parameters(), plan.clip_norm)
        optimizer.step()
        follow(average, network.state_dict(), plan.ema_decay, step + 1)
        told |= {name: 0.95 * told.get(name, t) + 0.05 * float(t) for name, t in _numbers(terms)}
        done = step + 1
        if done % 20 == 0:
            rate = (time.monotonic() - started) / (done - first)
            line = " ".join(f"{name} {value:.3f}" for name, value in told.items())
            left = clock(rate * (plan.steps - done))
            print(f"step {done}/{plan.steps} · {line} · {plan.batch / rate:.0f} img/s · {left} left", flush=True)
        if done % KEEP_EVERY == 0 or done == plan.steps:
            parts = {"model": lesson.state_dict(), "average": average, "adam": checkpoint.moments(optimizer, names)}
            checkpoint.save(out / "state", done, {f"{p}/{n}": t for p, ts in parts.items() for n, t in ts.items()}, {})
        if done % JUDGE_EVERY == 0 or done == plan.steps:
            found = scores(averaged(network, average, batch.pixels.shape[1]), dev)["groups"]
            print(f"step {done}: dev, zero-shot: {json.dumps(found)}", flush=True)
    return averaged(network, average, network.config.side)


def averaged(network: DioramaNetwork, average: Mapping[str, Tensor], side: int) -> DioramaNetwork:
    """The network with the averaged weights, for squares of a side."""
    copy = DioramaNetwork(replace(network.config, side=side))
    copy.load_state_dict(average)
    return copy.eval()


def scores(network: DioramaNetwork, split: Split) -> dict[str, Any]:
    """What the network knows of a split without being taught."""
    words = split.annotations.ontology
    named = {verb: script.verbs()[verb].group if verb in script.verbs() else "common" for verb in words.verbs}
    by_group = [tuple(verb for verb in words.verbs if named[verb] == group) for group in script.GROUPS]
    return zero_shot(DioramaTeacher(network), split, Groups(*by_group), tables_for(words))


def _numbers(terms: Mapping[str, Tensor]) -> list[tuple[str, float]]:
    return [(name, float(term.detach())) for name, term in terms.items()]


def _course(stream: Split, plan: Plan, done: int) -> Iterator[Batch]:
    """The batches of all phases from step `done` on, each phase with an order of its own."""
    start = 0
    for number, phase in enumerate(plan.phases):
        batches = loader(stream, phase.side, plan.batch, train=True, seed=plan.seed + number, augmentation=AUGMENT)
        per_epoch = len(batches.order)
        step = max(done - start, 0)
        while step < phase.steps:
            batches.set_position(step // per_epoch, step % per_epoch)
            for batch in batches:
                yield batch
                step += 1
                if step >= phase.steps:
                    break
        start += phase.steps


def captions_of(split: Split) -> list[str]:
    """What is going on in each image, in the words of its first annotator."""
    truth = split.annotations
    ontology = truth.ontology
    said = []
    for verb, nouns in zip(truth.verbs.tolist(), truth.nouns[:, 0].tolist()):
        frame = ontology.frames[verb]
        said.append(sentence(frame, {r: ontology.nouns[n].word for r, n in zip(frame.roles, nouns) if n > BLANK}))
    return said


def _vectors(texts: list[str]) -> Tensor:
    once = list(dict.fromkeys(texts))
    rows = dict(zip(once, words(once, ENCODER)))
    return torch.stack([rows[text] for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/diorama-teacher"))
    out = parser.parse_args().out
    folder = make.stream(cache_folder() / f"diorama-{make.WORLD}-stream-teacher", "teacher")
    words = script.ontology()
    stream = Split("stream", swig.read(folder / "SWiG_jsons" / "stream.json", words), folder / "images_512")
    dev = open_data("diorama", "dev", ontology=words)
    network = fit(out, Plan(), stream, dev)
    ship(network, Plan(), out, {split: scores(network, open_data("diorama", split)) for split in ("dev", "test")})
    print(f"{out}: {WEIGHTS} and {CARD}")


def ship(network: DioramaNetwork, plan: Plan, out: Path, found: Mapping[str, Any]) -> None:
    """Writes the weights in fp16, and the card that says what they are, how they came about and what they score."""
    half = {name: t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()}
    write_whole(out / WEIGHTS, to_bytes({name: tensor.contiguous() for name, tensor in half.items()}))
    training = {name: value for name, value in asdict(plan).items() if name not in ("network", "phases")}
    training |= {"phases": [f"{phase.steps} steps at {phase.side} px" for phase in plan.phases], "world": make.WORLD}
    training["command"] = "python -m edgegsr.distill.foundation --out runs/diorama-teacher"
    card = {"network": asdict(network.config), "training": training, "scores": found}
    write_whole(out / CARD, HEADING + to_toml(card))


if __name__ == "__main__":
    main()
