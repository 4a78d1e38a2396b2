"""A photo looked at once and asked about many verbs: the answers of the whole graph, for the decoder's share of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import onnx
from bundlemade import NEW, TARGET, checks, near, random_tables

from edgegsr.bench.layers import layers
from edgegsr.bundle import ASK_OUTPUTS, OUTPUTS, TOKENS, open_bundle, seal
from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.export.export import export
from edgegsr.export.form import Form
from edgegsr.export.gates import strays
from edgegsr.export.int8 import RECIPES
from edgegsr.export.part import asked_part
from edgegsr.export.target import Gates, find_target
from edgegsr.export.vocabulary import Vocab
from edgegsr.images import letterbox
from edgegsr.run import Run
from edgegsr.runtime import SituationRecognizer
from edgegsr.runtime.session import BEST, open_asker, open_gates, open_session
from edgegsr.runtime.vocabulary import Words

ASK = Form(ask=True)


@pytest.fixture(scope="module", params=["folded", "input"])
def bundle(
    request: pytest.FixtureRequest, whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("asked") / request.param
    found = export(whole, out, TARGET, checks(split_dev), Vocab(request.param), form=ASK)
    assert found["missed"] == [] and max(found["numerics"]["ask"]["drift"].values()) <= 1e-4
    return out


def largest(bundle: Path, photos: Split, engine: str) -> float:
    """How far answers from tokens are from those of the whole graph, over photos and verbs."""
    found = open_bundle(bundle)
    words, run, ask = Words(found).now, open_session(found, engine, 1), open_asker(found, engine, 1)
    apart = 0.0
    for i in range(len(photos)):
        square = letterbox(photos.pixels(i), found.side)[0]
        seen = words.ask(run, square, BEST)
        assert seen.keys() == {*OUTPUTS, TOKENS}
        for verb in range(len(words.ontology.verbs)):
            whole, again = words.ask(run, square, verb), words.ask_again(ask, seen[TOKENS], verb)
            assert again.keys() == {*ASK_OUTPUTS}
            apart = max(apart, *(float(np.abs(whole[name] - again[name]).max()) for name in ASK_OUTPUTS))
    return apart


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_tokens_and_a_verb_say_what_the_photo_and_the_verb_say(bundle: Path, split_dev: Split, engine: str) -> None:
    pytest.importorskip(engine)
    assert largest(bundle, split_dev, engine) <= 1e-4


def test_asking_again_costs_less_than_looking_again(bundle: Path) -> None:
    whole, again = (layers((bundle / name).read_bytes()) for name in ("model.onnx", "ask.onnx"))
    assert not any(layer.kind == "Conv" for layer in again.layers), "nothing of the encoder"
    assert 0 < again.gflops < 0.5 * whole.gflops
    assert (bundle / "ask.onnx").stat().st_size < (bundle / "model.onnx").stat().st_size


def test_a_look_is_asked_any_number_of_times_and_the_photo_is_read_once(
    bundle: Path, split_dev: Split, tmp_path: Path
) -> None:
    recognizer = SituationRecognizer(bundle, threads=1)
    for i in range(len(split_dev)):
        photo = tmp_path / "photo.png"
        photo.write_bytes(split_dev.path(i).read_bytes())
        look = recognizer.look(photo)
        photo.unlink()
        assert look.situation == recognizer.predict(split_dev.path(i))
        for verb in recognizer.ontology.verbs:
            assert look.ask(verb).verb == verb
            assert near(look.ask(verb), recognizer.predict(split_dev.path(i), verb))
    with pytest.raises(InputError, match="verb 'flying' is not among the 4 verbs of this ontology"):
        look.ask("flying")


def test_a_question_runs_the_small_graph_and_the_answer_that_is_there_runs_nothing(
    bundle: Path, split_dev: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = SituationRecognizer(bundle, threads=1)
    look = recognizer.look(split_dev.path(0))
    monkeypatch.setattr(recognizer, "_run", None)  # which nobody may call now
    others = [verb for verb in recognizer.ontology.verbs if verb != look.situation.verb]
    with ThreadPoolExecutor(3) as pool:
        assert [each.verb for each in pool.map(look.ask, others)] == others
    monkeypatch.setattr(recognizer, "_ask", None)
    assert look.ask(look.situation.verb) == look.situation


def test_a_bundle_without_the_small_graph_looks_again(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    export(whole, tmp_path / "bundle", TARGET, checks(split_dev, 2))
    assert not (tmp_path / "bundle" / "ask.onnx").exists()
    recognizer = SituationRecognizer(tmp_path / "bundle", threads=1)
    look = recognizer.look(split_dev.path(0))
    for verb in recognizer.ontology.verbs:
        assert near(look.ask(verb), recognizer.predict(split_dev.path(0), verb))


def test_a_look_keeps_the_words_that_it_began_with(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    export(whole, tmp_path / "bundle", TARGET, checks(split_dev, 2), Vocab("input"), form=ASK)
    recognizer = SituationRecognizer(tmp_path / "bundle", threads=1)
    look = recognizer.look(split_dev.path(0))
    before = look.ask("pushing")
    random_tables(NEW).save(tmp_path / "new.safetensors")
    recognizer.set_vocabulary(NEW, tmp_path / "new.safetensors")
    assert look.ask("pushing") == before
    assert recognizer.look(split_dev.path(0)).ask("kicking").verb == "kicking"


@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8"])
def test_in_8_bits_it_says_the_same(rounded_graph: onnx.ModelProto, split_dev: Split, name: str) -> None:
    target = find_target(name)
    pytest.importorskip(target.engine)
    graph = RECIPES[target.graph](rounded_graph)
    run, ask = (open_gates(each.SerializeToString(), target.engine, "int8", 1) for each in (graph, asked_part(graph)))
    for i in range(len(split_dev)):
        pixels = letterbox(split_dev.pixels(i), 32)[0][None]
        tokens = run({"pixels": pixels, "verb": np.array([BEST])})[TOKENS]
        for verb in range(4):
            whole = run({"pixels": pixels, "verb": np.array([verb])})
            again = ask({"tokens": tokens[None], "verb": np.array([verb])})
            assert max(np.abs(whole[name] - again[name]).max() for name in ASK_OUTPUTS) <= 1e-4


def test_what_answers_otherwise_when_it_is_asked_again_is_not_kept() -> None:
    assert strays(Gates(), {"drift": {}, "ask": {"drift": {"presence": 0.5}}}) == [
        "presence: 5.0e-01 of its largest value away where it is asked again, at most 1e-04 was wanted"
    ]


def test_a_kit_has_one_graph(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--with-ask: what TensorRT builds is one engine, of one graph; leave it out"):
        export(whole, tmp_path / "kit", find_target("orin-nano-trt-fp16"), checks(split_dev, 2), form=ASK)


def test_a_small_graph_that_is_another_is_refused(bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (tmp_path / "odd").mkdir()
    for name in manifest.pop("files"):
        (tmp_path / "odd" / name).write_bytes((bundle / name).read_bytes())
    del manifest["format"]
    (tmp_path / "odd" / "ask.onnx").write_bytes((bundle / "model.onnx").read_bytes())
    seal(tmp_path / "odd", manifest)
    with pytest.raises(InputError, match=r"ask\.onnx: wanted the inputs tokens, verb.*, got pixels, verb"):
        open_bundle(tmp_path / "odd")
    (tmp_path / "odd" / "ask.onnx").unlink()
    seal(tmp_path / "odd", manifest)
    with pytest.raises(InputError, match=r"model\.onnx: wanted the outputs .*presence, got .*presence, tokens"):
        open_bundle(tmp_path / "odd")
