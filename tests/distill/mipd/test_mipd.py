"""What must hold of MIPD, whatever its weights: who teaches whom, and that prompts look where they should."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

import toyworld  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from edgegsr.data.loader import Batch, loader  # noqa: E402
from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill.config import TrainConfig  # noqa: E402
from edgegsr.distill.losses import verb_cross_entropy  # noqa: E402
from edgegsr.distill.methods import METHODS  # noqa: E402
from edgegsr.distill.mipd.alignment import Alignment  # noqa: E402
from edgegsr.distill.mipd.config import MipdConfig  # noqa: E402
from edgegsr.distill.mipd.lesson import Mipd  # noqa: E402
from edgegsr.distill.mipd.losses import gap, ranking  # noqa: E402
from edgegsr.distill.mipd.prompts import InstancePrompt, ScenePrompt  # noqa: E402
from edgegsr.student.config import read_student  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.teacher.knowledge import Knowledge  # noqa: E402
from edgegsr.teacher.regions import cover, pool  # noqa: E402
from edgegsr.text.encoders import MINILM_HUB  # noqa: E402

WIDTH, GRID, TEXT_WIDTH, LENGTH = 12, 4, 10, 5
TAUGHT = [name for name, method in METHODS.items() if method.taught]
SEEN = torch.tensor([True, True, True, False])


class Telling:
    """A teacher that says the same random things about the same row."""

    width, grid, text_width, text_encoder = WIDTH, GRID, TEXT_WIDTH, MINILM_HUB
    facts: ClassVar[dict[str, str]] = {"teacher": "stub", "teacher_texts": MINILM_HUB}

    def __init__(self, text_width: int = TEXT_WIDTH, out: int | None = None) -> None:
        self.text_width = text_width
        self.projection = (torch.randn(out, WIDTH), torch.zeros(out)) if out else None

    def collage_tokens(self, numbers: Tensor, count: int) -> Tensor:
        return torch.sin(numbers[:, None] + torch.arange(WIDTH))

    def about(self, rows: Tensor, flipped: Tensor) -> Knowledge:
        drawn = []
        for row in rows.tolist():
            dice = torch.Generator().manual_seed(row)
            low = torch.rand(6, 2, generator=dice) * 0.5
            lengths = torch.randint(1, LENGTH + 1, (4, 1), generator=dice)
            drawn.append(
                Knowledge(
                    tokens=torch.randn(1 + GRID**2, WIDTH, generator=dice),
                    shown=torch.rand(GRID**2, generator=dice) < 0.9,
                    boxes_xyxy=torch.cat([low, low + 0.2 + 0.3 * torch.rand(6, 2, generator=dice)], 1),
                    has_box=torch.arange(6) < 2,
                    texts=torch.randn(4, LENGTH, self.text_width, generator=dice),
                    text_mask=torch.arange(LENGTH) < lengths,
                )
            )
        return Knowledge(*(torch.stack(column) for column in zip(*(each[:6] for each in drawn))))


@pytest.fixture
def batch(split_train: Split) -> Batch:
    batches = loader(split_train, 32, 6, train=True)
    batches.set_position(0)
    return next(iter(batches))


def lesson(method: str = "mipd", **switches: object) -> tuple[nn.Module, Telling]:
    torch.manual_seed(0)
    student = Student(read_student(toyworld.CARD), replace(toyworld.tables(), encoder=MINILM_HUB))
    source = Telling(student.text_width, student.text_width)
    settings = TrainConfig(mipd=MipdConfig(**switches))  # type: ignore[arg-type]
    return METHODS[method].lesson(student, settings, SEEN, source), source


def spoken(method: str, batch: Batch, **switches: object) -> tuple[nn.Module, dict[str, Tensor]]:
    made, source = lesson(method, **switches)
    about = source.about(batch.rows, batch.flipped)
    return made, made.losses(made(batch.pixels, batch.verbs, about), batch)


def touched(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.grad is not None and bool(p.grad.any())}


def test_what_is_taught_carries_no_gradient_into_the_teacher_branch(batch: Batch) -> None:
    made, losses = spoken("mipd", batch)
    (losses["glimpse"] + losses["gaze"]).backward()
    names = touched(made)
    assert names and all(name.startswith("student.") for name in names)


def test_the_anchors_of_the_teacher_branch_touch_no_weight_of_the_student(batch: Batch) -> None:
    made, losses = spoken("mipd", batch)
    sum(loss for name, loss in losses.items() if name.startswith(("anchor", "negative"))).backward()
    names = touched(made)
    assert "alignment.instance.map" in names and "alignment.scene.edges" in names
    assert all(name.startswith("alignment.") for name in names)


def test_in_the_released_losses_the_teacher_is_dragged_towards_the_student(batch: Batch) -> None:
    made, losses = spoken("mipd-release", batch)
    losses["glimpse"].backward()
    names = touched(made)
    assert any(name.startswith("visual") for name in names) and any(name.startswith("student.") for name in names)


def test_both_prompts_are_trained_from_the_first_step(batch: Batch) -> None:
    made, losses = spoken("mipd", batch)
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.1)
    before = [made.alignment.instance.map.clone(), made.alignment.scene.edges.clone()]
    sum(losses.values()).backward()
    optimizer.step()
    assert not torch.equal(before[0], made.alignment.instance.map)
    assert not torch.equal(before[1], made.alignment.scene.edges)


@pytest.mark.parametrize("method", TAUGHT)
def test_a_batch_is_taught_as_its_images_are_one_by_one_in_any_order(method: str, batch: Batch) -> None:
    made, source = lesson(method)
    made.eval()
    about = source.about(batch.rows, batch.flipped)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        whole = flat(made(batch.pixels, batch.verbs, about).beside)
        mixed = flat(made(batch.pixels[order], batch.verbs[order], Knowledge(*(t[order] for t in about[:6]))).beside)
        single = flat(made(batch.pixels[:1], batch.verbs[:1], Knowledge(*(t[:1] for t in about[:6]))).beside)
    for one, other, first in zip(whole, mixed, single):
        assert torch.allclose(one[order], other, atol=1e-5)
        assert torch.allclose(one[:1], first, atol=1e-5)


def flat(value: object) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [t for part in value for t in flat(part)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", TAUGHT)
def test_every_method_gives_finite_losses_and_teaches_the_encoder(method: str, batch: Batch) -> None:
    made, losses = spoken(method, batch)
    sum(losses.values()).backward()
    assert all(math.isfinite(float(loss.detach())) for loss in losses.values())
    assert any(name.startswith("student.encoder.backbone") for name in touched(made))


@pytest.mark.parametrize("method", TAUGHT)
def test_a_method_that_needs_a_teacher_says_so(method: str, batch: Batch) -> None:
    made, _ = lesson(method)
    with pytest.raises(ValueError, match="give --teacher"):
        made(batch.pixels, batch.verbs)


@pytest.mark.parametrize(
    ("switches", "gone"),
    [
        ({"glimpse": False}, {"glimpse", "anchor_verb", "negative_glimpse"}),
        ({"gaze": False}, {"gaze", "anchor_noun", "negative_gaze"}),
        ({"negatives": False}, {"negative_glimpse", "negative_gaze"}),
        ({"patches": False}, {"patches"}),
    ],
)
def test_a_switch_removes_its_terms_and_no_others(switches: dict[str, bool], gone: set[str], batch: Batch) -> None:
    assert spoken("mipd", batch)[1].keys() - spoken("mipd", batch, **switches)[1].keys() == gone


@pytest.mark.parametrize("prompt", ["scene", "instance"])
def test_without_its_switch_a_prompt_changes_nothing(prompt: str, batch: Batch) -> None:
    made, source = lesson(**{f"{prompt}_prompt": False})
    about = source.about(batch.rows, batch.flipped)
    made.eval()
    before = flat(made.alignment(about))
    nn.init.normal_(made.alignment.scene.edges if prompt == "scene" else made.alignment.instance.map)
    assert all(torch.equal(a, b) for a, b in zip(before, flat(made.alignment(about))))


def test_a_dropped_rationale_leaves_what_the_teacher_sees(batch: Batch) -> None:
    made, source = lesson(rationale_drop=1.0)
    about = source.about(batch.rows, batch.flipped)
    made.train()
    dropped = made.alignment(about).glimpse
    without = lesson(rationales=False)[0].alignment(about).glimpse
    assert torch.allclose(dropped, without, atol=1e-6)


def test_padding_of_a_text_is_never_attended_to() -> None:
    made, source = lesson()
    made.eval()
    about = source.about(torch.arange(4), torch.zeros(4, dtype=torch.bool))
    other = about._replace(texts=torch.where(about.text_mask[..., None], about.texts, 99.0))
    assert all(
        torch.allclose(a, b, atol=1e-5) for a, b in zip(flat(made.alignment(about)), flat(made.alignment(other)))
    )


def test_a_glimpse_is_what_the_scene_looks_like_and_texts_are_read_beside_it() -> None:
    made, source = lesson()
    made.eval()
    about = source.about(torch.arange(4), torch.zeros(4, dtype=torch.bool))
    taught, other = (made.alignment(about._replace(texts=texts)) for texts in (about.texts, about.texts.roll(1, 0)))
    assert torch.equal(taught.glimpse, other.glimpse)
    assert not torch.allclose(taught.read, other.read) and not torch.allclose(taught.gaze, other.gaze)


def test_the_teachers_own_projection_is_where_alignment_starts() -> None:
    weight, bias = torch.randn(7, WIDTH), torch.randn(7)
    alignment = Alignment(MipdConfig(), WIDTH, GRID, TEXT_WIDTH, 7, (weight, bias))
    assert torch.equal(alignment.visual.weight, weight) and torch.equal(alignment.visual.bias, bias)


def test_scene_prompt_marks_the_border_and_a_corner_twice() -> None:
    prompt = ScenePrompt(1, 3)
    nn.init.ones_(prompt.edges)
    assert prompt(torch.zeros(1, 9, 1))[0, :, 0].tolist() == [2, 1, 2, 1, 0, 1, 2, 1, 2]
    prompt.edges.data[:] = torch.tensor([[1.0], [10], [100], [1000]])
    assert prompt(torch.zeros(1, 9, 1))[0, :, 0].tolist() == [101, 1, 1001, 100, 0, 1000, 110, 10, 1010]


def cells(grid: int) -> Tensor:
    """A mask for every single cell."""
    return torch.eye(grid**2)[None]


def test_instance_prompt_fits_its_map_into_each_box_and_the_first_box_wins() -> None:
    prompt = InstancePrompt(1, 4)
    prompt.map.data = torch.linspace(0, 1, 32).expand(32, 32).reshape(-1, 1).clone()  # from left to right
    boxes = torch.tensor([[[0.0, 0, 1, 0.5], [0, 0, 0.5, 1]]])
    both = torch.ones(1, 2, dtype=torch.bool)
    marked = prompt(cells(4), boxes, both).view(4, 4)
    row = torch.tensor([0.125, 0.375, 0.625, 0.875])
    assert torch.allclose(marked[:2], row.expand(2, 4), atol=0.02)
    assert torch.allclose(marked[2:, :2], torch.tensor([0.25, 0.75]).expand(2, 2), atol=0.02)
    assert not marked[2:, 2:].any()
    assert not prompt(cells(4), boxes, ~both).any()


def test_the_fitted_map_is_a_bilinear_resize() -> None:
    prompt = InstancePrompt(3, 8)
    nn.init.normal_(prompt.map)
    whole = torch.tensor([[[0.0, 0, 1, 1]]])
    marked = prompt(cells(8), whole, torch.ones(1, 1, dtype=torch.bool))[0].T.view(1, 3, 8, 8)
    resized = nn.functional.interpolate(prompt.map.T.view(1, 3, 32, 32), size=(8, 8), mode="bilinear")
    assert torch.allclose(marked, resized, atol=1e-5)


def test_what_is_added_to_a_mean_is_the_mean_of_what_is_added() -> None:
    prompt = InstancePrompt(3, 4)
    nn.init.normal_(prompt.map)
    boxes, both = torch.tensor([[[0.1, 0.2, 0.7, 0.9], [0.5, 0.0, 1.0, 0.6]]]), torch.ones(1, 2, dtype=torch.bool)
    mask = torch.rand(1, 1, 16)
    assert torch.allclose(prompt(mask, boxes, both), mask @ prompt(cells(4), boxes, both), atol=1e-5)


def test_each_image_is_prompted_in_its_own_boxes() -> None:
    prompt = InstancePrompt(1, 2)
    nn.init.ones_(prompt.map)
    boxes = torch.tensor([[[0.0, 0, 0.5, 0.5]], [[0.5, 0.5, 1, 1]]])
    marked = prompt(cells(2).expand(2, -1, -1), boxes, torch.ones(2, 1, dtype=torch.bool))[..., 0]
    assert torch.allclose(marked, torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1]]), atol=1e-5)


def test_cover_marks_the_cells_of_a_box_by_their_share() -> None:
    mask = cover(torch.tensor([[0.0, 0.0, 0.5, 0.25], [0.3, 0.3, 0.3, 0.3], [0.9, 0.9, 2.0, 2.0]]), 4)
    assert mask[0].view(4, 4).tolist() == [[1, 1, 0, 0], [0] * 4, [0] * 4, [0] * 4]
    assert mask[1].argmax() == 5 and (mask[1] > 0).sum() == 1  # a point lies in one cell
    assert mask[2].view(4, 4)[3, 3] == pytest.approx(0.16, abs=1e-4)
    patches = torch.arange(16.0).view(1, 16, 1)
    assert pool(patches, mask[None, :2])[0, :, 0].tolist() == pytest.approx([0.5, 5.0])


def test_flipping_boxes_flips_their_mask() -> None:
    box = torch.rand(50, 4).view(50, 2, 2).sort(1).values.flatten(1)
    mirrored = torch.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)
    assert torch.allclose(cover(mirrored, 5).view(-1, 5, 5).flip(2).flatten(1), cover(box, 5), atol=2e-3)


def test_a_gap_is_nothing_for_the_same_vector_and_grows_with_the_angle() -> None:
    words = nn.functional.normalize(torch.randn(9, 64), dim=-1)
    taught, other = nn.functional.normalize(torch.randn(2, 5, 64), dim=-1)
    near = nn.functional.normalize(taught + 0.2 * other, dim=-1)
    for kind in ("l1", "cosine", "kl"):
        same, little, much = (gap(v, taught, kind, words, 0.07).mean() for v in (taught, near, other))
        assert float(same) == pytest.approx(0, abs=1e-5) and same < little < much
    assert gap(other, taught, "l1", words, 0.07).mean() == pytest.approx(1.13, abs=0.15)


def test_a_student_ranks_as_its_teacher_only_where_it_is_near_the_same_things() -> None:
    taught, words = nn.functional.normalize(torch.randn(6, 8), dim=-1), torch.eye(8)[:3]
    assert torch.allclose(ranking(taught, taught, words, 0.1), torch.zeros(6), atol=1e-5)
    wrong = taught.clone()
    wrong[5] = -wrong[5]
    gaps = ranking(wrong, taught, words, 0.1)
    assert torch.allclose(gaps[:5], torch.zeros(5), atol=1e-5) and gaps[5] > 0.1
    assert ranking(taught[:0], taught[:0], words, 0.1).shape == (0,)


def test_a_word_that_only_the_teacher_is_near_to_counts_in_the_ranking() -> None:
    taught, said = torch.tensor([[0.6, 0.8, 0.0]]), torch.tensor([[0.6, 0.0, 0.8]])
    none, one = torch.empty(0, 3), torch.tensor([[0.0, 1.0, 0.0]])
    by_hand = torch.tensor([1.0, 0.8]).softmax(0)  # the teacher's nearness to itself and to the word
    of_student = torch.tensor([0.36, 0.0]).softmax(0)
    assert ranking(said, taught, none, 1.0).item() == pytest.approx(0, abs=1e-6)
    wanted = (by_hand * (by_hand / of_student).log()).sum()
    assert ranking(said, taught, one, 1.0).item() == pytest.approx(wanted.item(), abs=1e-6)


def test_collages_teach_the_verb_embedding_and_nothing_else(batch: Batch) -> None:
    made, source = lesson()
    about = source.about(batch.rows, batch.flipped)
    without = made.losses(made(batch.pixels, batch.verbs, about), batch)
    more = about._replace(collage_pixels=batch.pixels[:3].flip(1), collage_tokens=torch.randn(3, WIDTH))
    said = made(batch.pixels, batch.verbs, more)
    assert said.verb_logits.shape[0] == len(batch.verbs) and len(said.beside.verb_embedding) == len(batch.verbs) + 3
    losses = made.losses(said, batch)
    assert losses.keys() == without.keys() and not torch.equal(losses["glimpse"], without["glimpse"])
    losses["glimpse"].backward()
    assert all(name.startswith("student.") for name in touched(made))


def test_the_verbs_own_cross_entropy_counts_by_its_share(batch: Batch) -> None:
    whole, part = (spoken("mipd", batch, verb_share=share)[1]["verb"] for share in (1.0, 0.25))
    assert part.item() == pytest.approx(whole.item() / 4)


def test_a_margin_asks_the_right_verb_alone_to_be_further_ahead(batch: Batch) -> None:
    made, source = lesson(verb_margin=0.04, verb_share=1.0)
    said = made(batch.pixels, batch.verbs, source.about(batch.rows, batch.flipped))
    behind = said.verb_logits.clone()
    behind[torch.arange(len(batch.verbs)), batch.verbs] -= 0.04 * made.student.verb_words.scale
    by_hand = verb_cross_entropy(behind, batch.verbs, made.prior, made.config.verb_smoothing)
    assert made.losses(said, batch)["verb"].item() == pytest.approx(by_hand.item())


def test_a_student_starts_at_the_temperature_of_its_teacher() -> None:
    made, _ = lesson(temperature=0.02)
    assert made.student.verb_words.scale.item() == pytest.approx(50)


def test_unseen_verbs_have_queries_of_their_own_from_text() -> None:
    student = Student(read_student(toyworld.CARD), replace(toyworld.tables(), encoder=MINILM_HUB))
    queries, _ = student.queries(torch.arange(len(toyworld.VERBS)))
    told = queries[:, 0]
    assert min(float((a - b).detach().abs().max()) for i, a in enumerate(told) for b in told[:i]) > 1e-3


def test_settings_of_mipd_are_checked() -> None:
    for wrong in (
        {"rationale_drop": 1.5},
        {"glimpse_weight": -1.0},
        {"temperature": 0.0},
        {"verb_share": 1.5},
        {"patch_weight": -1.0},
        {"verb_margin": -0.1},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            replace(MipdConfig(), **wrong)


def test_a_saved_student_has_nothing_of_its_teacher() -> None:
    made, _ = lesson()
    assert isinstance(made, Mipd)
    assert set(made.student.state_dict()) == set(lesson("feature")[0].student.state_dict())
    assert not any("alignment" in name for name in made.student.state_dict())
