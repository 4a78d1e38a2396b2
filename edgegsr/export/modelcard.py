"""MODEL_CARD.md: what a bundle is, for the people who embed it."""

from __future__ import annotations

from edgegsr import __version__
from edgegsr.bench.clock import Timed
from edgegsr.export.parity import Parity
from edgegsr.export.target import Target
from edgegsr.run import Run
from edgegsr.student.cost import Cost

CARD = """# {name}

A grounded situation recognition model: from a photo to a verb, and for each role of it a noun, a box and whether it is
visible.

- **In**: `pixels`, uint8 (1, {side}, {side}, 3) RGB, letterboxed as `preprocess.json` says; `verb`, int64 (1,), the
  place of a verb in `vocabulary.json`, or -1 for the likeliest.
- **Out**: `verb_logits` over {verbs} verbs; for the six role slots of the verb `noun_logits` over {nouns} nouns,
  `boxes_xyxy` in shares of the square, `presence` (there is a box where it is 0 or more). Slots past the frame of the
  verb hold numbers without a meaning.
- **Made by** edgegsr {version}, method {method}{handicap}; {parameters:.2f} M parameters, {gflops:.3f} GFLOPs.
- **Checked** on {images} photos against the student in PyTorch: at most {drift:.1e} of an output's largest value away;
  the same best verb on {same:.1%} of them.
- **Speed**: {speed}

It knows the words of its vocabulary and nothing else, and answers every photo with one situation. It is as right as its
training data allow: do not let it decide about people.
"""


MEASURED = """p50 {p50:.2f} ms, p99 {p99:.2f} ms in {engine} ({precision}) on {cpu} (one photo, the network alone).
  Measure on your own device."""


def measured(target: Target, took: Timed, cpu: str) -> str:
    """What a clock said."""
    return MEASURED.format(p50=took.p50_ms, p99=took.p99_ms, engine=target.engine, precision=target.precision, cpu=cpu)


def model_card(run: Run, name: str, spent: Cost, near: Parity, speed: str) -> str:
    handicap = ", with the handicap of trained verbs that dev chose"
    return CARD.format(
        name=name,
        side=run.student.config.side,
        verbs=len(run.ontology.verbs),
        nouns=len(run.ontology.nouns),
        version=__version__,
        method=run.config.get("method", "unknown"),
        handicap=handicap if run.student.verb_words.handicap is not None else "",
        parameters=spent.total_parameters / 1e6,
        gflops=spent.total_gflops,
        images=near.images,
        drift=near.worst,
        same=near.same["verb_logits"],
        speed=speed,
    )
