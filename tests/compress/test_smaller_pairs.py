"""Students of pairs are cut, recover and are trained with their rounding like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")
pytest.importorskip("nncf")

from edgegsr.bench.roofline import Roofline  # noqa: E402
from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes  # noqa: E402
from edgegsr.compress.figures import read_steps  # noqa: E402
from edgegsr.compress.prune import kept_count, pruned  # noqa: E402
from edgegsr.compress.school import PairSchool, start_of  # noqa: E402
from edgegsr.compress.steps import narrowed  # noqa: E402
from edgegsr.compress.strands import strands_of  # noqa: E402
from edgegsr.distill.journal import read_metrics  # noqa: E402
from edgegsr.distill.start import Start, save_lesson  # noqa: E402
from edgegsr.distill.training import Training  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.onnx import SaidPairs, export_onnx  # noqa: E402
from edgegsr.export.target import find_target  # noqa: E402
from edgegsr.pair_run import PairRun, open_pair_run  # noqa: E402
from edgegsr.student.cost import cost  # noqa: E402
from edgegsr.student.pairs import PairStudent  # noqa: E402
from edgegsr.student.quantizers import QuantizedPairStudent, hooks, places  # noqa: E402
from edgegsr.student.widths import all_widths  # noqa: E402

HERE = find_target("onnx-fp32")
LITTLE = {"multiple": 2, "rounds": 1, "batches": 2, "epochs": 1}
NO_INT8 = QuantizeConfig()
SMALLER = Wishes(PruneConfig(0.5, **LITTLE), QuantizeConfig(qat=True, calibration=4, epochs=1, max_drop=1.0), HERE)


@pytest.fixture
def seen() -> Any:
    dice = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=dice)


def smaller_by(student: PairStudent, ratio: float, only: str | None = None) -> Any:
    strands = [strand for strand in strands_of(student) if only in (None, strand.name)]
    scores = {strand.name: -np.arange(strand.units, dtype=float) for strand in strands}
    return pruned(student, {strand.name: kept_count(strand, ratio, 1) for strand in strands}, scores)


def test_strands_cover_every_width(pair_run: PairRun) -> None:
    student = pair_run.student
    covered = {(part.layer, part.width) for strand in strands_of(student) for part in strand.slices}
    depthwise = {name for name, module in student.named_modules() if getattr(module, "groups", 1) > 1}
    rest = {
        (name, width)
        for name, each in all_widths(student).items()
        for width in range(len(each))
        if (name, width) not in covered and name not in depthwise
    }
    assert rest == {
        ("pairs.seed", 0),
        ("pairs.object.project", 0),
        ("pairs.verb.project", 0),
        ("pairs.human.correct.2", 0),
        ("pairs.correct.2", 0),
        ("pairs.presence.2", 0),
        ("encoder.fine.place", 1),
        ("encoder.coarse.place", 1),
        ("encoder.backbone.embedder.stem1.convolution", 1),
    }


def test_a_narrow_one_is_cheaper_learns_and_is_told_by_its_config(pair_run: PairRun, seen: Any) -> None:
    smaller = smaller_by(pair_run.student, 0.5).student
    assert cost(smaller).total_gflops < 0.5 * cost(pair_run.student).total_gflops
    again = PairStudent(smaller.config, pair_run.tables, pair_run.student.pairs.valid, pretrained=False)
    again.load_state_dict(smaller.state_dict())
    for one, other in zip(smaller(seen), again.eval()(seen)):
        assert torch.equal(one, other)
    sum(part.float().sum() for part in smaller.train()(seen)).backward()
    lacking = [name for name, weight in smaller.named_parameters() if weight.grad is None]
    assert not [name for name in lacking if not name.startswith("encoder.backbone")], lacking


def test_units_that_nobody_reads_go_without_a_trace(pair_run: PairRun, seen: Any) -> None:
    for strand in strands_of(pair_run.student):
        if strand.name in ("tokens", "queries"):
            continue  # a LayerNorm sees how many there are
        student = open_pair_run(pair_run.folder).student
        lost = list(range(strand.units // 2, strand.units))
        if strand.name == "pairs.human.look":  # whose two sides read each other
            student.pairs.human.appear.weight.data[lost] = 0
        for part in strand.slices:
            module = student.get_submodule(part.layer)
            if part.width == 1 and hasattr(module, "weight"):
                module.weight.data.index_fill_(1, torch.tensor(part.places[lost].ravel()), 0)
        smaller = smaller_by(student, 0.5, strand.name).student
        for one, other in zip(student(seen), smaller(seen)):
            assert (one - other).abs().max() < 1e-4, strand.name


@pytest.fixture(scope="module")
def smaller(pair_run: PairRun, pair_school: PairSchool, tmp_path_factory: pytest.TempPathFactory) -> PairRun:
    return compress(pair_run, tmp_path_factory.mktemp("smaller") / "run", SMALLER, pair_school, 1)


def test_every_step_is_a_run_of_pairs(smaller: PairRun, pair_run: PairRun) -> None:
    steps = read_steps(smaller.folder)
    assert list(steps) == [
        "as it came",
        "cut, round 1",
        "recovered, round 1",
        "INT8, calibrated",
        "INT8, trained",
        "INT8, as kept",
    ]
    assert steps["INT8, as kept"]["parameters"] < 0.6 * steps["as it came"]["parameters"]
    at = {name: open_pair_run(smaller.folder / "steps" / name) for name in ("1-cut", "1-recovered", "int8-trained")}
    assert at["1-cut"].student.config.widths and not torch.equal(
        at["1-cut"].student.pairs.begin.weight, at["1-recovered"].student.pairs.begin.weight
    )
    assert isinstance(open_pair_run(smaller.folder).student, QuantizedPairStudent)
    page = (smaller.folder / "report.html").read_text("utf-8")
    assert "Channels and heads that are left" in page and "mAP" in page and "top-1" not in page
    assert pair_run.student.config.widths == {}


def test_it_has_learned_with_its_rounding(smaller: PairRun) -> None:
    before, after = (open_pair_run(smaller.folder / "steps" / f"int8-{name}") for name in ("calibrated", "trained"))
    assert isinstance(after.student, QuantizedPairStudent) and places(before.student) == places(after.student)
    now = after.student.state_dict()
    scales = {name: tensor for name, tensor in before.student.state_dict().items() if name.endswith(".scale")}
    moved = [name for name, tensor in scales.items() if not torch.equal(tensor, now[name])]
    assert len(moved) > 0.8 * len(scales), "scales are learned"
    told = read_metrics(smaller.folder / "steps" / "int8-trained" / "metrics.jsonl")
    assert all(line["watched"] >= 0 for line in told if line["kind"] == "train"), "the student before it watches"
    page = (smaller.folder / "steps" / "int8-trained" / "report.html").read_text("utf-8")
    assert "Kept to: the student before" in page


@torch.no_grad()
def test_a_lesson_asks_a_student_in_8_bits_as_others_do(smaller: PairRun, pair_school: PairSchool, seen: Any) -> None:
    student = open_pair_run(smaller.folder).student
    known = torch.zeros_like((said := student(seen)).seeds).scatter_(1, said.starts, 1)
    assert torch.equal(student.say(student.encode(seen), known).presence, student(seen, known).presence)
    lesson = pair_school.lesson(start_of(smaller)).eval()
    batch = next(iter(pair_school.turns(smaller.student, 1))).batch
    quantizers, worked = {quant for _, quant in hooks(lesson.student)}, set()
    for quant in quantizers:
        quant.register_forward_hook(lambda quant, *_: worked.add(quant))
    lesson(*batch.asked)
    assert worked == quantizers and len(quantizers) > 20


@pytest.mark.long
def test_a_recovery_and_a_training_with_rounding_that_were_stopped_go_on_and_end_the_same(
    smaller: PairRun, pair_run: PairRun, pair_school: PairSchool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    real, steps = Training.update, []

    def dying(self: Training, *given: Any) -> Any:
        steps.append(self.lesson.watcher)
        if len(steps) in (2, 6):
            raise Killed
        return real(self, *given)

    monkeypatch.setattr(Training, "update", dying)
    often = replace(pair_school, settings=replace(pair_school.settings, checkpoint_every=1))
    for _ in range(2):
        with pytest.raises(Killed):
            compress(pair_run, tmp_path / "run", SMALLER, often, 1)
    assert steps[1] is None and steps[5] is not None, "one was stopped in its recovery, one while it was watched"
    done = compress(pair_run, tmp_path / "run", SMALLER, often, 1)
    now, wanted = done.student.state_dict(), smaller.student.state_dict()
    assert now.keys() == wanted.keys() and all(torch.equal(now[name], wanted[name]) for name in wanted)


def test_the_graph_of_a_narrow_one_says_the_same(smaller: PairRun, seen: Any, tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    student = open_pair_run(smaller.folder / "steps" / "1-recovered").student
    session = ort.InferenceSession(export_onnx(student, tmp_path / "model.onnx"))
    with torch.no_grad():
        wanted = SaidPairs(student)(seen[:1])
    for one, other in zip(wanted, session.run(None, {"pixels": seen[:1].numpy()}), strict=True):
        assert np.abs(one.numpy() - other).max() < 1e-3


def test_zeros_stay_zeros(pair_run: PairRun, pair_school: PairSchool, tmp_path: Path) -> None:
    done = compress(
        pair_run, tmp_path / "run", Wishes(PruneConfig(sparse="0.5", **LITTLE), NO_INT8, HERE), pair_school, 1
    )
    weight = done.student.decoder.layers[0].mlp[0].weight
    assert 0.45 < (weight == 0).float().mean() < 0.55


def test_a_latency_is_met_by_the_law_of_a_board(pair_run: PairRun, pair_school: PairSchool, tmp_path: Path) -> None:
    board = replace(HERE, engine="tensorrt", precision="fp16", roofline=Roofline(0.0, 0.1, 1e6))
    wishes = Wishes(PruneConfig(latency=0.7, **LITTLE), NO_INT8, board)
    done = compress(pair_run, tmp_path / "run", wishes, pair_school, 1)
    first, last = cost(pair_run.student), cost(done.student)
    assert last.total_gflops <= 0.71 * first.total_gflops


def test_another_student_is_kept_to(pair_run: PairRun, pair_school: PairSchool) -> None:
    lesson = pair_school.lesson(start_of(pair_run)).eval()
    batch = next(iter(pair_school.turns(pair_run.student, 1))).batch
    assert lesson.watched(lesson(*batch.asked), batch) == {}
    lesson.watch(pair_run.student)
    assert lesson.watched(lesson(*batch.asked), batch)["watched"].item() == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        lesson.student.pairs.human.correct[-1].bias += 0.5
    apart = lesson.watched(lesson(*batch.asked), batch)["watched"]
    apart.backward()
    assert apart.item() > 1e-3 and lesson.student.pairs.human.correct[-1].bias.grad.abs().max() > 0


@pytest.mark.parametrize("method", ["gplhoi", "clhoi"])
def test_what_taught_it_is_cut_where_it_reads_tokens(
    method: str, pair_run: PairRun, pair_school: PairSchool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student, settings = pair_run.student, pair_school.settings
    width = student.text_width
    lesson = made_lesson(method, student, settings, pair_school, width)
    save_lesson(lesson, tmp_path)
    cut = smaller_by(student, 0.5, "tokens")
    before = start_of(replace(pair_run, folder=tmp_path)).lesson
    beside = narrowed(before, student, cut.kept)
    assert any(beside[name].shape != tensor.shape for name, tensor in before.items())
    anew = made_lesson(method, cut.student, settings, pair_school, width)
    Start(cut.student, beside).into(anew)
    assert "begins anew" not in capsys.readouterr().err
    told = {name: tensor for name, tensor in anew.state_dict().items() if not name.startswith("student.")}
    assert told and all(torch.allclose(tensor.float(), beside[name].float()) for name, tensor in told.items())


def made_lesson(method: str, student: PairStudent, settings: Any, school: PairSchool, width: int) -> Any:
    """A lesson whose texts are numbers."""
    from edgegsr.distill.pairs.clhoi import ClHoi, acts
    from edgegsr.distill.pairs.gplhoi import GplHoi, group_texts

    kinds, dice = school.learn.pairs.kinds, torch.Generator().manual_seed(0)
    allowed = torch.from_numpy(kinds.valid)
    if method == "gplhoi":
        return GplHoi(student, settings, allowed, torch.randn(len(group_texts(kinds)), width, generator=dice))
    return ClHoi(student, settings, allowed, torch.randn(len(kinds), width, generator=dice), acts(kinds))


def test_what_is_kept_out_of_training_is_kept_out_of_recovery(pair_run: PairRun, pair_school: PairSchool) -> None:
    lesson = replace(pair_school, unseen="uv").lesson(start_of(pair_run))
    assert not lesson.allowed[1, 2] and lesson.allowed[0, 0]
    told = [replace(pair_school, unseen=setting).described(pair_run)["pairs"] for setting in ("", "uv")]
    assert [(each["unseen"], each["rule"]) for each in told] == [("", ""), ("uv", "labels")]


def test_impossible_wishes_are_refused(pair_run: PairRun, pair_school: PairSchool, tmp_path: Path) -> None:
    for wish, message in (
        (PruneConfig(0.97, **LITTLE), "would leave nothing of"),
        (PruneConfig(drop_layers=1, **LITTLE), "the student has 1 decoder layers; leave one"),
    ):
        with pytest.raises(InputError, match=message):
            compress(pair_run, tmp_path / "x", Wishes(wish, NO_INT8, HERE), pair_school, 1)
    assert not (tmp_path / "x").exists()
