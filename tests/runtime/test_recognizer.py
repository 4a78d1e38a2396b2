"""A recognizer on a bundle that was built by hand: what it takes, and what it says where the graph is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from handmade import ANSWERS, graph, write
from PIL import Image

from edgegsr import imagefile
from edgegsr.errors import InputError
from edgegsr.files import read_file
from edgegsr.runtime import SituationRecognizer
from edgegsr.runtime.session import open_graph
from edgegsr.situation import Frame, Noun, Ontology


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 30), "teal").save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_photo_is_a_file_its_bytes_or_its_pixels(tmp_path: Path, photo: Path) -> None:
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS)))
    every = recognizer.predict_all([photo, str(photo), photo.read_bytes(), np.array(Image.open(photo))])
    assert every[0].verb == "sweeping" and every[0].fillers["tool"].box_xyxy == (0, 0, 60, 30)
    assert all(each == every[0] for each in every)
    with pytest.raises(InputError, match="the photo's bytes: wanted a whole JPEG image, got one that is cut off"):
        recognizer.predict(photo.read_bytes()[:-9])


def test_one_photo_is_no_list_of_photos(tmp_path: Path, photo: Path) -> None:
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS)))
    for one in (photo, str(photo), photo.read_bytes(), np.array(Image.open(photo))):
        with pytest.raises(
            InputError, match=r"predict_all: wanted a list of photos, got one; write predict_all\(\[photo"
        ):
            recognizer.predict_all(one)  # type: ignore[arg-type]


def test_a_bundle_that_ships_is_opened_by_its_name_and_a_file_is_none(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "sweeping" in SituationRecognizer("diorama-nano", threads=1).ontology.verbs
    folder = write(tmp_path / "bundle", graph(ANSWERS))
    with pytest.raises(
        InputError, match=r"model\.onnx: wanted the folder of a bundle, got a file; give the folder that it"
    ):
        SituationRecognizer(folder / "model.onnx")
    with pytest.raises(
        InputError, match=r"nowhere: no such folder; give the folder .* has written, diorama-nano or diorama-both"
    ):
        SituationRecognizer("nowhere")


def test_a_file_is_read_once(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS)))
    read: list[Path] = []
    monkeypatch.setattr(imagefile, "read_file", lambda path, most: (read.append(path), read_file(path, most))[1])
    recognizer.predict(photo)
    assert read == [photo]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verb_logits": np.full((1, 2), np.nan, np.float32)}, "verb_probabilities must be numbers, got NaN or inf"),
        ({"verb_logits": np.full((1, 2), np.inf, np.float32)}, "verb_probabilities must be numbers, got NaN or inf"),
        ({"verb_logits": np.zeros((1, 3), np.float32)}, r"verb_probabilities must have the shape \(2,\), got \(3,\)"),
        ({"verb_logits": np.zeros((1, 0), np.float32)}, "zero-size array"),
        ({"noun_logits": np.full((1, 6, 3), -np.inf, np.float32)}, "noun_logits must be numbers, got NaN or inf"),
        ({"boxes_xyxy": np.full((1, 6, 4), np.nan, np.float32)}, "boxes_xyxy01 must be numbers, got NaN or inf"),
        ({"boxes_xyxy": np.full((1, 6, 4), np.inf, np.float32)}, "boxes_xyxy01 must be numbers, got NaN or inf"),
        ({"boxes_xyxy": np.full((1, 6, 4), -np.inf, np.float32)}, "boxes_xyxy01 must be numbers, got NaN or inf"),
        ({"presence": np.zeros((1, 5), np.float32)}, r"presence_logits must have the shape \(6,\), got \(5,\)"),
    ],
)
def test_a_broken_graph_is_refused_by_its_bundle(tmp_path: Path, photo: Path, change: Any, said: str) -> None:
    folder = write(tmp_path / "bundle", graph({**ANSWERS, **change}))
    recognizer = SituationRecognizer(folder)
    with pytest.raises(InputError, match=f"{folder}: its graph does not answer as it should: .*{said}.*; export it"):
        recognizer.predict(photo)


def test_boxes_that_are_far_outside_end_at_the_border(tmp_path: Path, photo: Path) -> None:
    far = {"boxes_xyxy": np.tile(np.array([-3e38, 3e38, 3e38, -3e38], np.float32), (1, 6, 1))}
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph({**ANSWERS, **far})))
    assert recognizer.predict(photo).fillers["tool"].box_xyxy == (0, 0, 60, 30)


@pytest.mark.parametrize("said", [np.array(1, np.float32), np.array("x", object)], ids=["scalar", "text"])
def test_an_answer_that_is_no_row_of_numbers_is_refused(tmp_path: Path, photo: Path, said: Any) -> None:
    folder = tmp_path / "bundle"
    with pytest.raises(InputError, match=f"{folder}: "):
        SituationRecognizer(write(folder, graph({**ANSWERS, "presence": said}))).predict(photo)


def test_a_side_that_is_not_the_graphs_is_refused(tmp_path: Path, photo: Path, capfd: Any) -> None:
    folder = write(tmp_path / "bundle", graph(ANSWERS, side=32))
    with pytest.raises(InputError, match=f"{folder}: its graph fails in onnxruntime: .*; export it again"):
        SituationRecognizer(folder).predict(photo)
    assert capfd.readouterr().err == "", "one line is enough"


def test_an_engine_that_cannot_read_a_name_prints_nothing(capfd: Any) -> None:
    content = graph(ANSWERS).replace(b"pixels", b"pixel\xff", 1)
    with pytest.raises(InputError, match="onnxruntime does not take the graph: "):
        open_graph(content, "onnxruntime", "fp32", 1)
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize(
    ("vocabulary", "said"),
    [
        ("[" * 100_000, "wanted an ontology with 'frames' and 'nouns', got maximum recursion"),
        ('{"frames": ' + "9" * 5000 + "}", "wanted an ontology"),
        ('{"frames": [{"verb": "a", "roles": "two\\nlines"}], "nouns": []}', "wanted 'roles' of a frame as a list"),
        ('{"frames": [{"verb": "a", "two\\nlines": "b", "roles": ["c"]}], "nouns": []}', "wanted a frame with verb,"),
        ('{"frames": [{"verb": "a", "roles": ["c"]}, {"verb": "a", "roles": ["c"]}], "nouns": []}', "stands twice"),
        ('{"frames": [{"verb": "' + "v" * 10_000 + '", "roles": []}], "nouns": []}', "frame 'vvv"),
    ],
    ids=["deep", "digits", "line", "field", "twice", "long"],
)
def test_a_broken_vocabulary_is_one_short_line(tmp_path: Path, vocabulary: str, said: str) -> None:
    folder = write(tmp_path / "bundle", graph(ANSWERS), vocabulary)
    with pytest.raises(InputError) as caught:
        SituationRecognizer(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: vocabulary.json: ") and said in message
    assert message.isprintable() and len(message) < 700


def test_a_folder_with_an_odd_name_leaves_every_error_on_one_line(tmp_path: Path, photo: Path) -> None:
    odd = tmp_path / "two\nlines"
    broken = {**ANSWERS, "presence": np.zeros((1, 5), np.float32)}
    for harm in (
        lambda: write(odd, graph(ANSWERS), "{"),
        lambda: write(odd, graph(broken)),
        lambda: write(odd, graph(ANSWERS, side=32)),
        lambda: write(odd, b"x"),
    ):
        harm()
        with pytest.raises(InputError, match=r"two\\nlines") as caught:
            SituationRecognizer(odd).predict(photo)
        assert str(caught.value).isprintable()


def test_a_long_name_of_an_engine_is_cut(tmp_path: Path) -> None:
    folder = write(tmp_path / "bundle", graph(ANSWERS), target={"engine": "\x1b[2J" * 1000})
    with pytest.raises(InputError) as caught:
        SituationRecognizer(folder)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_words_of_a_bundle_leave_the_terminal_alone(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("typer")
    from commandline import run

    evil = "\x1b[2J\x9b2J\u202e"
    words = Ontology((Frame(f"v{evil}", (f"r{evil}",)), Frame("b", ("c",))), (Noun("n1", (f"g{evil}",)), Noun("n2")))
    said = {"noun_logits": np.tile(np.array([0, 9, 2], np.float32), (1, 6, 1))}
    folder = write(tmp_path / "bundle", graph({**ANSWERS, **said}), words.to_json(), name=evil)
    for command in (("predict", folder, photo, "--json"), ("verify", folder, "--json")):
        assert run(*command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(line.isprintable() for line in lines) and json.loads(lines[-1])
    assert run("predict", folder, photo, "--verb", evil) == 2
    assert capsys.readouterr().err.strip().isprintable()


@pytest.mark.parametrize("what", [None, 7, bytearray(b"x"), ["photo.jpg"], Image.new("RGB", (4, 4))])
def test_what_is_no_photo_is_refused_by_its_type(tmp_path: Path, what: Any) -> None:
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS)))
    with pytest.raises(InputError, match=rf"photo: wanted a path, .* got {type(what).__name__}$"):
        recognizer.predict(what)


def test_pixels_of_another_kind_are_refused(tmp_path: Path) -> None:
    recognizer = SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS)))
    with pytest.raises(InputError, match=r"photo: wanted RGB pixels \(H, W, 3\) of uint8, got float64 \(4, 4, 3\)"):
        recognizer.predict(np.zeros((4, 4, 3)))


def test_a_bundle_is_told_in_a_line(tmp_path: Path) -> None:
    assert len(repr(SituationRecognizer(write(tmp_path / "bundle", graph(ANSWERS))).bundle)) < 4000
