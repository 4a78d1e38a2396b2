"""MODEL_CARD.md: what a bundle is, for the people who embed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgegsr import __version__
from edgegsr.bench.clock import Timed
from edgegsr.both_run import BothRun
from edgegsr.export.form import Form
from edgegsr.export.parity import Parity
from edgegsr.export.target import Target
from edgegsr.pair_run import PairRun
from edgegsr.run import Run
from edgegsr.runtime.vocabulary import Room
from edgegsr.student.cost import Cost

CARD = """# {name}

A grounded situation recognition model: from a photo to a verb, and for each role of it a noun, a box and whether it is
visible.

- **In**: `pixels`, {pixels}, letterboxed as `preprocess.json` says; `verb`, int64 (1,), the
  place of a verb in `vocabulary.json`, or -1 for the likeliest.{words}
- **Out**: `verb_logits` over {verbs} verbs; for the six role slots of the verb `noun_logits` over {nouns} nouns,
  `boxes_xyxy` in shares of the square, `presence` (there is a box where it is 0 or more). Slots past the frame of the
  verb hold numbers without a meaning.{asked}
- **Made by** edgegsr {version}, method {method}{handicap}; {parameters:.2f} M parameters, {gflops:.3f} GFLOPs.
- **Checked** on {images} photos against the student in PyTorch: at most {drift:.1e} of an output's largest value away;
  the same best verb on {same:.1%} of them.
- **Speed**: {speed}
- **Licence**: {licence}

It knows the words of its vocabulary{others} and nothing else, and answers every photo with
one situation. It is as right as its training data allow: do not let it decide about people.
"""

PAIR_CARD = """# {name}

A model of human-object interactions: from a photo to {pairs} pairs, and for each of them the box of a human, the box of
an object, what the object is, what the human does with it, and how likely it is a pair at all.

- **In**: `pixels`, {pixels}, letterboxed as `preprocess.json` says.
- **Out**, by pair: `humans_xyxy` and `objects_xyxy` ({pairs}, 4) in shares of the square; `object_logits` over
  {objects} objects, `pair_verb_logits` over {verbs} verbs, both in the order of `kinds.json`; `pair_presence`.
  The likelihood of an interaction is sigmoid(presence) * softmax(objects) * sigmoid(verb), and 0 for a verb and an
  object that `kinds.json` does not name together ({kinds} kinds are named). Most pairs are none; nothing is to be
  suppressed afterwards.
- **Made by** edgegsr {version}, method {method}{unseen}; {parameters:.2f} M parameters, {gflops:.3f} GFLOPs.
- **Checked** on {images} photos against the student in PyTorch: at most {drift:.1e} of an output's largest value away;
  the same interactions on {same:.1%} of them.
- **Speed**: {speed}
- **Licence**: {licence}

It knows the words of its kinds and nothing else. It is as right as its training data allow: do not let it decide about
people.
"""

PAIRS_TOO = """

## Pairs

The same graph says human-object interactions, whatever verb it is asked about: {pairs} pairs of a photo.

- **Out**, by pair: `humans_xyxy` and `objects_xyxy` ({pairs}, 4) in shares of the square; `object_logits` over
  {objects} objects, `pair_verb_logits` over {verbs} verbs, both in the order of `kinds.json`; `pair_presence`.
  The likelihood of an interaction is sigmoid(presence) * softmax(objects) * sigmoid(verb), and 0 for a verb and an
  object that `kinds.json` does not name together ({kinds} kinds are named).
