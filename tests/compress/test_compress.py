"""The whole way on the toy world: cut and recovered in rounds, resumable, each step a run like any other."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")
pytest.importorskip("nncf")

import toyworld  # noqa: E402
from wishmade import HERE, wishes  # noqa: E402

from edgegsr.bench import clock as clocks  # noqa: E402
from edgegsr.compress.clocks import clock_of  # noqa: E402
from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig, QuantizeConfig  # noqa: E402
from edgegsr.compress.figures import dropped, read_steps  # noqa: E402
from edgegsr.compress.importance import magnitude, mean_loss, taylor  # noqa: E402
from edgegsr.compress.school import School, start_of  # noqa: E402
from edgegsr.compress.strands import strands_of  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import Groups  # noqa: E402
from edgegsr.distill.journal import read_metrics  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.run import Run, open_run  # noqa: E402
from edgegsr.student.calibration import read_calibration  # noqa: E402
from edgegsr.student.quantizers import QuantizedStudent, places  # noqa: E402
from edgegsr.student.sparse import masks  # noqa: E402

WISH = wishes(ratio=0.5, rounds=2)


def weights(run: Run) -> dict[str, Any]:
    return run.student.state_dict()


def same(one: Run, other: Run) -> bool:
    return weights(one).keys() == weights(other).keys() and all(
        torch.equal(tensor, weights(other)[name]) for name, tensor in weights(one).items()
    )


@pytest.fixture(scope="module")
def smaller(whole: Run, school: School, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return compress(whole, tmp_path_factory.mktemp("compressed") / "run", WISH, school, 1)


def test_compressed_run_opens_and_is_smaller_at_every_round(smaller: Run, whole: Run) -> None:
    steps = read_steps(smaller.folder)
    assert list(steps) == ["as it came", "cut, round 1", "recovered, round 1", "cut, round 2", "recovered, round 2"]
    counts = [step["parameters"] for step in steps.values()]
    assert counts[0] > counts[1] == counts[2] > counts[3] == counts[4]
    again = open_run(smaller.folder)
    assert again.student.config.widths
    assert sum(weight.numel() for weight in again.student.parameters()) == counts[-1] < 0.6 * counts[0]
    assert all({"rare", "unseen", "all"} <= step["dev"].keys() for step in steps.values())
    assert same(again, open_run(smaller.folder / "steps" / "2-recovered"))
    assert "a compressed student" in (smaller.folder / "report.html").read_text("utf-8")


def test_recovery_moves_the_weights_and_keeps_the_shape(smaller: Run) -> None:
    cut, recovered = (open_run(smaller.folder / "steps" / f"1-{name}") for name in ("cut", "recovered"))
    assert cut.student.config == recovered.student.config
    assert not same(cut, recovered)
    kept = [n for n, t in weights(cut).items() if "running_mean" in n and torch.equal(t, weights(recovered)[n])]
    assert not kept, "statistics of the student before the cut do not fit what is left of it"


def test_finished_compression_is_left_alone(smaller: Run, whole: Run, school: School) -> None:
    before = {path: path.stat().st_mtime_ns for path in smaller.folder.rglob("student.safetensors")}
    compress(whole, smaller.folder, WISH, school, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_is_not_known_of_a_lesson_begins_the_same_every_time(whole: Run, school: School) -> None:
    drawn = []
    for _ in range(2):
        torch.rand(1)
        school.lesson(start_of(whole))
        drawn.append(torch.rand(1))
    assert drawn[0] == drawn[1]


def test_a_wish_for_a_latency_does_not_go_on_from_one_without(whole: Run, school: School, tmp_path: Path) -> None:
    sparse = wishes(sparse="0.5")
    compress(whole, tmp_path / "run", sparse, school, 1)
    with pytest.raises(InputError, match=r"holds another compression \(prune.latency: 0.0 there, 0.6 here\)"):
        compress(whole, tmp_path / "run", wishes(sparse="0.5", latency=0.6), school, 1)


def test_other_wishes_are_refused(smaller: Run, whole: Run, school: School) -> None:
    other = wishes(ratio=0.4, rounds=2)
    with pytest.raises(InputError, match=r"holds another compression \(prune.ratio: 0.5 there, 0.4 here\)"):
        compress(whole, smaller.folder, other, school, 1)


def test_folder_with_other_things_is_refused(whole: Run, school: School, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"wanted an empty folder or a compression, found letter\.txt"):
        compress(whole, tmp_path, WISH, school, 1)


def test_compressed_run_is_compressed_again(smaller: Run, school: School, tmp_path: Path) -> None:
    wish = wishes(ratio=0.3, criterion="magnitude", multiple=1)
    again = compress(smaller, tmp_path / "again", wish, school, 1)
    counts = [step["parameters"] for step in read_steps(again.folder).values()]
    assert counts[-1] < counts[0]


@pytest.mark.parametrize("stopped_after", ["1-cut/config.toml", "2-cut/student.safetensors"])
def test_stopped_compression_goes_on_and_ends_the_same(
    smaller: Run, whole: Run, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_after: str
) -> None:
    from edgegsr.compress import steps as story

    real = story.write_whole, story.save_weights

    class Killed(BaseException):
        pass

    def dying(call: Any) -> Any:
        def write(*given: Any) -> None:
            call(*given)
            path = next(value for value in given if isinstance(value, Path))
            if path == tmp_path / "run" / "steps" / stopped_after:
                raise Killed

        return write

    monkeypatch.setattr(story, "write_whole", dying(real[0]))
    monkeypatch.setattr(story, "save_weights", dying(real[1]))
    with pytest.raises(Killed):
        compress(whole, tmp_path / "run", WISH, school, 1)
    monkeypatch.undo()
    assert same(compress(whole, tmp_path / "run", WISH, school, 1), smaller)


def test_taylor_foretells_what_the_loss_changes_by(whole: Run, school: School) -> None:
    """To first order: a unit shrunk by a thousandth moves the loss by a thousandth of the score's root."""
    lesson, turns = school.lesson(start_of(whole)), list(school.turns(whole.student, 1))
    (strand,) = (strand for strand in strands_of(lesson.student) if strand.name == "presence")
    foretold = taylor(lesson, turns, [strand])["presence"]
    unit, first = int(foretold.argmax()), lesson.student.presence[0]
    moved = []
    for share in (1.001, 0.999):
        with torch.no_grad():
            weight, bias = first.weight[unit].clone(), first.bias[unit].clone()
            first.weight[unit] *= share
            first.bias[unit] *= share
            moved.append(mean_loss(lesson, turns))
            first.weight[unit], first.bias[unit] = weight, bias
    assert abs(moved[0] - moved[1]) / 0.002 == pytest.approx(foretold[unit] ** 0.5, rel=0.05)


