"""Knowledge on the fly is what a cache has, and texts of any encoder have tokens of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from stub_teacher import StubTeacher  # noqa: E402
from tiny_encoders import save_bert, save_clip, save_siglip  # noqa: E402

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.images import Pixels  # noqa: E402
from edgegsr.teacher import live  # noqa: E402
from edgegsr.teacher.cache import Cached  # noqa: E402
from edgegsr.teacher.live import Live  # noqa: E402
from edgegsr.teacher.sight import Sight  # noqa: E402
from edgegsr.text.tokens import MOST_TOKENS, TokenReader  # noqa: E402


def test_live_equals_cached(cache: Path, split_train: Split, encoder: str) -> None:
    cached, fresh = Cached(cache, split_train), Live(StubTeacher(encoder), split_train)
    assert fresh.facts == cached.facts
    assert (fresh.width, fresh.grid, fresh.text_width) == (cached.width, cached.grid, cached.text_width) == (3, 4, 16)
    assert fresh.text_encoder == cached.text_encoder == encoder
    for mine, yours in zip(fresh.projection or (), cached.projection or (), strict=True):
        assert torch.equal(mine, yours)
    for rows, flipped in (([0, 7, 7, 15], [False, True, False, True]), ([3], [True])):
        mine, yours = (source.about(torch.tensor(rows), torch.tensor(flipped)) for source in (fresh, cached))
        for name in mine._fields[:6]:
            loose = {"rtol": 0.0, "atol": 0.05} if name == "texts" else {"rtol": 0.0, "atol": 0.0}  # bf16 by batches
            torch.testing.assert_close(getattr(mine, name), getattr(yours, name), **loose, msg=name)


def test_texts_are_read_once_and_only_so_many_are_remembered(
    split_train: Split, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, read = Live(StubTeacher(encoder), split_train), list[str]()
    honest = source.reader.read
    monkeypatch.setattr(source.reader, "read", lambda texts: read.extend(texts) or honest(texts))
    everything = torch.arange(16), torch.zeros(16, dtype=torch.bool)
    source.about(*everything), source.about(*everything)
    assert len(read) == len(set(read)) > 4
    monkeypatch.setattr(live, "REMEMBERED", 3)
    assert source.about(*everything).texts.shape[0] == 16
    assert len(source._memo) == 3


def test_tokens_that_fp16_does_not_hold_are_refused_with_the_image(split_train: Split, encoder: str) -> None:
    class Loud(StubTeacher):
        def see(self, images: list[Pixels], flipped: list[bool]) -> Sight:  # type: ignore[override]
            sight = super().see(images, flipped)
            sight.tokens[1, 0, 0] = 1e6
            return sight

    with pytest.raises(InputError, match=r"stub: wanted tokens that fp16 holds, got larger ones for lifting_train4"):
        Live(Loud(encoder), split_train).about(torch.tensor([2, 4]), torch.tensor([False, False]))


TEXTS = ["a dog", "", "the person kick ing a ball of the dog"]


@pytest.mark.parametrize(("save", "kind"), [(save_bert, "BertModel"), (save_clip, "CLIPTextModel")])
def test_token_vectors_are_the_last_layer_at_the_real_tokens(save: object, kind: str, tmp_path: Path) -> None:
    folder = save(tmp_path)  # type: ignore[operator]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    reader = TokenReader(str(folder))
    found = dict(reader.read(TEXTS, batch=2))
    assert found.keys() == {0, 1, 2} and found[1].shape == (0, reader.width) == (0, 16)
    for i in (0, 2):
        tokens = tokenizer([TEXTS[i]], return_tensors="pt", truncation=True)
        with torch.no_grad():
            wanted = model(**tokens).last_hidden_state[0]
        assert found[i].shape == wanted.shape
        assert torch.nn.functional.cosine_similarity(found[i], wanted, dim=-1).min() > 0.99


def test_siglip_reads_its_padding_and_gives_none_of_it(tmp_path: Path) -> None:
    reader = TokenReader(str(save_siglip(tmp_path)))
    assert {i: len(vectors) for i, vectors in reader.read(TEXTS)} == {0: 4, 1: 0, 2: 10}


def test_no_text_has_more_tokens_than_clip_reads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = save_bert(tmp_path)
    config = transformers.BertConfig.from_pretrained(folder, max_position_embeddings=200)
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(
        (folder / "tokenizer_config.json").read_text().replace('"model_max_length": 32', '"model_max_length": 200')
    )
    ((_, vectors),) = TokenReader(str(folder)).read(["dog " * 150])
    assert len(vectors) == MOST_TOKENS


def test_another_encoder_has_another_revision(tmp_path: Path, encoder: str) -> None:
    assert TokenReader(encoder).revision == TokenReader(encoder).revision
    assert TokenReader(str(save_clip(tmp_path))).revision != TokenReader(encoder).revision
