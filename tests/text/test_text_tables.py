from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edgegsr.errors import InputError  # noqa: E402
from edgegsr.text.tables import TextTables, through_half, unit  # noqa: E402


def tables(seed: int = 0) -> TextTables:
    rng = torch.Generator().manual_seed(seed)
    verbs, roles, nouns = (unit(torch.randn(*shape, generator=rng)) for shape in ((3, 8), (3, 6, 8), (5, 8)))
    roles[1, 2:] = 0
    return TextTables(verbs, roles, nouns, "some/encoder", "hash of the words")


def test_tables_come_back_from_a_file_in_half_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "tables.safetensors"
    tables().save(path)
    again = TextTables.load(path)
    assert (again.encoder, again.ontology, again.width) == ("some/encoder", "hash of the words", 8)
    for name in ("verbs", "roles", "nouns"):
        assert torch.allclose(getattr(again, name), getattr(tables(), name), atol=1e-3)
        assert getattr(again, name).dtype == torch.float32
    assert not again.roles[1, 2:].any()
    assert [file.name for file in tmp_path.iterdir()] == ["tables.safetensors"]
    assert path.stat().st_size < 2 * (3 + 18 + 5) * 8 + 500


@pytest.mark.parametrize("seed", range(5))
def test_rounded_vectors_survive_any_number_of_saves(seed: int) -> None:
    once = through_half(torch.randn(100, 384, generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(through_half(once), once)


def test_tables_of_unlike_shapes_are_refused() -> None:
    good = tables()
    with pytest.raises(InputError, match=r"text tables: roles must have the shape \(3, 6, 8\), got \(2, 6, 8\)"):
        TextTables(good.verbs, good.roles[:2], good.nouns, "x")
    with pytest.raises(InputError, match=r"text tables: nouns must have the shape \(5, 8\), got \(5, 7\)"):
        TextTables(good.verbs, good.roles, good.nouns[:, :7], "x")


def test_foreign_damaged_absent_and_unwritable_files_are_one_clear_line(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    (tmp_path / "bad").write_bytes(b"not a table")
    with pytest.raises(InputError, match="bad: wanted text vectors as safetensors"):
        TextTables.load(tmp_path / "bad")
    with pytest.raises(InputError, match="none: wanted text vectors as safetensors"):
        TextTables.load(tmp_path / "none")
    safetensors.save_file({"verbs": torch.zeros(1, 2)}, tmp_path / "foreign")
    with pytest.raises(InputError, match="foreign: wanted the format edgegsr-text-1, got None"):
        TextTables.load(tmp_path / "foreign")
    safetensors.save_file({"verbs": torch.zeros(1, 2)}, tmp_path / "part", {"format": "edgegsr-text-1"})
    with pytest.raises(InputError, match="part: wanted text tables, lacks roles, nouns"):
        TextTables.load(tmp_path / "part")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="file/tables: cannot be written"):
        tables().save(tmp_path / "file" / "tables")
