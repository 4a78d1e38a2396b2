from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import tiny_teachers  # noqa: E402
from tiny_teachers import save_teacher  # noqa: E402

from edgegsr.boxes import Letterbox  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.teacher.families import FAMILIES  # noqa: E402
from edgegsr.teacher.geometry import Geometry  # noqa: E402
from edgegsr.teacher.regions import cover  # noqa: E402
from edgegsr.teacher.sight import Sight  # noqa: E402
from edgegsr.teacher.vision import open_teacher  # noqa: E402
from edgegsr.text.encoders import read  # noqa: E402

ALL = list(tiny_teachers.SAVE)
CROPPED = ["clip", "clip tower", "llava", "dinov2"]
WITH_TEXTS = ["clip", "siglip", "siglip2"]
GRID = 12


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Any]:
    """A teacher of a family with a number of layers, opened once."""
    known: dict[tuple[str, int], Any] = {}

    def get(family: str, layers: int) -> Any:
        if (family, layers) not in known:
            folder = save_teacher(tmp_path_factory.mktemp("teacher"), family, layers)
            known[family, layers] = open_teacher(str(folder))
        return known[family, layers]

    return get


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def in_square(box_xyxy: tuple[float, ...], size_wh: tuple[int, int]) -> torch.Tensor:
    side = max(size_wh)
    return torch.tensor(Letterbox(size_wh, side).forward(box_xyxy) / side, dtype=torch.float32)


