"""Bundles: sealed, opened, and refused by name whatever is done to them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgegsr import bundle as sealing
from edgegsr.bundle import INPUTS, OUTPUTS, open_bundle, seal
from edgegsr.errors import InputError


def graph(inputs: tuple[str, ...] = INPUTS) -> bytes:
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in each] for each in (inputs, OUTPUTS)
    ]
    nodes = [helper.make_node("Relu", [inputs[0]], [name]) for name in OUTPUTS]
    made: bytes = helper.make_model(helper.make_graph(nodes, "graph", *infos)).SerializeToString()
    return made


def write(folder: Path, content: bytes | None = None) -> Path:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content or graph())
    (folder / "vocabulary.json").write_text('{"frames": [], "nouns": []}')
    (folder / "preprocess.json").write_text('{"side": 64}')
    (folder / "MODEL_CARD.md").write_text("# A model")
    seal(folder, {"name": "a model"})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle")


def test_what_was_sealed_is_opened(folder: Path) -> None:
    found = open_bundle(folder)
    assert (found.side, found.graph, found.manifest["name"]) == (64, graph(), "a model")
    assert found.manifest["files"].keys() == {"model.onnx", "vocabulary.json", "preprocess.json", "MODEL_CARD.md"}


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rename(folder: Path, name: str) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder / "manifest.json", files={name if key == "MODEL_CARD.md" else key: told for key, told in files.items()})


def link(folder: Path) -> None:
    (folder / "MODEL_CARD.md").rename(folder.parent / "card")
    (folder / "MODEL_CARD.md").symlink_to(folder.parent / "card")


def settle(folder: Path, text: str) -> None:
    (folder / "preprocess.json").write_text(text)
    seal(folder, {})


def replace(folder: Path, name: str, make: Callable[[Path], object]) -> None:
    (folder / name).unlink()
    make(folder / name)


def tell(folder: Path, **told: object) -> None:
    """Says something else about the model card."""
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder / "manifest.json", files={**files, "MODEL_CARD.md": {**files["MODEL_CARD.md"], **told}})


def deepen(folder: Path, depth: int) -> None:
    for name in ["d"] * depth:
        folder = folder / name
        folder.mkdir()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "model.onnx").write_bytes(graph()[:-1]), "model.onnx is not the file that was sealed"),
        (lambda f: (f / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda f: (f / "extra.so").write_bytes(b"x"), "extra.so is not in the manifest; take it out"),
        (link, "MODEL_CARD.md is a link"),
        (lambda f: rename(f, "../card"), "'../card' is no name of a file in it"),
        (lambda f: rename(f, "/etc/passwd"), "'/etc/passwd' is no name of a file in it"),
        (lambda f: rename(f, "a/b/c"), "'a/b/c' is no name of a file in it"),
        (lambda f: (f / "manifest.json").unlink(), "wanted a bundle with a manifest.json, found MODEL_CARD.md"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: wanted JSON"),
        (lambda f: (f / "manifest.json").write_text("[" * 100_000), "manifest.json: wanted JSON"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "manifest.json: wanted text"),
        (lambda f: (f / "manifest.json").write_text("[]"), "wanted a bundle of format 1, got 'list'"),
        (lambda f: edit(f / "manifest.json", format=2), "wanted a bundle of format 1, got 2; export it again"),
        (lambda f: edit(f / "manifest.json", files={"model.onnx": 3}), "'files' must name every file"),
        (lambda f: edit(f / "manifest.json", files={}), "is not in the manifest"),
        (lambda f: edit(f / "manifest.json", target=None), "'target' must name an 'engine' and a 'precision'"),
        (lambda f: edit(f / "manifest.json", target={"engine": 3}), "'target' must name an 'engine' and a 'precision'"),
        (lambda f: settle(f, '{"side": "big"}'), "preprocess.json: side must be 1 to 4096, got 'big'"),
        (lambda f: settle(f, "[]"), "preprocess.json: side must be 1 to 4096, got None"),
        (lambda f: settle(f, '{"side": true}'), "preprocess.json: side must be 1 to 4096, got True"),
        (lambda f: settle(f, '{"side": NaN}'), "preprocess.json: side must be 1 to 4096, got nan"),
        (lambda f: settle(f, '{"side": ' + "9" * 4000 + "}"), "preprocess.json: side must be 1 to 4096, got 9{80}$"),
        (lambda f: replace(f, "MODEL_CARD.md", os.mkfifo), "MODEL_CARD.md is no file"),
        (lambda f: replace(f, "MODEL_CARD.md", Path.mkdir), "MODEL_CARD.md is no file"),
        (lambda f: replace(f, "manifest.json", os.mkfifo), "wanted a bundle with a manifest.json, found MODEL_CARD.md"),
        (
            lambda f: replace(f, "manifest.json", Path.mkdir),
            "wanted a bundle with a manifest.json, found MODEL_CARD.md",
        ),
        (lambda f: os.mkfifo(f / "pipe"), "pipe is not in the manifest; take it out"),
        (lambda f: (f / "etc").symlink_to("/etc"), "etc is not in the manifest; take it out"),
        (lambda f: deepen(f, 2), "d/d is not in the manifest; take it out"),
        (lambda f: (f / "new\nline").touch(), r"'new\\nline' is not in the manifest; take it out"),
        (lambda f: rename(f, "n" * 300), "'n{80}' is no name of a file in it"),
        (lambda f: tell(f, bytes=-5), "'files' must name every file"),
        (lambda f: tell(f, bytes=True), "'files' must name every file"),
        (lambda f: tell(f, bytes=10**300), "'files' must name every file"),
        (lambda f: tell(f, bytes=1 << 30), "MODEL_CARD.md is not the file that was sealed"),
        (lambda f: tell(f, bytes=1 << 40), "wanted at most 2,147,483,648 bytes in all, got 1,099,511,"),
        (
            lambda f: edit(f / "manifest.json", files={f"f{i}": {"bytes": 0, "sha256": ""} for i in range(5000)}),
            "wanted at most 1,000 files, got 5,000",
        ),
        (lambda f: edit(f / "manifest.json", format="\n" * 5000), "wanted a bundle of format 1, got '.{79}; export"),
        (lambda f: shutil.rmtree(f), "no such folder; give the folder that `edgegsr export --out` has written"),
    ],
)
def test_what_is_damaged_is_refused_by_name(folder: Path, harm: Callable[[Path], object], message: str) -> None:
    harm(folder)
    with pytest.raises(InputError, match=message) as caught:
        open_bundle(folder)
    assert str(folder) in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_a_graph_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.onnx: wanted the inputs pixels, verb, got image, verb"):
        open_bundle(write(tmp_path / "bundle", graph(("image", "verb"))))


def test_a_bundle_that_is_too_large_is_refused_before_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_BYTES", 100)
    monkeypatch.setattr(sealing, "_content", lambda *_: pytest.fail("read"))
    with pytest.raises(InputError, match="wanted at most 100 bytes in all, got "):
        open_bundle(folder)


def test_a_folder_with_an_odd_name_is_shown_on_one_line(tmp_path: Path) -> None:
    for name in ("nothing\there", "nothing\0here", "\x1b[2J"):
        with pytest.raises(InputError, match=r"no such folder") as caught:
            open_bundle(tmp_path / name)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match=r"cannot be read: File name too long; copy the whole bundle again"):
        open_bundle(tmp_path / ("n" * 300))
    (folder := write(tmp_path / "two\nlines")).joinpath("manifest.json").unlink()
    with pytest.raises(InputError, match=r"two\\nlines'?: wanted a bundle with a manifest\.json"):
        open_bundle(folder)


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def swap(path: str, *flags: int) -> int:
        replace(folder, "MODEL_CARD.md", os.mkfifo) if Path(path).name == "MODEL_CARD.md" else None
        return real(path, *flags)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(InputError, match=r"MODEL_CARD\.md: cannot be read: is a pipe, a device or a socket"):
        open_bundle(folder)


def test_words_and_settings_have_a_largest_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_JSON", 1000)
    settle(folder, '{"side": 64}' + " " * 1000)
    with pytest.raises(
        InputError, match=r"preprocess\.json: wanted at most 1,000 bytes of words or settings, got more"
    ):
        open_bundle(folder)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found(folder: Path, data: st.DataObject) -> None:
    names = sorted(path.name for path in folder.iterdir())
    path = folder / data.draw(st.sampled_from(names))
    before = path.read_bytes()
    at, other = data.draw(st.integers(0, len(before) - 1)), data.draw(st.integers(0, 255))
    path.write_bytes(before[:at] + bytes([other]) + before[at + 1 :])
    try:
        found = open_bundle(folder)
        assert path.name == "manifest.json" or path.read_bytes() == before, (
            "only what the manifest says of itself is free"
        )
        assert found.graph == graph()
    except InputError as error:
        assert str(folder) in str(error)
    finally:
        path.write_bytes(before)