- **Checked** on the photos of pairs that dev has: the same interactions on {same:.1%} of them.
"""

PIXELS = {
    "bytes": "uint8 (1, {side}, {side}, 3) RGB",
    "float": "float32 (1, 3, {side}, {side}) RGB, (byte / 255 - mean) / std with the numbers of `preprocess.json`",
}
ASKED = """
- **Asked again**: `model.onnx` also puts out `tokens`, what it has seen; `ask.onnx` takes them and the place of a
  `verb` (and the words, where they are inputs) and says nouns, boxes and presence of that verb, without the photo."""
UNSAID = "nobody has said; ask whoever trained it (`edgegsr export --licence` says it here)"
WORDS = """
- **Words, also in**: room for {verbs} verbs and {nouns} nouns, filled from `vocabulary.safetensors`: `verb_table`
  ({verbs}, {width}), `role_table` ({verbs}, 6, {width}), `noun_table` ({named}, {width}) without the noun of an empty
  role, unit vectors of `{encoder}`, zeros past the words; `role_count` int64 ({verbs},); `handicap` ({verbs},) off the
  cosines of verbs; `verb_count` and `noun_count` int64 (1,), the latter with the noun of an empty role. Logits past the
  counts are to be cut off."""
MEASURED = """p50 {p50:.2f} ms, p99 {p99:.2f} ms in {engine} ({precision}) on {cpu} (one photo, the network alone).
  Measure on your own device."""


def measured(target: Target, took: Timed, cpu: str) -> str:
    """What a clock said."""
    return MEASURED.format(p50=took.p50_ms, p99=took.p99_ms, engine=target.engine, precision=target.precision, cpu=cpu)


def model_card(run: Run, name: str, spent: Cost, near: Parity, speed: str, form: Form, room: Room | None = None) -> str:
    handicap = ", with the handicap of trained verbs that dev chose"
    return CARD.format(
        name=name,
        words=WORDS.format(**{**vars(room), "named": room.nouns - 1}) if room else "",
        others=" (which `set_vocabulary` changes)" if room else "",
        pixels=PIXELS[form.pixels].format(side=run.student.config.side),
        asked=ASKED if form.ask else "",
        licence=form.licence or UNSAID,
        verbs=room.verbs if room else len(run.ontology.verbs),
        nouns=room.nouns if room else len(run.ontology.nouns),
        version=__version__,
        method=_method(run.config),
        handicap=handicap if run.student.verb_words.handicap is not None else "",
        parameters=spent.total_parameters / 1e6,
        gflops=spent.total_gflops,
        images=near.images,
        drift=near.worst,
        same=near.same["verb_logits"],
        speed=speed,
    )


def _method(config: Mapping[str, Any]) -> str:
    """How a student was made, and by whose knowledge."""
    taught, start = config.get("teacher", {}), config.get("pairs", {}).get("start_name")
    by = {"taught by": taught.get("teacher"), "with what was found by": taught.get("detector"), "begun with": start}
    said = [f", {how} {Path(name).name if Path(name).is_absolute() else name}" for how, name in by.items() if name]
    return f"{config.get('method', 'unknown')}{''.join(said)}"


def with_missed(card: str, missed: Sequence[str]) -> str:
    """A card that also says what a bundle lacks that was kept all the same."""
    lines = "".join(f"- {line}\n" for line in missed)
    return f"{card.rstrip()}\n\n## Kept though it misses a gate\n\n{lines}" if missed else card


def pair_card(run: PairRun, name: str, spent: Cost, near: Parity, speed: str, form: Form) -> str:
    kinds, unseen = run.kinds, run.config.get("pairs", {}).get("unseen")
    return PAIR_CARD.format(
        name=name,
        pairs=run.student.config.pairs,
        pixels=PIXELS[form.pixels].format(side=run.student.config.side),
        objects=len(kinds.objects),
        verbs=len(kinds.verbs),
        kinds=len(kinds),
        version=__version__,
        method=_method(run.config),
        unseen=f", without the unseen kinds of {unseen}" if unseen else "",
        parameters=spent.total_parameters / 1e6,
        gflops=spent.total_gflops,
        images=near.images,
        drift=near.worst,
        same=near.same["interactions"],
        speed=speed,
        licence=form.licence or UNSAID,
    )


def both_card(run: BothRun, name: str, spent: Cost, near: Parity, speed: str, form: Form) -> str:
    kinds = run.pairs.kinds
    mine = model_card(run.situations, name, spent, near, speed, form)
    return mine.rstrip() + PAIRS_TOO.format(
        pairs=run.pairs.student.config.pairs,
        objects=len(kinds.objects),
        verbs=len(kinds.verbs),
        kinds=len(kinds),
        same=near.same["interactions"],
    )
