"""Bundles whose words are inputs: they say what folded ones say, and new words what a student says of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("transformers")

import onnx  # noqa: E402
from bundlemade import NEW, TARGET, checks, near, random_tables, speaking  # noqa: E402

from edgegsr.bundle import INPUTS, TABLE_INPUTS, open_bundle  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.export.export import export  # noqa: E402
from edgegsr.export.target import Gates, find_target  # noqa: E402
from edgegsr.export.vocabulary import Vocab, capacity_named  # noqa: E402
from edgegsr.graphfile import OPERATORS, read_graph  # noqa: E402
from edgegsr.images import letterbox  # noqa: E402
from edgegsr.run import Run  # noqa: E402
from edgegsr.runtime import SituationRecognizer  # noqa: E402
from edgegsr.runtime.session import BEST, open_graph, open_session  # noqa: E402
from edgegsr.runtime.vocabulary import Words  # noqa: E402
from edgegsr.situation import Frame, Noun, Ontology  # noqa: E402
from edgegsr.student.calibration import Calibration, calibrate  # noqa: E402
from edgegsr.student.decoder import ABSENT  # noqa: E402
from edgegsr.text import TextTables  # noqa: E402

OPEN = Vocab("input")


@pytest.fixture(scope="module")
def bundle(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("open") / "bundle"
    assert export(whole, out, TARGET, checks(split_dev), OPEN)["missed"] == []
    return out


@pytest.fixture(scope="module")
def new_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new words as a workstation writes them."""
    path = tmp_path_factory.mktemp("words") / "new.safetensors"
    random_tables(NEW).save(path)
    return path


def numbers(folder: Path, photos: Split, verb: int = BEST, engine: str = "onnxruntime") -> list[dict[str, Any]]:
    found = open_bundle(folder)
    session, words = open_graph(found.graph, engine, "fp32", 1), Words(found).now  # what is not in 8 bits: no bfloat16
    return [words.ask(session, letterbox(photos.pixels(i), found.side)[0], verb) for i in range(len(photos))]


