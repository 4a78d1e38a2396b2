"""Bundles whose words are inputs: they say what folded ones say, and new words what a student says of them."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parents[1] / "text"))

import onnx  # noqa: E402
import tiny_encoders  # noqa: E402
from commandline import run as command  # noqa: E402
from test_export import checks, near  # noqa: E402

from edgegsr import bundle as sealing  # noqa: E402
from edgegsr.bundle import INPUTS, TABLE_INPUTS, open_bundle, seal  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError, MissingExtra  # noqa: E402
from edgegsr.export import text as reading  # noqa: E402
from edgegsr.export.export import export  # noqa: E402
from edgegsr.export.target import Gates, find_target  # noqa: E402
from edgegsr.export.vocabulary import Vocab, capacity_named  # noqa: E402
from edgegsr.graphfile import OF_TEXTS, OPERATORS, read_graph  # noqa: E402
from edgegsr.images import letterbox  # noqa: E402
from edgegsr.run import Run  # noqa: E402
from edgegsr.runtime import SituationRecognizer  # noqa: E402
from edgegsr.runtime.session import BEST, open_graph, open_session  # noqa: E402
from edgegsr.runtime.vocabulary import Words  # noqa: E402
from edgegsr.situation import Frame, Noun, Ontology  # noqa: E402
from edgegsr.student.calibration import Calibration, calibrate  # noqa: E402
from edgegsr.student.decoder import ABSENT  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.predictor import EagerPredictor  # noqa: E402
from edgegsr.text import TextTables, embed  # noqa: E402
from edgegsr.wording import ontology_hash  # noqa: E402

TARGET = find_target("onnx-fp32")
OPEN = Vocab("input")
NEW = Ontology(
    tuple(
        Frame(verb, roles)
        for verb, roles in (("kicking", ("agent", "item", "place")), ("throwing", ("agent",)), ("lifting", ("agent",)))
    ),
    (Noun("ball"), Noun("dog"), Noun("person"), Noun("n1", ("block",)), Noun("n9", ("a ball of the dog",))),
)


def random_tables(ontology: Ontology, seed: int = 3, width: int = 12, encoder: str = "random") -> TextTables:
    rng = torch.Generator().manual_seed(seed)

    def units(*shape: int) -> Any:
        return torch.nn.functional.normalize(torch.randn(*shape, width, generator=rng), dim=-1)

    verbs = len(ontology.verbs)
    roles = torch.arange(6) < torch.tensor([len(frame.roles) for frame in ontology.frames])[:, None]
    rows = units(verbs), units(verbs, 6) * roles[..., None], units(len(ontology.nouns))
    return TextTables(*rows, encoder, ontology_hash(ontology))


@pytest.fixture(scope="module")
def bundle(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("open") / "bundle"
    assert export(whole, out, TARGET, checks(split_dev), OPEN)["missed"] == []
    return out


@pytest.fixture(scope="module")
def folded(whole: Run, split_dev: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("folded") / "bundle"
    export(whole, out, TARGET, checks(split_dev))
    return out


@pytest.fixture(scope="module")
def new_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new words as a workstation writes them."""
    path = tmp_path_factory.mktemp("words") / "new.safetensors"
    random_tables(NEW).save(path)
    return path


def speaking(run: Run, ontology: Ontology, tables: TextTables) -> EagerPredictor:
    """A workstation's student with other words."""
    student = copy.deepcopy(run.student).set_tables(tables)
    if student.verb_words.handicap is not None:
        student.verb_words.handicap = None
    return EagerPredictor(dataclasses.replace(run, ontology=ontology, tables=tables, student=student))


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


# words that a device reads by itself


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoders.save_bert(tmp_path_factory.mktemp("encoders") / "bert")


def spoken(whole: Run, encoder: Path) -> Run:
    """A student of chance whose words that encoder has read."""
    torch.manual_seed(0)
    tables = embed(whole.ontology, str(encoder))
    return dataclasses.replace(
        whole, tables=tables, student=Student(whole.student.config, tables, pretrained=False).eval()
    )


