"""What docs/embed.md promises: its five lines run, and whoever follows the file contract gets the runtime's answers."""

import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgegsr.runtime import SituationRecognizer

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "models" / "diorama-nano" / "bundle"


@pytest.fixture(scope="module")
def app():
    spec = importlib.util.spec_from_file_location("app", ROOT / "export" / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photo(tmp_path):
    """Blobs of colour, some of them transparent, sideways by its EXIF."""
    dice = np.random.default_rng(3)
    pixels = np.kron(dice.integers(0, 256, (6, 9, 4)), np.ones((14, 14, 1))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    return tmp_path / "photo.png"


@pytest.mark.parametrize("verb", [-1, 0, 17])
def test_an_app_that_follows_the_contract_says_what_the_runtime_says(app, photo, verb):
    recognizer = SituationRecognizer(BUNDLE)
    wanted = recognizer.predict(photo, None if verb < 0 else recognizer.ontology.verbs[verb])
    said, fillers = app.predict(app.open_bundle(BUNDLE), Image.open(photo), verb)
    assert said == wanted.verb and list(fillers) == list(wanted.fillers)
    for role, (noun, box) in fillers.items():
        filler = wanted.fillers[role]
        assert noun == filler.noun and (box is None) == (filler.box_xyxy is None)
        if box is not None:
            assert box == pytest.approx(filler.box_xyxy, abs=0.01)


def test_an_app_that_follows_the_contract_sees_a_changed_file(app, tmp_path):
    broken = shutil.copytree(BUNDLE, tmp_path / "bundle")
    (broken / "vocabulary.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"vocabulary\.json: is not the file that was sealed"):
        app.open_bundle(broken)


def test_the_five_lines_of_the_page_run(photo, monkeypatch, capsys):
    lines = re.search(r"## Five lines\n\n```python\n(.*?)```", (ROOT / "docs" / "embed.md").read_text("utf-8"), re.S)[1]
    monkeypatch.chdir(ROOT)
    exec(lines.replace("photo.jpg", str(photo)), {})
    assert len(lines.strip().splitlines()) == 5
    assert capsys.readouterr().out.startswith(tuple(SituationRecognizer(BUNDLE).ontology.verbs))
