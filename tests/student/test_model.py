from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.text import TextTables  # noqa: E402


def test_forward_needs_only_an_image(student: Student, pixels: torch.Tensor) -> None:
    answer = student(pixels)
    assert answer.verb_logits.shape == (3, 4)
    assert answer.noun_logits.shape == (3, 6, 9)
    assert answer.boxes_xyxy.shape == (3, 6, 4)
    assert answer.presence.shape == (3, 6)


def test_forward_asks_about_the_best_verb(student: Student, pixels: torch.Tensor) -> None:
    view = student.encode(pixels)
    asked = student.ask(view, student.verb_logits(view).argmax(-1))
    answer = student(pixels)
    assert torch.equal(answer.noun_logits, asked.noun_logits)
    assert torch.equal(answer.boxes_xyxy, asked.boxes_xyxy)


def test_embeddings_are_unit_vectors(student: Student, pixels: torch.Tensor) -> None:
    view = student.encode(pixels)
    nouns = student.ask(view, torch.tensor([0, 1, 2])).noun_embedding
    assert torch.allclose(view.verb_embedding.norm(dim=-1), torch.ones(3))
    assert torch.allclose(nouns.norm(dim=-1), torch.ones(3, 6))


def test_boxes_are_ordered_and_inside_the_square(student: Student, pixels: torch.Tensor) -> None:
    boxes = student(pixels).boxes_xyxy
    assert (boxes >= 0).all() and (boxes <= 1).all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


def test_batch_of_mixed_role_counts_equals_one_by_one(student: Student, pixels: torch.Tensor) -> None:
    verbs = torch.tensor([0, 3, 1])
    together = student.ask(student.encode(pixels), verbs)
    for i in range(3):
        alone = student.ask(student.encode(pixels[i : i + 1]), verbs[i : i + 1])
        for whole, part in zip(together, alone):
            assert torch.allclose(whole[i], part[0], atol=1e-5)


def test_permuting_the_batch_permutes_the_outputs(student: Student, pixels: torch.Tensor) -> None:
    order = torch.tensor([2, 0, 1])
    for straight, permuted in zip(student(pixels), student(pixels[order])):
        assert torch.allclose(straight[order], permuted, atol=1e-5)


def test_slots_past_the_frame_do_not_change_the_others(
    student: Student, tables: TextTables, pixels: torch.Tensor
) -> None:
    view, verbs = student.encode(pixels), torch.tensor([1, 1, 1])  # a verb of two roles
    before = student.ask(view, verbs).noun_logits
    student.queries.roles[1, 2:] += 7.0
    after = student.ask(view, verbs).noun_logits
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])


def test_every_role_of_a_new_verb_gets_its_own_query_from_text(student: Student) -> None:
    unseen = random_tables((6, 6, 6), seed=9)
    queries, _ = student.set_tables(unseen).queries(torch.arange(3))
    rows = queries.flatten(0, 1)
    distances = torch.cdist(rows, rows) + torch.eye(len(rows))
    assert distances.min() > 1e-3
    same_words = TextTables(unseen.verbs[[0, 0]], unseen.roles[[0, 0]], unseen.nouns, "random")
    twice, _ = student.set_tables(same_words).queries(torch.arange(2))
    assert torch.equal(twice[0], twice[1])


def test_gradient_reaches_every_weight(student: Student, pixels: torch.Tensor) -> None:
    student.train()
    view = student.encode(pixels)
    answer = student.ask(view, torch.tensor([3, 3, 3]))
    outputs = (student.verb_logits(view), answer.noun_logits, answer.boxes_xyxy, answer.presence)
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    still = [name for name, weight in student.named_parameters() if weight.grad is None or not weight.grad.any()]
    # softmax ignores what is added to every score alike
    assert [name for name in still if not name.endswith((".k.bias", "look.bias", "appear.bias"))] == []
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in student.parameters())


def test_small_boxes_keep_their_size_in_16_bits(student: Student) -> None:
    head, grid = student.box, student.box.grid
    roles, fine = torch.randn(1, 6, 32), 4 * torch.randn(1, grid * grid, 32)
    exact = head.glance(roles, fine)
    with torch.autocast("cpu", torch.bfloat16):
        assert (head.glance(roles, fine) - exact).abs().max() < 0.02
    assert student.to(torch.bfloat16)(torch.zeros(1, 64, 64, 3, dtype=torch.uint8)).boxes_xyxy.dtype == torch.bfloat16


def test_box_starts_where_the_role_looks(student: Student) -> None:
    head, grid = student.box, student.box.grid
    roles, fine = torch.randn(1, 6, 32), torch.randn(1, grid * grid, 32)
    torch.nn.init.zeros_(head.look.weight)
    torch.nn.init.zeros_(head.look.bias)  # every cell looks alike: the whole square
    assert torch.allclose(head.glance(roles, fine), torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(1, 6, 4), atol=1e-5)
    torch.nn.init.ones_(head.look.bias)
    torch.nn.init.zeros_(head.appear.weight)
    with torch.no_grad():
        head.appear.weight[:, 0] = 1
    fine = torch.zeros(1, grid * grid, 32)
    fine[0, 2 * grid + 5, 0] = 100.0  # row 2, column 5
    expected = torch.tensor([5.5, 2.5, 1, 1]) / grid
    assert torch.allclose(head.glance(roles, fine)[0, 0], expected, atol=1e-3)


def test_new_vocabulary_needs_no_new_model(student: Student, pixels: torch.Tensor) -> None:
    before = {name: weight.clone() for name, weight in student.state_dict().items()}
    answer = student.set_tables(random_tables((2,) * 11, nouns=30, seed=3))(pixels)
    assert answer.verb_logits.shape == (3, 11)
    assert answer.noun_logits.shape == (3, 6, 30)
    assert all(torch.equal(before[name], weight) for name, weight in student.state_dict().items())


def test_tables_of_another_text_width_are_refused(student: Student) -> None:
    with pytest.raises(InputError, match="speaks in vectors of 24, got 16 from 'random'"):
        student.set_tables(random_tables(width=16))


def test_words_are_not_among_the_weights(student: Student) -> None:
    assert not [name for name in student.state_dict() if "table" in name or "queries.verbs" in name or "roles" in name]


def test_scale_of_the_cosines_starts_at_14_and_stays_below_100(student: Student) -> None:
    assert student.verb_words.scale.item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        student.verb_words.log_scale.fill_(20.0)
    assert student.verb_words.scale.item() == 100.0


def test_pixels_are_normalised_inside_the_model(student: Student) -> None:
    seen = []
    student.encoder.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    student.encode(torch.tensor([0, 128, 255], dtype=torch.uint8).expand(1, 64, 64, 3))
    expected = [(0 / 255 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (255 / 255 - 0.406) / 0.225]
    assert torch.allclose(seen[0][0, :, 3, 5], torch.tensor(expected), atol=1e-5)


def test_same_seed_makes_the_same_student(tables: TextTables) -> None:
    students = []
    for _ in range(2):
        torch.manual_seed(3)
        students.append(Student(tiny_config(), tables).state_dict())
    assert all(torch.equal(students[0][name], students[1][name]) for name in students[0])