def test_taylor_sees_what_the_loss_hangs_on(whole: Run, school: School) -> None:
    """The score is the square of the first-order change; a unit that nothing reads has none."""
    lesson = school.lesson(start_of(whole))
    found = strands_of(lesson.student)
    with torch.no_grad():
        lesson.student.presence[2].weight[0, 3] = 0
        lesson.student.presence[0].weight[5] = lesson.student.presence[0].bias[5] = 0
    scores = taylor(lesson, school.turns(whole.student, 2), found)["presence"]
    assert scores[3] == 0 == scores[5]
    assert (scores > 0).sum() > 5
    assert all((part >= 0).all() for part in magnitude(lesson.student, found).values())


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"ratio": 1.0}, "--prune must be at least 0 and below 1, got 1"),
        ({"ratio": 0.5, "criterion": "luck"}, "--criterion: wanted one of taylor, magnitude, got 'luck'"),
        ({"latency": 1.0}, "--latency must be below 1x, got 1x"),
        ({"ratio": 0.5, "latency": 0.5}, "--prune and --latency: wanted one of them, got both"),
        ({"ratio": 0.5, "rounds": 0}, "rounds must be 1 or more, got 0"),
        ({"sparse": "3:4"}, "--sparse: wanted 2:4 or a share from 0.1 to below 1 such as 0.5, got '3:4'"),
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PruneConfig(**wish)


