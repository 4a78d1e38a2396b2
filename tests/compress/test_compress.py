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

from edgegsr.compress.clocks import clock_of  # noqa: E402
from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig, QuantizeConfig, Wishes  # noqa: E402
from edgegsr.compress.figures import dropped, read_steps  # noqa: E402
from edgegsr.compress.groups import groups_of  # noqa: E402
from edgegsr.compress.importance import magnitude, taylor  # noqa: E402
from edgegsr.compress.school import School, start_of  # noqa: E402
from edgegsr.compress.search import read_plan  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import groups  # noqa: E402
from edgegsr.distill.journal import read_metrics  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.target import Roofline, Target, find_target  # noqa: E402
from edgegsr.run import Run, open_run  # noqa: E402
from edgegsr.student.quantizers import QuantizedStudent, places  # noqa: E402

HERE = find_target("onnx-fp32")


def wishes(target: Target = HERE, *, int8: QuantizeConfig | None = None, **prune: Any) -> Wishes:
    little = {"multiple": 2, "rounds": 1, "batches": 2, "epochs": 1}
    return Wishes(PruneConfig(**{**little, **prune}), int8 or QuantizeConfig(), target)


WISH = wishes(ratio=0.5, rounds=2)


@pytest.fixture
def school(whole: Run, split_train: Split, split_dev: Split) -> School:
    by = groups(split_train.annotations)
    return School(split_train, split_dev, by, "none", None, whole.config["train"], {})


def weights(run: Run) -> dict[str, Any]:
    return run.student.state_dict()


def same(one: Run, other: Run) -> bool:
    return weights(one).keys() == weights(other).keys() and all(
        torch.equal(tensor, weights(other)[name]) for name, tensor in weights(one).items()
    )


@pytest.fixture(scope="module")
def smaller(whole: Run, split_train: Split, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Run:
    by = groups(split_train.annotations)
    school = School(split_train, split_dev, by, "none", None, whole.config["train"], {})
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
    assert "a smaller student" in (smaller.folder / "report.html").read_text("utf-8")


def test_recovery_moves_the_weights_and_keeps_the_shape(smaller: Run) -> None:
    cut, recovered = (open_run(smaller.folder / "steps" / f"1-{name}") for name in ("cut", "recovered"))
    assert cut.student.config == recovered.student.config
    assert not same(cut, recovered)
    kept = [n for n, t in weights(cut).items() if "running_mean" in n and torch.equal(t, weights(recovered)[n])]
    assert not kept, "statistics of the student before the cut do not fit what is left of it"


def test_finished_compression_is_left_alone(smaller: Run, whole: Run, school: School) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in smaller.folder.rglob("student.safetensors") if "steps" in path.parts
    }
    compress(whole, smaller.folder, WISH, school, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before}


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
    from edgegsr.compress import compress as story

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


def test_taylor_sees_what_the_loss_hangs_on(whole: Run, school: School) -> None:
    """The score is the square of the first-order change; a unit that nothing reads has none."""
    lesson = school.lesson(start_of(whole))
    found = groups_of(lesson.student)
    with torch.no_grad():
        lesson.student.presence[2].weight[0, 3] = 0
        lesson.student.presence[0].weight[5] = lesson.student.presence[0].bias[5] = 0
    scores = taylor(lesson, school.lessons(whole.student, 2), found)["presence"]
    assert scores[3] == 0 == scores[5]
    assert (scores > 0).sum() > 5
    assert all((part >= 0).all() for part in magnitude(lesson.student, found).values())


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"ratio": 1.0}, "--prune must be at least 0 and below 1, got 1"),
        ({"ratio": 0.5, "criterion": "luck"}, "--criterion: wanted one of taylor, magnitude, got 'luck'"),
        ({"latency": 1.0}, "--latency must be between 0x and 1x, got 1x"),
        ({"ratio": 0.5, "latency": 0.5}, "--prune and --latency: wanted one of them, got both"),
        ({"ratio": 0.5, "rounds": 0}, "rounds must be 1 or more, got 0"),
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PruneConfig(**wish)


def test_no_wish_is_a_mistake() -> None:
    with pytest.raises(InputError, match="nothing to do: give --prune or --latency, --drop-layers, --ptq or --qat"):
        wishes()


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"calibration": 0}, "calibration must be 1 or more, got 0"),
        ({"epochs": 0}, "epochs must be 1 or more, got 0"),
        ({"lr_share": 0.0}, "lr_share must be above 0 and at most 1, got 0"),
    ],
)
def test_impossible_wishes_for_int8_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantizeConfig(ptq=True, **wish)


INT8 = QuantizeConfig(qat=True, calibration=8, epochs=1)