@pytest.fixture(scope="module")
def reader(whole: Run, split_dev: Split, bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reader") / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "LEAST", 16)  # values of a matrix that is worth 8 bits
        found = export(spoken(whole, bert), out, TARGET, checks(split_dev), Vocab("input", text_encoder=True))
    assert found["missed"] == []
    return out


def test_a_text_encoder_says_whose_vectors_it_makes(reader: Path, bert: Path) -> None:
    found = {each.key: each.value for each in onnx.load(reader / "text" / "model.onnx").metadata_props}
    assert list(found) == ["edgegsr", "format", "source", "inputs", "outputs"], "its licence is that of its maker"
    assert json.loads(found["source"])["encoder"] == str(bert) and list(json.loads(found["outputs"])) == ["vector"]


def test_a_text_encoder_goes_along_in_8_bits_where_its_vectors_stay(reader: Path, bert: Path) -> None:
    found = open_bundle(reader)
    told = json.loads((reader / "numerics.json").read_text())["text"]
    assert told["precision"] == "int8" and 0.99 <= told["least_cosine"]["int8"] < 1
    assert found.manifest["files"].keys() >= {"text/model.onnx", "text/tokenizer.json", "vocabulary.safetensors"}
    assert found.manifest["vocabulary"]["text_encoder"] == str(bert)
    assert len(found.manifest["vocabulary"]["text_revision"]) == 64
    model = onnx.load(reader / "text" / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node} <= OPERATORS | OF_TEXTS
    steps = [each for each in model.graph.initializer if each.data_type == onnx.TensorProto.INT8]
    assert len(steps) > 6, "embeddings and matrices"


def test_an_encoder_that_8_bits_would_spoil_stays_in_floats_and_says_what_a_workstation_says(
    whole: Run, split_dev: Split, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LEAST", 16)
    monkeypatch.setattr(reading, "KEPT", 0.999999)
    run = spoken(whole, bert)
    export(run, tmp_path / "bundle", TARGET, checks(split_dev, 4), Vocab("input", text_encoder=True))
    told = json.loads((tmp_path / "bundle" / "numerics.json").read_text())["text"]
    assert told["precision"] == "fp32" and told["least_cosine"]["int8"] < 0.999999 <= told["least_cosine"]["fp32"]
    recognizer, eager = SituationRecognizer(tmp_path / "bundle", threads=1), speaking(run, NEW, embed(NEW, str(bert)))
    recognizer.set_vocabulary(NEW)
    for verb in (None, *NEW.verbs):
        assert near(recognizer.predict(split_dev.path(0), verb), eager.predict(split_dev.path(0), verb))


def test_an_app_names_words_as_it_would_type_them(reader: Path, split_dev: Split) -> None:
    recognizer = SituationRecognizer(reader, threads=1)
    nouns = recognizer.ontology.nouns
    recognizer.set_vocabulary(verbs={"kicking": ["agent", "item", "place"], "throwing": ("agent",)})
    assert recognizer.ontology.verbs == ("kicking", "throwing") and recognizer.ontology.nouns == nouns
    first = recognizer.predict(split_dev.path(0), "kicking")
    assert tuple(first.fillers) == ("agent", "item", "place")
    recognizer.set_vocabulary(nouns=["ball", Noun("n2", ("dog",)), {"id": "n3", "gloss": ["person"]}])
    assert [noun.word for noun in recognizer.ontology.nouns] == ["nothing", "ball", "dog", "person"]
    assert recognizer.ontology.verbs == ("kicking", "throwing")
    frames = {"kicking": {"roles": ["agent"], "definition": "the person kick a ball"}}
    recognizer.set_vocabulary(verbs=frames, nouns=["ball"])
    one = recognizer.predict_all([split_dev.path(0)])
    recognizer.set_vocabulary(verbs=[Frame("kicking", ("agent",), "the person kick a ball")], nouns=[Noun("ball")])
    assert recognizer.predict_all([split_dev.path(0)]) == one
    recognizer.set_vocabulary(Ontology((Frame("kicking", ("agent",), "the person kick a ball"),), (Noun("ball"),)))
    assert recognizer.predict_all([split_dev.path(0)]) == one


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "wanted an ontology, with tables or without, or else verbs, nouns or both"),
        ({"ontology": NEW, "nouns": ["ball"]}, "wanted an ontology, with tables or without, or else verbs"),
        ({"tables": "x", "nouns": ["ball"]}, "wanted an ontology, with tables or without, or else verbs"),
        ({"verbs": ["kicking"]}, r"wanted a verb with its roles, as in \{\"kicking\": \[\"agent\", .*, got 'kicking'"),
        ({"verbs": "kicking"}, "wanted a list of verbs, got 'kicking'"),
        ({"verbs": {"kicking": "agent"}}, "wanted the roles of a verb as a list, got 'agent'"),
        ({"verbs": {"kicking": []}}, "frame 'kicking': wanted 1 to 6 roles, got 0"),
        ({"verbs": {"kicking": [3]}}, r"set_vocabulary: wanted 'roles' of a frame as a list of words, got \[3\]"),
        (
            {"verbs": {"kicking": ["agent"], "a": {"colour": "red"}}},
            "wanted a frame with 'roles', got {'verb': 'a', 'col",
        ),
        ({"verbs": {"a": {"roles": ["b"], "colour": "red"}}}, "wanted a frame with verb, .*, got 'colour' as well"),
        ({"verbs": {"kicking": {"definition": "with a foot"}}}, "wanted a frame with 'roles', got {'verb': 'kicking'"),
        ({"verbs": {"": ["agent"]}}, "set_vocabulary: a frame needs a verb, got an empty word"),
        ({"nouns": []}, "set_vocabulary: wanted one noun at least beside the empty one, got none"),
        ({"nouns": ["ball", ""]}, "set_vocabulary: wanted nouns with an id and words, got"),
        ({"nouns": [" "]}, "set_vocabulary: wanted nouns with an id and words, got ' '"),
        ({"nouns": [{"gloss": ["ball"]}]}, r"set_vocabulary: wanted nouns with an id and words, got \('ball',\)"),
        ({"nouns": [{"id": "n1", "gloss": [""]}]}, "set_vocabulary: wanted nouns with an id and words, got 'n1'"),
        ({"ontology": Ontology(NEW.frames, ())}, "set_vocabulary: wanted one noun at least beside the empty one"),
        ({"verbs": {}}, "wanted one verb at least, got none"),
        ({"nouns": {"ball": "round"}}, "wanted nouns as a list of words, got a mapping"),
        ({"nouns": [3]}, "wanted a noun, got '3'"),
        ({"nouns": ["ball", "ball"]}, "noun 'ball' stands twice"),
        ({"nouns": [object()]}, "wanted a noun, got "),
        ({"nouns": ["\ud800"]}, "text: wanted a vector for '.ud800', got: "),
    ],
)
def test_what_is_no_vocabulary_is_refused(reader: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SituationRecognizer(reader, threads=1).set_vocabulary(**given)


def test_the_nouns_that_are_there_may_be_given_again(reader: Path) -> None:
    recognizer = SituationRecognizer(reader, threads=1)
    recognizer.set_vocabulary(nouns=[*recognizer.ontology.nouns, "dog"])
    assert [noun.id for noun in recognizer.ontology.nouns][-2:] == ["n3", "dog"]


def test_a_hostile_tokenizer_leaves_the_terminal_alone(
    reader: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = json.loads((reader / "text" / "tokenizer.json").read_text())
    told["post_processor"]["special_tokens"] = {}  # at which Rust panics, with its stack on the terminal
    hostile = copied(reader, tmp_path / "hostile")
    (hostile / "text" / "tokenizer.json").write_text(json.dumps(told))
    hostile = copied(hostile, tmp_path / "sealed")
    with pytest.raises(InputError, match=r"text: wanted a vector for .*, got: "):
        SituationRecognizer(hostile, threads=1).set_vocabulary(nouns=["ball"])
    assert capfd.readouterr() == ("", "")


def test_a_device_without_tokenizers_says_what_to_install(reader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tokenizers" else object())
    with pytest.raises(MissingExtra, match=r"reading words .* run: pip install 'edgegsr\[words\]'"):
        SituationRecognizer(reader).set_vocabulary(nouns=["ball"])


def test_a_device_reads_words_without_torch(reader: Path, split_dev: Split) -> None:
    code = (
        "import sys; from edgegsr.runtime import SituationRecognizer as R; "
        f"r = R({str(reader)!r}); r.set_vocabulary(verbs={{'kicking': ['agent']}}, nouns=['ball']); "
        f"print(r.predict({str(split_dev.path(0))!r}).verb); "
        "print([name for name in ('torch', 'transformers', 'onnx', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["kicking", "[]"]


@pytest.mark.long
def test_clips_texts_are_read_as_well_and_encoders_of_padding_are_refused(
    whole: Run, split_dev: Split, tmp_path: Path
) -> None:
    clip, siglip = tiny_encoders.save_clip(tmp_path / "clip"), tiny_encoders.save_siglip(tmp_path / "siglip")
    vocab = Vocab("input", text_encoder=True)
    run = spoken(whole, clip)
    assert export(run, tmp_path / "bundle", TARGET, checks(split_dev, 2), vocab)["missed"] == []
    recognizer, eager = SituationRecognizer(tmp_path / "bundle", threads=1), speaking(run, NEW, embed(NEW, str(clip)))
    recognizer.set_vocabulary(NEW)
    assert near(recognizer.predict(split_dev.path(0)), eager.predict(split_dev.path(0)))
    with pytest.raises(InputError, match=r"--with-text-encoder: .*siglip \(siglip.*\) was trained to read padding"):
        export(spoken(whole, siglip), tmp_path / "other", TARGET, checks(split_dev, 2), vocab)


def test_an_encoder_that_reads_the_words_otherwise_is_refused(
    whole: Run, split_dev: Split, bert: Path, tmp_path: Path
) -> None:
    run = spoken(whole, bert)
    other = dataclasses.replace(run, tables=dataclasses.replace(run.tables, verbs=-run.tables.verbs))
    with pytest.raises(InputError, match=r"does not read the words of .* as they were learned"):
        export(other, tmp_path / "bundle", TARGET, checks(split_dev, 2), Vocab("input", text_encoder=True))


def copied(folder: Path, out: Path, *without: str, **changes: Any) -> Path:
    """A bundle with files left out and with other facts, sealed again."""
    facts = {**json.loads((folder / "manifest.json").read_text()), **changes}
    for name in ("format", "files"):
        del facts[name]
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (*without, "manifest.json"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(path.read_bytes())
    seal(out, facts)
    return out


def silent(folder: Path, out: Path) -> Path:
    """A bundle from before its files said anything of themselves."""
    copied(folder, out)
    for path in out.rglob("*.onnx"):
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, path)
    return copied(out, out.with_suffix(".sealed"))


def test_a_damaged_reader_is_refused_by_name(reader: Path, folded: Path, tmp_path: Path) -> None:
    words = open_bundle(reader).manifest["vocabulary"]
    with pytest.raises(InputError, match=r"text/model\.onnx: says of itself that its source is .*; export it again"):
        open_bundle(copied(reader, tmp_path / "other", vocabulary={**words, "text_encoder": "another"}))
    reader, folded = silent(reader, tmp_path / "reader"), silent(folded, tmp_path / "folded")
    for i, (folder, without, told, message) in enumerate(
        [
            (reader, "vocabulary.safetensors", words, "manifest does not name vocabulary.safetensors"),
            (reader, "text/tokenizer.json", words, "manifest does not name text/tokenizer.json"),
            (reader, "", {"folded": True}, "model.onnx: wanted the inputs pixels, verb, got pixels, verb, verb_table"),
            (folded, "", {"folded": False}, "model.onnx: wanted the inputs pixels, verb, verb_table"),
            (reader, "", {"folded": False}, "'vocabulary' lacks a capacity, a text width or a text encoder"),
            (reader, "", {**words, "text_width": True}, "vocabulary: width must be 1 or more, got True"),
            (reader, "", {**words, "text_encoder": 3}, "wanted the name and the revision of a text encoder"),
            (reader, "", {**words, "capacity": {"verbs": 10**9, "nouns": 9}}, "room for 1000000000 verbs .* too much"),
            (reader, "", {**words, "capacity": {"verbs": 64, "nouns": 32}}, "room in its manifest.json is not that"),
            (reader, "", {**words, "text_width": 17}, "this bundle speaks in vectors of 17, got 16"),
            (reader, "", {**words, "capacity": {"verbs": 3, "nouns": 9}}, "has room for 3 verbs, got 4"),
        ]
    ):  # fmt: skip
        made = copied(folder, tmp_path / str(i), without, vocabulary=told)
        with pytest.raises(InputError, match=message):
            SituationRecognizer(made)
    copied(reader, tmp_path / "odd")
    (tmp_path / "odd" / "text" / "model.onnx").write_bytes((reader / "model.onnx").read_bytes())
    seal(tmp_path / "odd", {"vocabulary": words})
    with pytest.raises(InputError, match=r"text/model\.onnx: wanted the inputs input_ids, got pixels"):
        open_bundle(tmp_path / "odd")
    copied(reader, tmp_path / "speechless")
    (tmp_path / "speechless" / "text" / "tokenizer.json").write_text("{}")
    seal(tmp_path / "speechless", {"vocabulary": words})
    with pytest.raises(InputError, match="text: wanted a text encoder, got: "):
        SituationRecognizer(tmp_path / "speechless").set_vocabulary(nouns=["ball"])


def test_a_reader_that_is_too_large_is_neither_written_nor_opened(
    whole: Run, reader: Path, bert: Path, split_dev: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_TEXT", 100)
    with pytest.raises(InputError, match=r"--with-text-encoder: .*bert has .* bytes as ONNX, at most 100 fit"):
        export(spoken(whole, bert), tmp_path / "new", TARGET, checks(split_dev, 2), Vocab("input", text_encoder=True))
    monkeypatch.setattr(sealing, "MOST_TEXT", 100)
    with pytest.raises(InputError, match="wanted a text encoder of 100 bytes at most"):
        open_bundle(reader)


def test_command_line_reads_an_ontology_for_a_bundle(
    reader: Path, bert: Path, split_dev: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.json").write_text(NEW.to_json())
    out = tmp_path / "words.safetensors"
    assert command("text", tmp_path / "words.json", "--encoder", bert, "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"out": str(out), "encoder": str(bert), "width": 16}
    recognizer = SituationRecognizer(reader, threads=1)
    recognizer.set_vocabulary(tmp_path / "words.json", out)
    assert recognizer.predict(split_dev.path(0), "kicking").verb == "kicking"
    assert command("text", tmp_path / "none.json", "--out", out) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err
    assert command("export", "diorama-nano", "--capacity", "64,512", "--out", tmp_path / "bundle") == 2
    assert "--capacity, --with-text-encoder: are for words that change" in capsys.readouterr().err