def largest(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> float:
    assert all(a[name].shape == b[name].shape for a, b in zip(one, other) for name in a)
    return max(float(np.abs(a[name] - b[name]).max()) for a, b in zip(one, other) for name in a)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_words_as_inputs_say_what_folded_words_say(bundle: Path, folded: Path, split_dev: Split, engine: str) -> None:
    pytest.importorskip(engine)
    for verb in (BEST, 0, 3):
        assert largest(*(numbers(each, split_dev, verb, engine) for each in (bundle, folded))) <= 1e-4


def test_the_manifest_tells_the_room_and_whose_vectors_fill_it(bundle: Path) -> None:
    found = open_bundle(bundle)
    assert found.manifest["vocabulary"] == {
        "verbs": 4, "nouns": 4, "folded": False, "capacity": {"verbs": 32, "nouns": 32},
        "text_width": 12, "text_encoder": "random", "text_revision": "",
    }  # fmt: skip
    assert found.manifest["inputs"] == [*INPUTS, *TABLE_INPUTS]
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "room for 32 verbs and 32 nouns" in card and "(which `set_vocabulary` changes)" in card
    model = onnx.load(bundle / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert read_graph(found.graph, "here").operators <= OPERATORS
    shapes = {each.name: [dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in model.graph.input}
    assert shapes == {
        "pixels": [1, 32, 32, 3], "verb": [1], "verb_table": [32, 12], "role_table": [32, 6, 12], "role_count": [32],
        "handicap": [32], "noun_table": [31, 12], "verb_count": [1], "noun_count": [1],
    }  # fmt: skip


def test_what_lies_past_the_counts_never_wins(bundle: Path, split_dev: Split) -> None:
    found = open_bundle(bundle)
    square, words = letterbox(split_dev.pixels(0), found.side)[0], dict(Words(found).now.inputs)
    session = open_session(found, "onnxruntime", 1)
    before = session(square, BEST, words)
    for name, there in (("verb_table", 4), ("noun_table", 3)):  # rubbish that would win by far
        words[name] = words[name].copy()
        words[name][there:] = 100 * words[name][0] + 100
    after = session(square, BEST, words)
    assert after["verb_logits"].shape == (32,) and after["noun_logits"].shape == (6, 32)
    assert (after["verb_logits"][4:] == ABSENT).all() and (after["noun_logits"][:, 4:] == ABSENT).all()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_new_words_on_the_device_are_those_of_a_workstation(
    bundle: Path, whole: Run, split_dev: Split, new_words: Path, tmp_path: Path
) -> None:
    recognizer, eager = SituationRecognizer(bundle, threads=1), speaking(whole, NEW, TextTables.load(new_words))
    (tmp_path / "new.json").write_text(NEW.to_json())
    recognizer.set_vocabulary(tmp_path / "new.json", new_words)
    assert recognizer.ontology == NEW
    for i in range(len(split_dev)):
        for verb in (None, *NEW.verbs):
            found = recognizer.predict(split_dev.path(i), verb)
            assert near(found, eager.predict(split_dev.path(i), verb))
            found.check(NEW)
    with pytest.raises(InputError, match="verb 'pushing' is not among the 3 verbs"):
        recognizer.predict(split_dev.path(0), "pushing")
    recognizer.set_vocabulary(whole.ontology, bundle / "vocabulary.safetensors")
    again, fresh = (
        each.predict_all([split_dev.path(0)]) for each in (recognizer, SituationRecognizer(bundle, threads=1))
    )
    assert again == fresh, "there and back is identity"


def test_known_verbs_keep_their_handicap_and_new_ones_have_none(
    whole: Run, split_dev: Split, new_words: Path, tmp_path: Path
) -> None:
    run = dataclasses.replace(whole, student=copy.deepcopy(whole.student))
    calibrate(run.student, Calibration(0.37, ("lifting", "pushing"), "dev", 0.5), run.ontology.verbs)
    assert export(run, tmp_path / "bundle", TARGET, checks(split_dev), OPEN)["missed"] == []
    recognizer, plain = SituationRecognizer(tmp_path / "bundle", threads=1), TextTables.load(new_words)
    recognizer.set_vocabulary(NEW, new_words)
    eager = speaking(run, NEW, plain)
    eager.student.verb_words.handicap = torch.tensor([0.0, 0.0, 0.37])  # of lifting
    assert all(near(recognizer.predict(p), eager.predict(p)) for p in map(split_dev.path, range(len(split_dev))))
    eager.student.verb_words.handicap = None
    assert not near(recognizer.predict(split_dev.path(0)), eager.predict(split_dev.path(0)))


def save(path: Path, ontology: Ontology, **given: Any) -> Path:
    random_tables(ontology, **given).save(path)
    return path


def many(verbs: int, nouns: int) -> Ontology:
    frames = tuple(Frame(f"verb{i}", ("agent",)) for i in range(verbs))
    return Ontology(frames, tuple(Noun(f"noun{i}") for i in range(nouns)))


def broken(path: Path) -> Path:
    random_tables(NEW).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:-4] + b"\xff\xff\xff\xff")
    return path


@pytest.mark.parametrize(
    ("ontology", "tables", "message"),
    [
        (many(33, 3), lambda p, o: save(p, o), "has room for 32 verbs, got 33; leave some out or export"),
        (many(3, 32), lambda p, o: save(p, o), "has room for 32 nouns .*, got 33; leave some out or export"),
        (Ontology((), ()), lambda p, o: save(p, many(1, 1)), "wanted one verb at least, got none"),
        (NEW, lambda p, o: save(p, o, width=16), "this bundle speaks in vectors of 12, got 16; read .* edgegsr text"),
        (NEW, lambda p, o: save(p, o, encoder="other"), "made with 'other' as it is there; read the words"),
        (NEW, lambda p, o: save(p, many(3, 5)), "not made from these words .*; make both from one ontology"),
        (NEW, lambda p, o: save(p, many(2, 5)), r"not made from these words \(3 verbs and 6 nouns; .* 2 and 6\)"),
        (NEW, lambda p, o: broken(p), "wanted numbers, got NaN or inf"),
        (NEW, lambda p, o: p, "words.safetensors: cannot be read: No such file"),
        (NEW, lambda p, o: None, "has no text encoder to read words with; give tables that `edgegsr text` made"),
    ],
)  # fmt: skip
def test_words_that_do_not_fit_are_refused_and_the_old_ones_stay(
    bundle: Path, tmp_path: Path, ontology: Ontology, tables: Callable[[Path, Ontology], Any], message: str
) -> None:
    recognizer = SituationRecognizer(bundle, threads=1)
    before = recognizer.ontology
    with pytest.raises(InputError, match=message):
        recognizer.set_vocabulary(ontology, tables(tmp_path / "words.safetensors", ontology))
    assert recognizer.ontology is before


def test_a_full_room_still_answers(bundle: Path, whole: Run, split_dev: Split, tmp_path: Path) -> None:
    full = many(32, 31)
    recognizer = SituationRecognizer(bundle, threads=1)
    recognizer.set_vocabulary(full, save(tmp_path / "full.safetensors", full))
    eager = speaking(whole, full, TextTables.load(tmp_path / "full.safetensors"))
    assert near(recognizer.predict(split_dev.path(0)), eager.predict(split_dev.path(0)))


def test_a_folded_bundle_says_why_its_words_stay(folded: Path, new_words: Path) -> None:
    with pytest.raises(InputError, match="its words are folded into its graph; export it with --vocab input"):
        SituationRecognizer(folded).set_vocabulary(NEW, new_words)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda: Vocab("frozen"), "--vocab: wanted folded or input, got 'frozen'"),
        (lambda: Vocab("folded", (9, 9)), "--capacity, --with-text-encoder: are for words that change"),
        (lambda: Vocab("folded", text_encoder=True), "are for words that change; give --vocab input as well"),
        (lambda: capacity_named("64"), "--capacity: wanted VERBS,NOUNS such as 64,512, got '64'"),
        (lambda: capacity_named("a,b"), "--capacity: wanted VERBS,NOUNS such as 64,512, got 'a,b'"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        options()


def test_a_room_that_is_too_small_is_refused_before_any_work(whole: Run, split_dev: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--capacity: wanted 4 verbs and 4 nouns at least .*, got 4,3"):
        export(whole, tmp_path / "bundle", TARGET, checks(split_dev), Vocab("input", (4, 3)))
    found = export(whole, tmp_path / "bundle", TARGET, checks(split_dev, 4), Vocab("input", (4, 5)))
    assert found["missed"] == [] and SituationRecognizer(tmp_path / "bundle").predict(split_dev.path(0))


def test_threads_hear_old_words_or_new_ones_and_never_both(
    bundle: Path, whole: Run, split_dev: Split, new_words: Path
) -> None:
    recognizer, path = SituationRecognizer(bundle, threads=1), split_dev.path(0)
    vocabularies = (whole.ontology, bundle / "vocabulary.safetensors"), (NEW, new_words)
    wanted = []
    for each in vocabularies:
        recognizer.set_vocabulary(*each)
        wanted.append(recognizer.predict_all([path] * 3))
    with ThreadPoolExecutor(4) as pool:
        heard = [pool.submit(recognizer.predict_all, [path] * 3) for _ in range(40)]
        for i in range(200):
            recognizer.set_vocabulary(*vocabularies[i % 2])
        assert all(each.result() in wanted for each in heard)


@pytest.mark.long
@pytest.mark.parametrize("name", ["onnx-int8", "openvino-int8"])
def test_in_8_bits_the_words_stay_floats_and_say_the_same(
    rounded: Run,
    split_dev: Split,
    new_words: Path,
    tmp_path: Path,
    name: str,
) -> None:
    target = find_target(name)
    pytest.importorskip(target.engine)
    loose = dataclasses.replace(target, gates=Gates(drift=0.99, kept=0.0, fused=0.8, latency=100.0))
    for vocab in (OPEN, Vocab()):
        found = export(rounded, tmp_path / vocab.how, loose, checks(split_dev, 4), vocab)
        assert found["missed"] == []
    one, other = (numbers(tmp_path / how, split_dev, engine=target.engine) for how in ("input", "folded"))
    assert largest(one, other) <= 1e-4
    recognizer = SituationRecognizer(tmp_path / "input", threads=1)
    recognizer.set_vocabulary(NEW, new_words)
    assert recognizer.predict(split_dev.path(0)).verb in NEW.verbs