@pytest.fixture(scope="module")
def coarse(whole: Run, split_train: Split, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Run:
    by = groups(split_train.annotations)
    school = School(split_train, split_dev, by, "none", None, whole.config["train"], {})
    return compress(whole, tmp_path_factory.mktemp("int8") / "run", wishes(ratio=0.3, int8=INT8), school, 1)


def test_int8_run_opens_with_its_quantizers_and_has_learned_with_them(coarse: Run, split_dev: Split) -> None:
    assert isinstance(coarse.student, QuantizedStudent) and coarse.student.config.folded
    assert list(read_steps(coarse.folder))[-2:] == ["INT8, calibrated", "INT8, trained"]
    before, after = (open_run(coarse.folder / "steps" / f"int8-{name}") for name in ("calibrated", "trained"))
    assert places(before.student) == places(after.student) == places(open_run(coarse.folder).student)
    moved = [n for n, t in weights(before).items() if n.endswith(".scale") and not torch.equal(t, weights(after)[n])]
    assert len(moved) > len(places(after.student)) / 2, "scales are learned"
    told = read_metrics(coarse.folder / "steps" / "int8-trained" / "metrics.jsonl")
    assert all(line["watched"] >= 0 for line in told if line["kind"] == "train"), "the student before it watches"


def test_int8_run_is_not_compressed_again(coarse: Run, school: School, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is quantized already; compress the run that it was made from"):
        compress(coarse, tmp_path / "run", wishes(ratio=0.3), school, 1)


def test_stopped_training_in_int8_goes_on_and_ends_the_same(
    coarse: Run, whole: Run, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgegsr.distill.training import Training

    class Killed(BaseException):
        pass

    real, steps = Training.update, []

    def dying(self: Training, *given: Any) -> Any:
        if self.lesson.watchers:
            steps.append(1)
            if len(steps) == 3:
                raise Killed
        return real(self, *given)

    monkeypatch.setattr(Training, "update", dying)
    school = dataclasses.replace(school, overrides={"checkpoint_every": 1})
    with pytest.raises(Killed):
        compress(whole, tmp_path / "run", wishes(ratio=0.3, int8=INT8), school, 1)
    monkeypatch.undo()
    assert same(compress(whole, tmp_path / "run", wishes(ratio=0.3, int8=INT8), school, 1), coarse)


def test_ratio_that_empties_a_layer_is_refused_before_any_work(whole: Run, school: School, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--prune 0.98: would leave nothing of .*; give at most"):
        compress(whole, tmp_path / "run", wishes(ratio=0.98), school, 1)
    assert not (tmp_path / "run").exists()


BOARD = Target("tensorrt", "int8", 2, Roofline(start_ms=0.001, tops=0.1, gb_per_s=100))  # arithmetic is what counts


def test_search_meets_a_latency_and_goes_on_from_what_it_found(whole: Run, school: School, tmp_path: Path) -> None:
    wish = wishes(BOARD, latency=0.7)
    done = compress(whole, tmp_path / "run", wish, school, 1)
    plan = read_plan(done.folder)
    assert plan is not None and plan.share <= 0.7
    law, (first, *_, last) = BOARD.roofline, read_steps(done.folder).values()
    took = [law.predict_ms(step["gflops"], step["parameters"]) for step in (first, last)]
    assert took[1] / took[0] == pytest.approx(plan.share, abs=0.01)
    assert len(set(plan.ratios.values())) > 1 or len(plan.ratios) < len(plan.options), "blocks are told apart"
    page = (done.folder / "report.html").read_text("utf-8")
    assert "Search, predicted: added loss over share of the latency" in page and "0.7 of the latency" in page


def test_latency_out_of_reach_tells_the_best_point(whole: Run, school: School, tmp_path: Path) -> None:
    wish = wishes(BOARD, latency=0.02)
    with pytest.raises(InputError, match=r"--latency 0.02x: cannot be met by pruning; the best point found is 0.\d\dx"):
        compress(whole, tmp_path / "run", wish, school, 1)


def test_engine_that_is_not_here_needs_a_law(whole: Run, school: School, tmp_path: Path) -> None:
    wish = wishes(Target("tensorrt", "int8", 2), latency=0.7)
    with pytest.raises(InputError, match=r"--target: tensorrt does not run here; its profile needs a \[target"):
        compress(whole, tmp_path / "run", wish, school, 1)


def test_scores_that_fell_too_far_are_named() -> None:
    first = {"dev": {"seen": {"verb_top1": 0.5, "value": 0.4, "grounded": 0.0}}}
    last = {"dev": {"seen": {"verb_top1": 0.48, "value": 0.4, "grounded": 0.0}}}
    assert dropped({"as it came": first, "cut": last}, 0.05) == []
    assert dropped({"as it came": first, "cut": last}, 0.02) == [
        "verb_top1, seen: 48.0 % of 50.0 % before: lost 4.0%, at most 2.0% was wanted"
    ]


def test_engine_that_is_here_is_timed_in_turns(whole: Run) -> None:
    with clock_of(HERE, 1, whole.student) as clock:
        assert 0.5 < clock(whole.student) < 2
