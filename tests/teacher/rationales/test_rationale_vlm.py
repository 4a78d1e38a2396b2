from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_vlm
import torch
from making import make

from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.teacher.rationales.answers import FILE
from edgegsr.teacher.rationales.dialogue import Question
from edgegsr.teacher.rationales.rationale import Rationale
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.subject import subjects
from edgegsr.teacher.rationales.vlm import Vlm, VlmOptions
from edgegsr.teacher.rationales.writers import RationaleOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_vlm.save(tmp_path_factory.mktemp("vlm"))


def made(split: Split, folder: Path, out: Path, **given: Any) -> tuple[Report, dict[str, Rationale]]:
    options = VlmOptions(**{"model": str(folder), "batch": 3, "max_new_tokens": 4, "side": 32, **given})
    return make(split, out, RationaleOptions("vlm", tries=2, vlm=options))


def test_a_model_that_babbles_leaves_the_work_to_the_template(split_train: Split, folder: Path, tmp_path: Path) -> None:
    some = split_train.take([0, 3, 8, 12, 15])
    report, found = made(some, folder, tmp_path)
    assert (report.written, report.fallbacks, report.refused) == ({"template": 5}, {"no JSON": 5}, {"no JSON": 10})
    assert (report.asked, report.remembered) == (10, 0)
    assert list(found) == list(some.annotations.images)
    again, _ = made(some, folder, tmp_path)
    assert (again.asked, again.remembered, again.fallbacks) == (0, 10, report.fallbacks)


def test_what_it_writes_is_used_where_it_is_right(
    split_train: Split, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`generate` is replaced by one that knows what to say; prompts, pictures and decoding are real."""
    vlm = Vlm(VlmOptions(str(folder), side=32), seed=0)
    said: list[str] = []
    shapes: list[tuple[int, ...]] = []

    def generate(input_ids: Any, pixel_values: Any, max_new_tokens: int, **how: Any) -> Any:
        shapes.append(tuple(pixel_values.shape))
        if max_new_tokens == 1:
            yes = torch.zeros(len(input_ids), len(tiny_vlm.WORDS))
            yes[:, tiny_vlm.WORDS.index("yes" if len(shapes) % 2 == 0 else "No")] = 3.0
            return type("Told", (), {"logits": (yes,)})()
        return torch.cat([input_ids, torch.full((len(input_ids), 1), 5)], 1)

    def decode(new: Any, skip_special_tokens: bool) -> list[str]:
        assert new.tolist() == [[5]] * len(new)
        clauses = {"gaze_pos": {"agent": "clear", "item": "clear"}, "gaze_neg": {"agent": "false", "item": "false"}}
        said.append(json.dumps({"glimpse_pos": "clear", "glimpse_neg": "false", **clauses}))
        return said[-1:] * len(new)

    monkeypatch.setattr("edgegsr.teacher.rationales.vlm.Vlm", lambda options, seed: vlm)
    monkeypatch.setattr(vlm.model, "generate", generate)
    monkeypatch.setattr(vlm.processor, "batch_decode", decode)
    report, every = made(split_train.take([0, 3, 15]), folder, tmp_path)
    # pushing and lifting have an item, pulling has none
    assert report.written == {"vlm": 2, "template": 1}
    assert report.fallbacks == {"wrong roles": 1}
    found = every["lifting_train0.png"]
    assert found.texts == ("clear", "false", "agent: clear; item: clear", "agent: false; item: false")
    assert {shape[1:] for shape in shapes} == {(3, 16, 16)}
    assert max(shape[0] for shape in shapes) == 3


def questions(split: Split, kind: Any, texts: Sequence[str]) -> list[Question]:
    return [Question(kind, subject, text, 0) for subject, text in zip(subjects(split), texts)]


def test_yes_and_no_are_compared_by_their_logits(
    split_train: Split, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vlm = Vlm(VlmOptions(str(folder), side=32), seed=0)
    assert {tiny_vlm.WORDS[i] for i in vlm.yes} >= {"yes", "Yes"}
    assert {tiny_vlm.WORDS[i] for i in vlm.no} >= {"no", "No"}
    asked = questions(split_train, "judge", ["a block", "the image of the block", "bar"])
    together = vlm.judge(asked)
    assert together == [vlm.judge([question])[0] for question in asked]  # padding on the left changes nothing
    vlm.yes, vlm.no = vlm.no, vlm.yes
    assert vlm.judge(asked) == [{"yes": "no", "no": "yes"}[verdict] for verdict in together]


def test_sampling_is_seeded_and_leaves_the_dice_of_others_alone(split_train: Split, folder: Path) -> None:
    asked = questions(split_train, "write", ["a block", "the image"])
    options = VlmOptions(str(folder), side=32, max_new_tokens=8, temperature=5.0)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    said = Vlm(options, seed=0).write(asked)
    state_after = Vlm(options, seed=0)
    torch.manual_seed(9)
    assert state_after.write(asked) == said
    assert Vlm(options, seed=1).write(asked) != said
    torch.manual_seed(3)
    before = torch.get_rng_state()
    state_after.write(asked)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(before, state)


def test_answers_of_another_model_are_not_taken(split_train: Split, folder: Path, tmp_path: Path) -> None:
    two = split_train.take([0, 15])
    made(two, folder, tmp_path)
    assert made(two, folder, tmp_path, temperature=0.5)[0].asked == 4
    assert len((tmp_path / FILE).read_text().splitlines()) == 8


@pytest.mark.parametrize("kind", ["none", "empty", "pickle", "mute"])
def test_a_folder_that_holds_no_such_model_is_one_line(
    split_train: Split, folder: Path, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "model"
    if kind == "mute":
        tiny_vlm.save(place, template=None)
    elif kind != "none":
        place.mkdir()
    if kind == "pickle":
        for file in folder.iterdir():
            if file.suffix != ".safetensors":
                (place / file.name).write_bytes(file.read_bytes())
        (place / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    wanted = {
        "none": "no such folder; give the folder of a saved model or a hub id",
        "empty": "wanted an image-text-to-text model with its processor and chat template, weights as safetensors",
        "pickle": "wanted an image-text-to-text model .*, weights as safetensors",
        "mute": "wanted a model that chats, got a processor without a chat template",
    }[kind]
    with pytest.raises(InputError, match=wanted):
        made(split_train, place, tmp_path / "out")


def test_options_have_ranges() -> None:
    with pytest.raises(InputError, match="batch must be at least 1, got 0"):
        VlmOptions(batch=0)
    with pytest.raises(InputError, match=r"--vlm: wanted the folder or hub id of a model that writes, got none"):
        Vlm(VlmOptions(), 0)
