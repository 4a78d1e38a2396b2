"""The whole way on the toy world: cut and recovered in rounds, resumable, each step a run like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")

from edgegsr.compress.compress import compress  # noqa: E402
from edgegsr.compress.config import PruneConfig  # noqa: E402
from edgegsr.compress.figures import read_steps  # noqa: E402
from edgegsr.compress.groups import groups_of  # noqa: E402
from edgegsr.compress.importance import magnitude, taylor  # noqa: E402
from edgegsr.compress.school import School  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.data.splits import groups  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.run import Run, open_run  # noqa: E402

WISH = PruneConfig(ratio=0.5, multiple=2, rounds=2, batches=2, epochs=1)


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


def test_finished_compression_is_left_alone(smaller: Run, whole: Run, school: School) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in smaller.folder.rglob("student.safetensors") if "steps" in path.parts
    }
    compress(whole, smaller.folder, WISH, school, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_other_wishes_are_refused(smaller: Run, whole: Run, school: School) -> None:
    other = PruneConfig(ratio=0.4, multiple=2, rounds=2, batches=2, epochs=1)
    with pytest.raises(InputError, match=r"holds another compression \(prune.ratio: 0.5 there, 0.4 here\)"):
        compress(whole, smaller.folder, other, school, 1)


def test_folder_with_other_things_is_refused(whole: Run, school: School, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"wanted an empty folder or a compression, found letter\.txt"):
        compress(whole, tmp_path, WISH, school, 1)


def test_compressed_run_is_compressed_again(smaller: Run, school: School, tmp_path: Path) -> None:
    wish = PruneConfig(ratio=0.3, criterion="magnitude", multiple=1, rounds=1, epochs=1)
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
    lesson = school.lesson(whole)
    found = groups_of(lesson.student)
    with torch.no_grad():
        lesson.student.presence[2].weight[0, 3] = 0
        lesson.student.presence[0].weight[5] = lesson.student.presence[0].bias[5] = 0
    scores = taylor(lesson, school.lessons(whole, 2), found)["presence"]
    assert scores[3] == 0 == scores[5]
    assert (scores > 0).sum() > 5
    assert all((part >= 0).all() for part in magnitude(lesson.student, found).values())


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"ratio": 1.0}, "--prune must be at least 0 and below 1, got 1"),
        ({"ratio": 0.0}, "nothing to do: give --prune above 0 or --drop-layers"),
        ({"ratio": 0.5, "criterion": "luck"}, "--criterion: wanted one of taylor, magnitude, got 'luck'"),
        ({"ratio": 0.5, "rounds": 0}, "rounds must be 1 or more, got 0"),
    ],
)
def test_impossible_wishes_are_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PruneConfig(**wish)


def test_ratio_that_empties_a_layer_is_refused_before_any_work(whole: Run, school: School, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--prune 0.98: would leave nothing of .*; give at most"):
        compress(whole, tmp_path / "run", PruneConfig(ratio=0.98, rounds=1), school, 1)
    assert not (tmp_path / "run").exists()
