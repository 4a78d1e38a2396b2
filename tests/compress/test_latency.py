"""A wish for a latency: what to cut is searched for."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("torch_pruning")
pytest.importorskip("nncf")

from wishmade import wishes

from edgegsr.bench.roofline import Roofline
from edgegsr.compress.compress import compress
from edgegsr.compress.figures import read_steps
from edgegsr.compress.school import School
from edgegsr.compress.search import read_plan
from edgegsr.errors import InputError
from edgegsr.export.target import Target
from edgegsr.files import read_json, write_whole
from edgegsr.run import Run, open_run
from edgegsr.student.model import Student
from edgegsr.student.weights import save_weights

BOARD = Target("tensorrt", "int8", 2, Roofline(start_ms=0.001, tops=0.1, gb_per_s=100))  # arithmetic is what counts


def test_search_meets_a_latency_with_blocks_told_apart(whole: Run, school: School, tmp_path: Path) -> None:
    done = compress(whole, tmp_path / "run", wishes(BOARD, latency=0.7), school, 1)
    plan = read_plan(done.folder)
    assert plan is not None and plan.share <= 0.7 and plan.before == 1
    law, (first, *_, last) = BOARD.roofline, read_steps(done.folder).values()
    took = [law.predict_ms(step["gflops"], step["parameters"]) for step in (first, last)]
    assert took[1] / took[0] == pytest.approx(plan.share, abs=0.01)
    assert len(set(plan.ratios.values())) > 1 or len(plan.ratios) < len(plan.options)
    page = (done.folder / "report.html").read_text("utf-8")
    assert "Search, predicted: added loss over share of the latency" in page
    assert f"cut to {plan.share:.2f} of the latency (0.7 wanted; predicted for tensorrt int8)" in page


@pytest.mark.long
def test_layers_that_are_dropped_are_saved_once(whole: Run, school: School, tmp_path: Path) -> None:
    """Savings of blocks are counted from what is left of the student, the wish from what came."""
    two = wider(whole, tmp_path / "two")
    done = compress(two, tmp_path / "run", wishes(BOARD, latency=0.7, drop_layers=1), school, 1)
    plan = read_plan(done.folder)
    assert plan is not None and plan.share <= 0.7 and 0.7 < plan.before < 0.99
    assert done.student.config.decoder_layers == 1
    assert all(option.saved < 0.6 for options in plan.options.values() for option in options)
    assert plan.curve()[0] == (pytest.approx(plan.before), 0)


def wider(run: Run, folder: Path) -> Run:
    """A run with a second decoder layer, as random as a new one."""
    from edgegsr import card

    student = Student(dataclasses.replace(run.student.config, decoder_layers=2), run.tables)
    write_whole(folder / "config.toml", card.to_toml({**run.config, "student": student.config}))
    for name in ("ontology.json", "tables.safetensors"):
        write_whole(folder / name, (run.folder / name).read_bytes())
    save_weights(student, folder / "student.safetensors")
    return open_run(folder)


def test_layer_alone_can_be_dropped(whole: Run, school: School, tmp_path: Path) -> None:
    two = wider(whole, tmp_path / "two")
    done = compress(two, tmp_path / "run", wishes(drop_layers=1), school, 1)
    assert list(read_steps(done.folder)) == ["as it came", "fewer decoder layers", "recovered"]
    assert len(done.student.decoder.layers) == 1
    with pytest.raises(InputError, match="--drop-layers 2: the student has 2 decoder layers; leave one"):
        compress(two, tmp_path / "other", wishes(drop_layers=2), school, 1)
    assert not (tmp_path / "other").exists()


@pytest.mark.long
def test_latency_out_of_reach_tells_the_best_point_and_a_milder_wish_goes_on_from_there(
    whole: Run, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"--latency 0.02x: cannot be met .* give 0.\d\dx or more") as told:
        compress(whole, tmp_path / "run", wishes(BOARD, latency=0.02), school, 1)
    advice = float(re.findall(r"give (0.\d\d)x", str(told.value))[0])
    tried = (tmp_path / "run" / "search.json").read_text("utf-8")
    done = compress(whole, tmp_path / "run", wishes(BOARD, latency=advice), school, 1)
    assert (tmp_path / "run" / "search.json").read_text("utf-8") == tried
    assert read_plan(done.folder).share <= advice


@pytest.mark.long
def test_search_that_was_stopped_does_not_try_a_block_again(
    whole: Run, school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgegsr.compress import search as looking

    real, tried = looking.Search._made, []

    class Killed(BaseException):
        pass

    def dying(self: Any, ratios: Any) -> Any:
        tried.append(dict(ratios))
        if len(tried) == 7:
            raise Killed
        return real(self, ratios)

    monkeypatch.setattr(looking.Search, "_made", dying)
    with pytest.raises(Killed):
        compress(whole, tmp_path / "run", wishes(BOARD, latency=0.7), school, 1)
    before = list(read_json(tmp_path / "run" / "search.json")["options"])
    assert before and not (tmp_path / "run" / "plan.json").exists()
    tried.clear()
    tried.extend([{}] * 10)
    compress(whole, tmp_path / "run", wishes(BOARD, latency=0.7), school, 1)
    again = {block for ratios in tried for block in ratios if len(ratios) == 1}
    assert not again & set(before[:-1])


def test_engine_that_is_not_here_needs_a_law(whole: Run, school: School, tmp_path: Path) -> None:
    wish = wishes(Target("tensorrt", "int8", 2), latency=0.7)
    with pytest.raises(
        InputError, match=r"tensorrt does not run here; its profile needs a board or a \[target\.roofline"
    ):
        compress(whole, tmp_path / "run", wish, school, 1)
    assert not (tmp_path / "run").exists()
