"""A recognizer of pairs on a bundle that was built by hand: what it takes, and what it says of one that is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from handmade import ANSWERS, KINDS, PAIR_ANSWERS, graph, write
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edgegsr.bundle import PAIR_OUTPUTS, open_bundle, seal
from edgegsr.errors import InputError
from edgegsr.interactions import Kinds
from edgegsr.runtime import InteractionRecognizer, SituationRecognizer
from edgegsr.runtime import interactions as saying
from edgegsr.runtime.interactions import check_pairs
from edgegsr.runtime.session import open_graph


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 60), "teal").save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def pairs(folder: Path, kinds: Kinds | str = KINDS, **changes: Any) -> Path:
    """A bundle of pairs."""
    told = kinds if isinstance(kinds, str) else kinds.to_json()
    return write(folder, graph({**PAIR_ANSWERS, **changes}, verb=False), kinds=told)


def test_a_bundle_of_pairs_says_who_does_what_with_what(tmp_path: Path, photo: Path) -> None:
    recognizer = InteractionRecognizer(pairs(tmp_path / "bundle"))
    assert (recognizer.bundle.heads, recognizer.kinds.verbs) == (("pairs",), ("ride", "hold"))
    every = recognizer.predict_all([photo, str(photo), photo.read_bytes(), np.array(Image.open(photo))])
    (found,) = every[0]
    assert (found.verb, found.noun, round(found.score, 4)) == ("ride", "bicycle", 1)
    assert (found.human_xyxy, found.object_xyxy) == ((0, 0, 30, 60), (30, 0, 60, 60))
    assert all(each == every[0] for each in every)
    assert recognizer.predict(photo, sure=1.0) == [] and len(recognizer.predict(photo, sure=0.0)) == 6


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_an_engine_has_threads(tmp_path: Path, threads: int) -> None:
    with pytest.raises(InputError, match="threads: wanted a whole number from 1, or None for the engine"):
        InteractionRecognizer(pairs(tmp_path / "bundle"), threads=threads)


@pytest.mark.parametrize("sure", [-0.1, 1.1, float("nan"), "0.5"])
def test_a_likelihood_is_a_share(tmp_path: Path, photo: Path, sure: float) -> None:
    with pytest.raises(InputError, match="sure: wanted a likelihood from 0 to 1, got "):
        InteractionRecognizer(pairs(tmp_path / "bundle")).predict(photo, sure)


def test_one_photo_is_no_list_of_photos_for_pairs(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(InputError, match=r"predict_all: wanted a list of photos, got one; write predict_all\(\[photo"):
        InteractionRecognizer(pairs(tmp_path / "bundle")).predict_all(photo)  # type: ignore[arg-type]


def test_each_kind_of_bundle_says_what_opens_it(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="is a bundle of pairs; open it with InteractionRecognizer instead of SituationRecognizer"
    ):
        SituationRecognizer(pairs(tmp_path / "pairs"))
    with pytest.raises(
        InputError, match="is a bundle of situations; open it with SituationRecognizer instead of InteractionRecognizer"
    ):
        InteractionRecognizer(write(tmp_path / "situations", graph(ANSWERS)))


def test_a_bundle_that_says_both_is_opened_by_both(tmp_path: Path, photo: Path) -> None:
    answers = {**ANSWERS, **PAIR_ANSWERS}
    folder = write(tmp_path / "bundle", graph(answers), kinds=KINDS.to_json(), outputs=list(answers))
    found = open_bundle(folder)
    assert (found.heads, found.inputs) == (("situations", "pairs"), ("pixels", "verb"))
    assert SituationRecognizer(folder).predict(photo).verb == "sweeping"
    assert [each.verb for each in InteractionRecognizer(folder).predict(photo)] == ["ride"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"humans_xyxy": np.zeros((1, 3, 4))}, r"humans_xyxy must have the shape \(2, 4\) by kinds.json, got \(3, 4\)"),
        ({"objects_xyxy": np.zeros((1, 2, 5))}, r"objects_xyxy must have the shape \(2, 4\) by kinds.json, got"),
        ({"object_logits": np.zeros((1, 2, 3))}, r"object_logits must have the shape \(2, 2\) by kinds.json, got"),
        ({"pair_verb_logits": np.zeros((1, 2))}, r"pair_verb_logits must have the shape \(2, 2\) by kinds.json, got"),
        ({"pair_presence": np.zeros((1, 3))}, r"humans_xyxy must have the shape \(3, 4\) by kinds.json, got \(2, 4\)"),
        ({"pair_presence": np.full((1, 2), np.nan)}, "pair_presence must be numbers, got NaN or inf"),
        ({"object_logits": np.full((1, 2, 2), np.inf)}, "object_logits must be numbers, got NaN or inf"),
        ({"humans_xyxy": np.tile(np.array([1, 0, 0, 1.0]), (1, 2, 1))}, "interaction 'ride', human: wanted a box"),
    ],
)
def test_a_broken_graph_of_pairs_is_refused_by_its_bundle(
    tmp_path: Path, photo: Path, change: dict[str, Any], said: str
) -> None:
    folder = pairs(tmp_path / "bundle", **{name: value.astype(np.float32) for name, value in change.items()})
    with pytest.raises(InputError, match=f"{folder}: its graph does not answer as it should: {said}.*; export it"):
        InteractionRecognizer(folder).predict(photo)


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_far_from_likely_are_no_interactions(tmp_path: Path, photo: Path) -> None:
    lowest = np.float32(-3e38)
    folder = pairs(tmp_path / "bundle", pair_presence=np.full((1, 2), lowest))
    assert InteractionRecognizer(folder).predict(photo, sure=0.0) == []
    wide = np.tile(np.array([3e38, lowest], np.float32), (1, 2, 1))
    folder = pairs(tmp_path / "bundle", object_logits=wide)
    assert [each.noun for each in InteractionRecognizer(folder).predict(photo)] == ["bicycle"]


def test_more_likelihoods_than_memory_holds_are_refused(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saying, "MOST_NUMBERS", 7)
    with pytest.raises(InputError, match="wanted at most 7 likelihoods, got 2 by 2 objects by 2 verbs; export it"):
        InteractionRecognizer(pairs(tmp_path / "bundle")).predict(photo)


def test_an_answer_without_pairs_is_nothing() -> None:
    said = {name: value[0, :0] for name, value in PAIR_ANSWERS.items()}
    check_pairs(said, KINDS)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ("[" * 100_000, "wanted kinds of interaction"),
        ("{}", "wanted kinds of interaction (verbs, objects, pairs, rare, unseen), got "),
        (KINDS.to_json().replace('"hold"', '"ride"'), "wanted verbs that are different words"),
        (KINDS.to_json().replace('"hold"', "3"), "wanted verbs that are different words"),
        (json.dumps(json.loads(KINDS.to_json()) | {"pairs": [[9, 9]] * 3}), "from 0 and below (2, 2), got [9, 9]"),
        (KINDS.to_json().replace("[\n   0,", "[\n   -1,", 1), "from 0 and below (2, 2), got [-1, "),
        (
            KINDS.to_json().replace("[\n   0,", "[\n   0.5,", 1),
            "wanted a verb and an object by their numbers, got [0.5, ",
        ),
        (KINDS.to_json().replace("[\n   0,", "[\n   true,", 1), "by their numbers, got [True, "),
    ],
    ids=["deep", "empty", "twice", "number", "outside", "below", "half", "truth"],
)
def test_broken_kinds_are_one_short_line(tmp_path: Path, kinds: str, said: str) -> None:
    folder = pairs(tmp_path / "bundle", kinds)
    with pytest.raises(InputError) as caught:
        InteractionRecognizer(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: kinds.json: ") and said in message
    assert message.isprintable() and len(message) < 700


def test_kinds_that_lack_are_refused_by_name(tmp_path: Path) -> None:
    folder = pairs(tmp_path / "bundle")
    (folder / "kinds.json").unlink()
    with pytest.raises(InputError, match=r"manifest\.json: kinds\.json is missing; copy the whole bundle again"):
        open_bundle(folder)
    seal(folder, {"outputs": list(PAIR_OUTPUTS)})
    with pytest.raises(
        InputError, match=r"the manifest does not name kinds\.json, and its graph says humans_xyxy; copy"
    ):
        open_bundle(folder)
    seal(folder, {})
    with pytest.raises(InputError, match=r"model\.onnx: wanted the inputs pixels, verb, got pixels"):
        open_bundle(folder)


def test_kinds_beside_a_graph_of_situations_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "bundle", graph(ANSWERS), kinds=KINDS.to_json())
    with pytest.raises(InputError, match=r"model\.onnx: wanted the inputs pixels, got pixels, verb"):
        open_bundle(folder)
    told = json.loads((folder / "manifest.json").read_text())
    seal(folder, {**told, "outputs": list(ANSWERS)})
    with pytest.raises(
        InputError, match=r"model\.onnx: wanted the outputs verb_logits, .*, pair_presence, got verb_log"
    ):
        open_bundle(folder)


@pytest.mark.parametrize("outputs", [None, 3, "verb_logits", {"verb_logits": 1}, [["verb_logits"]], [None]])
def test_outputs_that_are_no_list_of_names_say_pairs_alone(tmp_path: Path, outputs: Any) -> None:
    folder = pairs(tmp_path / "bundle")
    seal(folder, {"outputs": outputs})
    assert open_bundle(folder).heads == ("pairs",)


def test_a_flipped_byte_of_kinds_is_found(tmp_path: Path) -> None:
    folder = pairs(tmp_path / "bundle")
    path = folder / "kinds.json"
    path.write_bytes(path.read_bytes().replace(b"ride", b"rode"))
    with pytest.raises(InputError, match=r"kinds\.json is not the file that was sealed"):
        open_bundle(folder)
    path.write_bytes(b"\xff")
    seal(folder, {})
    with pytest.raises(InputError, match=r"kinds\.json: wanted text"):
        open_bundle(folder)


@pytest.mark.parametrize("worked_out", ["count", "values"])
def test_openvino_is_never_asked_for_more_than_there_is(worked_out: str) -> None:
    """It would answer with what lies in memory behind a value."""
    pytest.importorskip("openvino")
    counted = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "flat"], ["row"]),
        helper.make_node("ReduceMax", ["row"], ["most"], keepdims=1),
        helper.make_node("Cast", ["most"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["whole", "one"], ["count"]),
        helper.make_node("Slice", ["row", "zero", "count", "one"], ["values"]),
    ]
    taken = ["row", "count"] if worked_out == "count" else ["values", "many"]
    nodes = [*counted, helper.make_node("TopK", taken, ["best", "places"], axis=1)]
    nodes.append(helper.make_node("ReduceMax", ["best"], ["presence"], keepdims=0))
    constants = {"flat": [1, 768], "one": [1], "zero": [0], "many": [700]}
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [1, 16, 16, 3])],
        [helper.make_tensor_value_info("presence", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()],
    )
    content = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    with pytest.raises(InputError, match="its TopK works out how many it takes, or of how many; wanted numbers that"):
        open_graph(content, "openvino", "fp32", 1)
