"""Who says how likely each thing is that may be said of a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

sys.path.append(str(Path(__file__).resolve().parent / "rationales"))

import tiny_qwen
import tiny_teachers
import tiny_vlm
import torch
from tiny_encoders import save_bert

from edgegsr.errors import InputError
from edgegsr.shipped import find_teacher
from edgegsr.teacher.rationales.vlm import put
from edgegsr.teacher.speakers import CAPTION, QUESTION, Choice, Contrastive, Vlm, open_speaker
from edgegsr.teacher.vision import open_teacher
from edgegsr.text.embed import words
from edgegsr.text.encoders import MINILM, MINILM_HUB


def photo(wh: tuple[int, int] = (40, 30), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (wh[1], wh[0], 3), dtype=np.uint8)


TEXTS = ("a block", "the bar of the image", "yes")
CHOICES = (Choice(photo(), "bar", TEXTS), Choice(photo((30, 64), 1), "block of the image", TEXTS[1:]))


# --- a model that is asked ---


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_bert(tmp_path_factory.mktemp("encoder") / "bert"))


@pytest.fixture(scope="module")
def vlm(tmp_path_factory: pytest.TempPathFactory, encoder: str) -> Vlm:
    torch.set_num_threads(1)
    spoken = Vlm(str(tiny_vlm.save(tmp_path_factory.mktemp("vlm"))), encoder, batch=2, side=32)
    for weight in spoken.model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return spoken


@torch.no_grad()
def word_by_word(vlm: Vlm, choice: Choice, text: str) -> tuple[float, int]:
    """Everything anew for every token, one answer at a time."""
    said = 0.0
    tokens = vlm.processor.tokenizer.encode(text, add_special_tokens=False)
    for j, token in enumerate(tokens):
        given = dict(put(vlm.processor, [(vlm._picture(choice.image), QUESTION.format(noun=choice.noun))]))
        more = torch.tensor([tokens[:j]], dtype=torch.int64)
        given["input_ids"] = torch.cat([given["input_ids"], more], 1)
        given["attention_mask"] = torch.ones_like(given["input_ids"])
        if "mm_token_type_ids" in given:
            given["mm_token_type_ids"] = torch.cat([given["mm_token_type_ids"], torch.zeros_like(more)], 1)
        said += float(vlm.model(**given).logits[0, -1].log_softmax(-1)[token])
    return said, len(tokens)


@pytest.fixture
def qwen(vlm: Vlm, monkeypatch: pytest.MonkeyPatch) -> Vlm:
    monkeypatch.setattr("edgegsr.teacher.speakers.load_vlm", lambda *given: (tiny_qwen.Processor(), tiny_qwen.model()))
    return Vlm(vlm.name, vlm.encoder_name, side=32)


@pytest.mark.parametrize("family", ["vlm", "qwen"])
def test_the_likelihood_of_an_answer_is_the_sum_over_its_tokens_one_by_one(
    family: str, request: pytest.FixtureRequest
) -> None:
    vlm = request.getfixturevalue(family)
    for choice, said in zip(CHOICES, vlm.likelihoods(CHOICES)):
        for i, text in enumerate(choice.texts):
            logprob, tokens = word_by_word(vlm, choice, text)
            assert float(said.logprob[i]) == pytest.approx(logprob, abs=1e-4)
            assert int(said.tokens[i]) == tokens
    assert len({round(float(x), 3) for x in said.logprob}) == len(TEXTS[1:])


def test_an_answer_is_as_likely_alone_as_among_longer_ones(vlm: Vlm) -> None:
    [together] = vlm.likelihoods(CHOICES[:1])
    for i, text in enumerate(TEXTS):
        [alone] = vlm.likelihoods([CHOICES[0]._replace(texts=[text])])
        assert float(alone.logprob[0]) == pytest.approx(float(together.logprob[i]), abs=1e-5)


def test_another_picture_and_another_object_make_answers_otherwise_likely(vlm: Vlm) -> None:
    one = CHOICES[0]
    said = vlm.likelihoods([one, one._replace(image=photo(seed=7)), one._replace(noun="image"), one])
    assert torch.equal(said[0].logprob, said[3].logprob)
    assert not torch.allclose(said[0].logprob, said[1].logprob, atol=1e-4)
    assert not torch.allclose(said[0].logprob, said[2].logprob, atol=1e-4)


def test_captions_are_what_the_model_writes_among_the_texts_of_the_student(vlm: Vlm, encoder: str) -> None:
    images = [photo(), photo((30, 64), 1), photo(seed=3)]
    captions = vlm.captions(images)
    assert captions.shape == (3, 16)
    assert torch.allclose(captions.norm(dim=-1), torch.ones(3), atol=1e-5)
    alone = [text for image in images for text in vlm.describe([image])]
    assert alone == [*vlm.describe(images[:2]), *vlm.describe(images[2:])]
    assert torch.allclose(captions, words(alone, encoder), atol=2e-3)


def test_what_a_model_is_asked_is_part_of_how_it_is_shown_pictures(vlm: Vlm) -> None:
    facts = json.loads(vlm.preprocessing)
    assert facts["caption"] == CAPTION and facts["question"] == QUESTION and facts["side"] == 32
    assert len(vlm.revision) == 64


# --- a model that compares ---


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_teachers.save_teacher(tmp_path_factory.mktemp("clip"), "clip", 1))


def test_what_is_near_what_the_teacher_sees_is_likely(clip: str) -> None:
    teacher = open_teacher(clip)
    speaker = Contrastive(teacher, temperature=0.1)
    texts = ["kick the ball", "throw the dog"]
    images = [photo(), photo(seed=1)]
    said = speaker.likelihoods([Choice(images[0], "ball", texts), Choice(images[1], "dog", texts[1:])])
    seen = teacher.to_text(teacher.see(images, [False, False]).tokens[:, 0])
    near = seen @ words(texts, clip).T / 0.1
    assert torch.allclose(said[0].logprob, near[0], atol=1e-2)
    assert torch.allclose(said[1].logprob, near[1, 1:], atol=1e-2)
    assert [each.tokens.tolist() for each in said] == [[1, 1], [1]]
    assert torch.allclose(speaker.captions(images), seen, atol=1e-5)


def test_texts_are_read_once(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker, read = Contrastive(open_teacher(clip)), list[str]()
    encoder = speaker._encoder
    vectors = type(encoder).vectors
    monkeypatch.setattr(type(encoder), "vectors", lambda self, texts: read.extend(texts) or vectors(self, texts))
    for _ in range(2):
        speaker.likelihoods([Choice(photo(), "dog", ["kick the dog", "throw the dog"])] * 2)
    assert read == ["kick the dog", "throw the dog"]


def test_a_teacher_without_texts_cannot_compare(tmp_path: Path) -> None:
    teacher = open_teacher(str(tiny_teachers.save_teacher(tmp_path / "vit", "vit", 1)))
    with pytest.raises(InputError, match=r"vit: wanted a teacher with texts of its own \(CLIP, SigLIP or Diorama\)"):
        Contrastive(teacher)


# --- which of them ---


def test_who_has_texts_compares_and_others_are_asked(vlm: Vlm, clip: str, encoder: str) -> None:
    assert isinstance(open_speaker(clip, clip), Contrastive)
    assert isinstance(open_speaker(vlm.name, encoder), Vlm)
    assert isinstance(open_speaker(find_teacher("diorama"), MINILM), Contrastive)


def test_texts_of_another_encoder_are_refused(encoder: str) -> None:
    with pytest.raises(InputError, match=rf"puts images among the texts of {MINILM_HUB}, and the words are of .*bert; "
                       rf"give --text {MINILM_HUB}"):  # fmt: skip
        open_speaker(find_teacher("diorama"), encoder)
