from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load, save  # noqa: E402
from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.weights import load_weights, save_weights  # noqa: E402


def test_weights_come_back_under_another_vocabulary(student: Student, pixels: torch.Tensor, tmp_path: Path) -> None:
    save_weights(student, tmp_path / "student.safetensors")
    other = Student(tiny_config(), random_tables((3,) * 7, nouns=5, seed=4)).eval()
    load_weights(other, tmp_path / "student.safetensors")
    assert torch.equal(student.encode(pixels).verb_embedding, other.encode(pixels).verb_embedding)
    assert other(pixels).noun_logits.shape == (3, 6, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student.safetensors"]


def test_weights_of_another_student_are_refused(student: Student, tmp_path: Path) -> None:
    save_weights(student, tmp_path / "student.safetensors")
    with pytest.raises(InputError, match=r"is of another student than .*: has the unknown tensor 'decoder\.layers\.1"):
        load_weights(Student(tiny_config(decoder_layers=1), random_tables()), tmp_path / "student.safetensors")
    with pytest.raises(InputError, match=r"is of another student than .*: .* wanted \(\d+.*, got \(\d+"):
        load_weights(Student(tiny_config(width=64), random_tables()), tmp_path / "student.safetensors")


def test_weights_that_are_not_those_that_were_written_are_refused(student: Student, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    save_weights(student, path)
    content = bytearray(path.read_bytes())
    content[-7] ^= 1  # the last bit of some number
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"student\.safetensors: holds other weights than were written there; copy it"):
        load_weights(student, path)
    path.write_bytes(save(load(bytes(content))))  # as files were that said nothing of themselves
    load_weights(student, path)


def test_damaged_absent_and_unwritable_files_are_one_clear_line(student: Student, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"PK\x03\x04 not safetensors at all")
    with pytest.raises(InputError, match="bad: wanted the safetensors of a student"):
        load_weights(student, tmp_path / "bad")
    with pytest.raises(InputError, match="none: wanted the safetensors of a student"):
        load_weights(student, tmp_path / "none")
    with pytest.raises(InputError, match="cannot be written"):
        save_weights(student, tmp_path / "bad" / "student.safetensors")
