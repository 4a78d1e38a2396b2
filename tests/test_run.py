"""A run opens only if it is whole, of this format, and of one piece; and says in one line what is wrong otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edgegsr.errors import InputError  # noqa: E402
from edgegsr.run import Run, open_run  # noqa: E402
from edgegsr.text import TextTables  # noqa: E402


@pytest.fixture
def copy(whole: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole.folder, tmp_path / "run"))


def test_finished_run_opens_ready_to_predict(whole: Run) -> None:
    run = open_run(str(whole.folder))
    assert run.config["method"] == "none" and run.ontology.verbs == ("lifting", "pushing", "pulling", "sinking")
    assert run.tables.encoder == "random" and not run.student.training
    pixels = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    assert torch.equal(run.student(pixels).verb_logits, whole.student(pixels).verb_logits)


def test_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder; give the folder that `edgegsr distill --out`"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"wanted a run with a config\.toml, found nothing"):
        open_run(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"wanted a run with a config\.toml, found photo\.jpg"):
        open_run(tmp_path)


def test_other_format_is_refused(copy: Path) -> None:
    config = copy / "config.toml"
    config.write_text(config.read_text().replace("format = 1", "format = 2"))
    with pytest.raises(InputError, match=r"config\.toml: wanted a run of format 1, got 2; train it again"):
        open_run(copy)


@pytest.mark.parametrize("name", ["student.pt", "pytorch_model.bin", "last.ckpt"])
def test_pickled_weights_are_refused_by_name(copy: Path, name: str) -> None:
    (copy / "student.safetensors").rename(copy / name)
    with pytest.raises(InputError, match=f"wanted student.safetensors, found {name}; pickled weights are never loaded"):
        open_run(copy)


def test_unfinished_run_says_how_to_finish_it(copy: Path) -> None:
    (copy / "student.safetensors").unlink()
    with pytest.raises(InputError, match="not finished; run the same `edgegsr distill` again to go on"):
        open_run(copy)
    shutil.rmtree(copy / "state")
    with pytest.raises(InputError, match=r"wanted a run with student\.safetensors, found none; train it again"):
        open_run(copy)


@pytest.mark.parametrize("name", ["ontology.json", "tables.safetensors"])
def test_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"{name}: missing; a run has config.toml, ontology.json"):
        open_run(copy)


@pytest.mark.parametrize("name", ["student.safetensors", "tables.safetensors", "ontology.json", "config.toml"])
def test_truncated_file_is_named(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=name):
        open_run(copy)


def test_card_cut_after_any_line_is_named_or_has_lost_nothing_of_the_student(copy: Path, whole: Run) -> None:
    lines = (copy / "config.toml").read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        (copy / "config.toml").write_bytes(b"".join(lines[:kept]))
        try:
            assert open_run(copy).student.config == whole.student.config
        except InputError as error:
            assert "config.toml" in str(error) or "student than the card beside it" in str(error), error


def test_words_that_do_not_belong_together_are_refused(copy: Path, whole: Run) -> None:
    tables = TextTables(whole.tables.verbs[:3], whole.tables.roles[:3], whole.tables.nouns, "random")
    tables.save(copy / "tables.safetensors")
    with pytest.raises(InputError, match=r"tables\.safetensors was not made from ontology\.json \(4 verbs and 4 nouns"):
        open_run(copy)


def test_weights_of_another_student_are_refused(copy: Path) -> None:
    config = copy / "config.toml"
    config.write_text(config.read_text().replace("width = 16", "width = 32"))
    with pytest.raises(InputError, match=r"student\.safetensors: is of another student"):
        open_run(copy)


def test_impossible_student_names_file_and_key(copy: Path) -> None:
    config = copy / "config.toml"
    config.write_text(config.read_text().replace("heads = 2", "heads = 3"))
    with pytest.raises(InputError, match=r"config\.toml: student\.width must be a multiple of heads=3, got 16"):
        open_run(copy)