def test_no_wish_is_a_mistake() -> None:
    with pytest.raises(
        InputError, match="nothing to do: give --prune or --latency, --drop-layers, --sparse, --ptq or --qat"
    ):
        wishes()


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"calibration": 0}, "calibration must be 1 or more, got 0"),
        ({"epochs": 0}, "epochs must be 1 or more, got 0"),
        ({"lr_share": 0.0}, "lr_share must be above 0 and at most 1, got 0"),
        ({"max_drop": 1.5}, "--max-drop must be 0 to 1, got 1.5"),
    ],
)
def test_impossible_wishes_for_int8_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantizeConfig(ptq=True, **wish)


INT8 = QuantizeConfig(qat=True, calibration=8, epochs=1)


@pytest.fixture(scope="module")
def coarse(whole: Run, school: School, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return compress(whole, tmp_path_factory.mktemp("int8") / "run", wishes(ratio=0.3, int8=INT8), school, 1)


def test_int8_run_opens_with_its_quantizers_and_has_learned_with_them(coarse: Run, split_dev: Split) -> None:
    assert isinstance(coarse.student, QuantizedStudent) and coarse.student.config.folded
    assert list(read_steps(coarse.folder))[-3:] == ["INT8, calibrated", "INT8, trained", "INT8, as kept"]
    before, after = (open_run(coarse.folder / "steps" / f"int8-{name}") for name in ("calibrated", "trained"))
    assert places(before.student) == places(after.student)
    moved = [n for n, t in weights(before).items() if n.endswith(".scale") and not torch.equal(t, weights(after)[n])]
    assert len(moved) > len(places(after.student)) / 2, "scales are learned"
    told = read_metrics(coarse.folder / "steps" / "int8-trained" / "metrics.jsonl")
    assert all(line["watched"] >= 0 for line in told if line["kind"] == "train"), "the student before it watches"


def test_int8_run_is_not_compressed_again(coarse: Run, school: School, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is quantized already; compress the run that it was made from"):
        compress(coarse, tmp_path / "run", wishes(ratio=0.3), school, 1)


@pytest.mark.long
def test_stopped_training_in_int8_goes_on_and_ends_the_same(
    coarse: Run, whole: Run, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgegsr.distill.training import Training

    class Killed(BaseException):
        pass

    real, steps = Training.update, []

    def dying(self: Training, *given: Any) -> Any:
        if self.lesson.watcher:
            steps.append(1)
            if len(steps) == 3:
                raise Killed
        return real(self, *given)

    monkeypatch.setattr(Training, "update", dying)
    often = dataclasses.replace(school.settings, checkpoint_every=1)
    school = dataclasses.replace(school, settings=often)  # which may change while a training is under way
    with pytest.raises(Killed):
        compress(whole, tmp_path / "run", wishes(ratio=0.3, int8=INT8), school, 1)
    monkeypatch.undo()
    assert same(compress(whole, tmp_path / "run", wishes(ratio=0.3, int8=INT8), school, 1), coarse)


def test_ratio_that_empties_a_layer_is_refused_before_any_work(whole: Run, school: School, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--prune 0.98: would leave nothing of .*; give at most"):
        compress(whole, tmp_path / "run", wishes(ratio=0.98), school, 1)
    assert not (tmp_path / "run").exists()


def test_other_data_or_threads_are_another_compression(smaller: Run, whole: Run, school: School) -> None:
    with pytest.raises(InputError, match=r"holds another compression \(threads: 1 there, 2 here\)"):
        compress(whole, smaller.folder, WISH, school, 2)
    fewer = dataclasses.replace(school, judge=school.judge.take(range(3)))
    with pytest.raises(InputError, match=r"holds another compression \(data.dev.images: 8 there, 3 here"):
        compress(whole, smaller.folder, WISH, fewer, 1)


def test_run_that_is_not_trained_has_a_handicap_all_the_same(
    whole: Run, school: School, tmp_path: Path, split_dev: Split
) -> None:
    by = Groups(("lifting",), ("pushing", "pulling"), ("sinking",))
    done = compress(
        whole, tmp_path / "run", wishes(int8=QuantizeConfig(ptq=True)), dataclasses.replace(school, groups=by), 1
    )
    assert read_calibration(done.folder).chosen_on == split_dev.name
    assert list(read_steps(done.folder)) == ["as it came", "INT8, calibrated", "INT8, as kept"]
    assert read_steps(done.folder)["INT8, as kept"]["latency"] is None
    assert "INT8 calibrated on 16 images" in (done.folder / "report.html").read_text("utf-8")


def test_folded_run_is_pruned_and_opens(coarse: Run, school: School, tmp_path: Path) -> None:
    folded = open_run(coarse.folder / "steps" / "folded")
    done = compress(folded, tmp_path / "run", wishes(ratio=0.3), school, 1)
    assert done.student.config.folded and read_steps(done.folder)["cut, round 1"]["parameters"] < 20_000
    assert same(open_run(done.folder), done)


@pytest.mark.long
def test_backbone_without_batch_norm_is_cut_where_it_can_be(
    learn: Any, school: School, split_dev: Split, tmp_path: Path
) -> None:
    """ConvNeXt scales its residual branches by weights outside of layers: those widths stay."""
    run = learn(tmp_path / "convnext", toyworld.ONE_STEP)
    done = compress(run, tmp_path / "run", wishes(ratio=0.5, int8=QuantizeConfig(ptq=True, calibration=8)), school, 1)
    steps = list(read_steps(done.folder).values())
    assert steps[-1]["parameters"] < 0.8 * steps[0]["parameters"] and steps[-1]["latency"] is None


@pytest.mark.parametrize("pattern", ["2:4", pytest.param("0.75", marks=pytest.mark.long)])
def test_zeros_stay_zero_through_every_training(
    whole: Run, school: School, split_dev: Split, tmp_path: Path, pattern: str
) -> None:
    done = compress(whole, tmp_path / "run", wishes(sparse=pattern, int8=INT8), school, 1)
    assert list(read_steps(done.folder))[1:3] == [f"sparse, {pattern}", "sparse, recovered"]
    zeroed = open_run(done.folder / "steps" / "sparse").student
    found = {
        f"{name}.weight": (module.weight != 0).float()
        for name, module in zeroed.named_modules()
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and (module.weight == 0).any()
    }
    assert len(found) > 20 and found.keys() == masks(zeroed).keys()
    if pattern == "2:4":
        fours = zeroed.decoder.layers[0].mlp[0].weight.reshape(-1, 4)
        assert ((fours == 0).sum(1) == 2).all()
        assert (zeroed.encoder.backbone.encoder.stages[0].blocks[0].layers[0].convolution.weight == 0).any()
    else:
        assert all(mask.mean() == pytest.approx(1 - float(pattern), abs=0.05) for mask in found.values())
    for step in ("sparse-recovered", "int8-trained", "int8"):
        later = dict(open_run(done.folder / "steps" / step).student.named_parameters())
        assert all((later[name][mask == 0] == 0).all() for name, mask in found.items() if name in later), step
    moved = open_run(done.folder / "steps" / "sparse-recovered").student
    assert not torch.equal(moved.presence[0].weight, zeroed.presence[0].weight)
    assert "Zeros alone save nothing" in (done.folder / "report.html").read_text("utf-8")


def test_scores_that_fell_too_far_are_named() -> None:
    first = {"dev": {"seen": {"verb_top1": 0.5, "value": 0.4, "grounded": 0.0}}}
    last = {"dev": {"seen": {"verb_top1": 0.48, "value": 0.4, "grounded": 0.0}}}
    assert dropped({"as it came": first, "cut": last}, 0.05) == []
    assert dropped({"as it came": first, "cut": last}, 0.02) == [
        "verb_top1, seen: 48.0 % of 50.0 % before: lost 4.0%, at most 2.0% was wanted"
    ]


def test_engine_that_is_here_is_timed_in_turns(
    whole: Run, timed_in_short: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_calls", timed_in_short)
    with clock_of(HERE, 1, whole.student) as clock:
        assert 0.5 < clock(whole.student) < 2