def reaction(teacher: Any, image: np.ndarray, box_xyxy: tuple[int, ...], flip: bool) -> tuple[torch.Tensor, Sight]:
    """(G * G,) how far each cell moves when something is painted into the box."""
    left, top, right, bottom = box_xyxy
    painted = image.copy()
    painted[top:bottom, left:right] = 255 - painted[top:bottom, left:right] // 4
    before, after = teacher.see([image], [flip]), teacher.see([painted], [flip])
    return (after.tokens - before.tokens)[0, 1:].norm(dim=-1), before


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("family", ALL)
def test_cells_that_a_box_covers_are_those_that_see_what_is_in_it(
    family: str, flip: bool, opened: Callable[[str, int], Any]
) -> None:
    teacher = opened(family, 0)
    sizes = {(360, 240): (170, 60, 250, 130), (230, 350): (40, 190, 150, 270)}  # not in the middle, all of it seen
    for (width, height), box in sizes.items():
        moved, sight = reaction(teacher, noise(width, height) // 4, box, flip)
        place = (width - box[2], box[1], width - box[0], box[3]) if flip else box
        token = max(width, height) // GRID + 4  # one token of the coarsest teacher, and what interpolation reads beside
        near = (place[0] - token, place[1] - token, place[2] + token, place[3] + token)
        inside, around = (cover(in_square(b, (width, height)), GRID) for b in (place, near))
        assert moved[inside > 0.99].min() > 0.3 * moved.max()
        assert moved[around == 0].max() < 1e-4 * moved.max()
        assert sight.shown[0, inside > 0.99].all()
        cells = torch.stack(torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")).flatten(1) + 0.5
        centre = (cells * moved).sum(1) / moved.sum()
        wanted = (cells * inside).sum(1) / inside.sum()
        assert (centre - wanted).abs().max() < 0.6, family


@pytest.mark.parametrize("family", ALL)
def test_shown_cells_lie_on_the_image_and_in_the_view(family: str, opened: Callable[[str, int], Any]) -> None:
    teacher = opened(family, 0)
    sight = teacher.see([noise(400, 200), noise(200, 400)], [False, True])
    assert sight.tokens.shape == (2, 1 + GRID * GRID, teacher.width) and sight.tokens.dtype == torch.float32
    tall = {"dinov2": 200 * 48 / 54}.get(family, 200.0)  # it cuts 48 pixels out of 54
    wide = tall if family in CROPPED else 400.0
    seen = cover(in_square((200 - wide / 2, 100 - tall / 2, 200 + wide / 2, 100 + tall / 2), (400, 200)), GRID)
    assert torch.equal(sight.shown[0], seen >= 0.5)
    assert torch.equal(sight.shown[1].reshape(GRID, GRID).T.flatten(), seen >= 0.5)
    assert sight.tokens[0, 1:][seen < 0.01].abs().max() == 0


@pytest.mark.parametrize("family", CROPPED)
def test_what_a_crop_hides_changes_nothing(family: str, opened: Callable[[str, int], Any]) -> None:
    moved, sight = reaction(opened(family, 2), noise(360, 240), (0, 0, 50, 240), flip=False)
    assert moved.max() == 0
    assert not sight.shown[0].reshape(GRID, GRID)[:, :2].any()


def qwen(model: Any, given: Any) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = model.get_image_features(**given).pooler_output[0]
    return tokens.mean(0), tokens


def first_of(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return tokens[0, 0], tokens[0, 1:]


def pooled(output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return output.pooler_output[0], output.last_hidden_state[0]


def averaged(output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return output.last_hidden_state[0].mean(0), output.last_hidden_state[0]


# what the library's own class of the whole model says of one image: the global token and those of the patches
LIBRARY: dict[str, tuple[str, Callable[[Any, Any], tuple[torch.Tensor, torch.Tensor]]]] = {
    "blip2": ("Blip2ForConditionalGeneration", lambda m, x: first_of(m.vision_model(**x).last_hidden_state)),
    "clip": (
        "CLIPModel",
        lambda m, x: first_of(m.vision_model.post_layernorm(m.vision_model(**x).last_hidden_state)),
    ),
    "clip tower": ("CLIPVisionModel", lambda m, x: first_of(m.post_layernorm(m(**x).last_hidden_state))),
    "siglip": ("SiglipModel", lambda m, x: pooled(m.vision_model(**x))),
    "siglip tower": ("SiglipVisionModel", lambda m, x: averaged(m(**x))),
    "siglip2": ("Siglip2Model", lambda m, x: pooled(m.vision_model(**x))),
    "siglip2 tower": ("Siglip2VisionModel", lambda m, x: averaged(m(**x))),
    "llava": (
        "LlavaForConditionalGeneration",
        lambda m, x: first_of(m.model.vision_tower(**x, output_hidden_states=True).hidden_states[-2]),
    ),
    "padded llava": (
        "LlavaForConditionalGeneration",
        lambda m, x: first_of(m.model.vision_tower(**x, output_hidden_states=True).hidden_states[-2]),
    ),
    "internvl": (
        "InternVLForConditionalGeneration",
        lambda m, x: first_of(m.model.vision_tower(x["pixel_values"][-1:]).last_hidden_state),
    ),
    "qwen2": ("Qwen2VLForConditionalGeneration", qwen),
    "qwen2.5": ("Qwen2_5_VLForConditionalGeneration", qwen),
    "qwen3": ("Qwen3VLForConditionalGeneration", qwen),
    "qwen3 moe": ("Qwen3VLMoeForConditionalGeneration", qwen),
    "qwen3.5": ("Qwen3_5ForConditionalGeneration", qwen),
    "registers": (
        "Dinov2WithRegistersModel",
        lambda m, x: (lambda tokens: (tokens[0, 0], tokens[0, 4:]))(m(**x).last_hidden_state),
    ),
    "dinov2": ("Dinov2Model", lambda m, x: first_of(m(**x).last_hidden_state)),
    "vit": ("ViTModel", lambda m, x: first_of(m(**x).last_hidden_state)),
}


@pytest.mark.parametrize("family", ALL)
def test_tokens_of_a_square_image_are_what_the_whole_model_makes_of_it(
    family: str, opened: Callable[[str, int], Any]
) -> None:
    teacher, (kind, look) = opened(family, 2), LIBRARY[family]
    model = getattr(transformers, kind).from_pretrained(teacher.folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(teacher.folder, backend="pil")
    image = noise(120, 120)
    with torch.no_grad():
        whole, patches = look(model, processor(image, return_tensors="pt"))
    if family == "dinov2":  # it cuts 48 pixels out of 54, the square keeps its 54
        under = Geometry((120, 120), (-3 / 48, -3 / 48, 51 / 48, 51 / 48), GRID, GRID).onto(GRID)
        patches = torch.from_numpy(np.kron(under.by_row, under.by_column)).float() @ patches
    tokens = teacher.see([image], [False]).tokens[0]
    assert torch.allclose(tokens[0], whole, atol=1e-4)
    assert torch.allclose(tokens[1:], patches, atol=1e-4)
    assert tokens.std() > 1e-3
    assert sum(p.numel() for p in teacher.tower.parameters()) <= sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("family", ALL)
def test_batch_says_what_its_images_say_alone_and_says_it_again(family: str, opened: Callable[[str, int], Any]) -> None:
    teacher = opened(family, 2)
    images, flips = [noise(96, 64, 1), noise(50, 130, 2), noise(96, 64, 3)], [True, False, False]
    together = teacher.see(images, flips)
    for i, (image, flip) in enumerate(zip(images, flips)):
        alone = teacher.see([image], [flip])
        assert torch.allclose(together.tokens[i], alone.tokens[0], atol=1e-4)
        assert torch.equal(together.shown[i], alone.shown[0])
    assert torch.equal(teacher.see(images, flips).tokens, together.tokens)
    mirrored = teacher.see([np.ascontiguousarray(images[0][:, ::-1])], [False])
    assert torch.allclose(mirrored.tokens[0], together.tokens[0], atol=1e-4)


@pytest.mark.parametrize("family", ["clip", "siglip2", "qwen2.5"])
def test_half_precision_sees_nearly_the_same(
    family: str, opened: Callable[[str, int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, images = opened(family, 2), [noise(80, 60), noise(60, 90)]
    monkeypatch.setattr("edgegsr.teacher.vision._dtype", lambda device: torch.bfloat16)
    half = open_teacher(str(full.folder))
    assert half.tower.dtype == torch.bfloat16
    sights = [teacher.see(images, [False, True]).tokens for teacher in (full, half)]
    nearness = torch.cosine_similarity(*sights, dim=-1)
    assert nearness[sights[0].abs().sum(-1) > 0].min() > 0.999


def test_every_family_is_tested_here(opened: Callable[[str, int], Any]) -> None:
    assert {opened(family, 2).config.model_type for family in ALL} == set(FAMILIES)


def test_only_the_vision_tower_is_loaded(opened: Callable[[str, int], Any]) -> None:
    for family in ("blip2", "llava", "qwen2.5", "internvl"):
        names = " ".join(name for name, _ in opened(family, 2).tower.named_parameters())
        assert not any(part in names for part in ("language", "qformer", "lm_head", "projector"))


@pytest.mark.parametrize("family", WITH_TEXTS)
def test_images_lie_among_the_texts_of_their_own_encoder(family: str, opened: Callable[[str, int], Any]) -> None:
    teacher = opened(family, 2)
    assert teacher.text_encoder == teacher.name
    texts, images = ["a dog", "the person kick ing a ball"], [noise(80, 60), noise(60, 90)]
    kind = LIBRARY[family][0]
    model = getattr(transformers, kind).from_pretrained(teacher.folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(teacher.folder)
    padding = {} if family == "clip" else {"padding": "max_length", "max_length": 10}
    with torch.no_grad():
        processor = transformers.AutoImageProcessor.from_pretrained(teacher.folder, backend="pil")
        out = [
            model(
                **tokenizer([text], return_tensors="pt", return_attention_mask=False, **padding),
                **processor(image, return_tensors="pt"),
            )
            for text, image in zip(texts, images)
        ]
    vectors = teacher.to_text(teacher.see(images, [False, False]).tokens[:, 0])
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(2))
    wanted = torch.cat([(o.image_embeds * o.text_embeds).sum(-1) for o in out])
    assert torch.allclose((vectors * read(texts, teacher.folder, 2)).sum(-1), wanted, atol=1e-4)
    weight, bias = teacher.projection
    tokens = teacher.see(images, [False, False]).tokens
    line = torch.nn.functional.normalize(tokens @ weight.T + bias, dim=-1)
    assert torch.allclose(teacher.to_text(tokens), line, atol=1e-6)


def test_teacher_without_texts_says_so(opened: Callable[[str, int], Any]) -> None:
    teacher = opened("blip2", 0)
    assert teacher.text_encoder is None and teacher.projection is None
    with pytest.raises(InputError, match=r"whose tokens lie among texts \(CLIP, SigLIP or Diorama\), got a blip-2"):
        teacher.to_text(torch.zeros(1, teacher.width))


def test_coarser_grid_is_the_mean_of_the_finer_one(opened: Callable[[str, int], Any]) -> None:
    fine = opened("siglip", 2)
    coarse = open_teacher(str(fine.folder), grid=4)
    image = noise(100, 100)
    cells = fine.see([image], [False]).tokens[0, 1:].reshape(4, 3, 4, 3, -1).mean((1, 3)).flatten(0, 1)
    assert torch.allclose(coarse.see([image], [False]).tokens[0, 1:], cells, atol=1e-4)
    assert coarse.preprocessing != fine.preprocessing and coarse.revision == fine.revision
    with pytest.raises(InputError, match="wanted a grid of 1 to 12 cells a side, got 13"):
        open_teacher(str(fine.folder), grid=13)


def test_weights_have_a_revision_and_preprocessing_one_line(tmp_path: Path) -> None:
    first, again = (save_teacher(tmp_path / name, "clip", 1) for name in ("first", "again"))
    teachers = [open_teacher(str(folder)) for folder in (first, again)]
    assert teachers[0].revision == teachers[1].revision and len(teachers[0].revision) == 64
    assert teachers[0].preprocessing == teachers[1].preprocessing
    assert json.loads(teachers[0].preprocessing)["grid"] == GRID and "\n" not in teachers[0].preprocessing
    config = first / "preprocessor_config.json"
    config.write_text(config.read_text().replace('"do_center_crop": true', '"do_center_crop": false, "x": 1'))
    (again / "config.json").write_text((again / "config.json").read_text() + " ")
    assert open_teacher(str(again)).revision != teachers[0].revision


def test_images_of_extreme_sizes_are_seen_or_refused_in_one_line(opened: Callable[[str, int], Any]) -> None:
    sight = opened("clip", 0).see([noise(1, 1), noise(3, 40), noise(700, 30)], [False] * 3)
    assert sight.tokens.isfinite().all() and sight.shown[0].all()
    with pytest.raises(InputError, match="wanted an image that its image processor takes, got one of 900 x 4 pixels"):
        opened("qwen2", 0).see([noise(900, 4)], [False])


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def with_model_type(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(json.dumps({"model_type": name}))


def with_bytes(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content)  # type: ignore[return-value]


def without_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    del state["vision_model.post_layernorm.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def with_small_pictures(folder: Path) -> None:
    transformers.CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size=24).save_pretrained(folder)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without("config.json"), "wanted a saved model, config.json beside model.safetensors, got .*model.safetensors"),
        (with_bytes("config.json", b"{"), "config.json: wanted the description of a saved model"),
        (
            with_model_type("bert"),
            "of a type that can teach, got 'bert'; those are blip-2, clip, .*siglip2.*qwen2_5_vl",
        ),
        (without("model.safetensors"), "wanted a vision model that transformers can read, weights as safetensors, got"),
        (with_bytes("model.safetensors", b"junk"), "wanted a vision model that transformers can read"),
        (without_a_tensor, r"the weights lack 1 tensors of the vision tower, 'vision_model.post_layernorm.weight'"),
        (without("preprocessor_config.json"), "wanted an image processor, preprocessor_config.json, got"),
        (
            with_small_pictures,
            "wanted an image processor and a vision tower that fit each other, got: Input image size",
        ),
    ],
)
def test_folder_that_is_no_teacher_is_one_clear_line(
    spoil: Callable[[Path], None], told: str, opened: Callable[[str, int], Any], tmp_path: Path
) -> None:
    folder = shutil.copytree(opened("clip", 2).folder, tmp_path / "copy")
    spoil(folder)
    with pytest.raises(InputError, match=told) as caught:
        open_teacher(str(folder))
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_device_that_is_not_here_is_one_clear_line(opened: Callable[[str, int], Any]) -> None:
    with pytest.raises(InputError, match="device: wanted one that torch has here, such as cpu, got 'warp:9'"):
        open_teacher(str(opened("clip", 2).folder), device="warp:9")
