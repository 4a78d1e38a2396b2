"""A bundle that reads new words by itself: its text encoder goes along."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parents[1] / "text"))

import onnx  # noqa: E402
import tiny_encoders  # noqa: E402
from bundlemade import NEW, TARGET, checks, near, speaking  # noqa: E402
from commandline import run as command  # noqa: E402

from edgegsr import bundle as sealing  # noqa: E402
from edgegsr.bundle import open_bundle, seal  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError, MissingExtra  # noqa: E402
from edgegsr.export import text as reading  # noqa: E402
from edgegsr.export.export import export  # noqa: E402
from edgegsr.export.vocabulary import Vocab  # noqa: E402
from edgegsr.graphfile import OF_TEXTS, OPERATORS  # noqa: E402
from edgegsr.run import Run  # noqa: E402
from edgegsr.runtime import SituationRecognizer  # noqa: E402
from edgegsr.situation import Frame, Noun, Ontology  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.text import embed  # noqa: E402


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
