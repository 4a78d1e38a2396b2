"""Losses against hand counts: what is absent adds nothing, and parts of a batch add up to it."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from edgegsr import boxes  # noqa: E402
from edgegsr.distill import losses  # noqa: E402


def test_verb_loss_of_even_logits_is_the_log_of_the_candidates() -> None:
    seen = torch.tensor([True, True, False, True])
    loss = losses.verb_cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]), losses.log_prior(seen, 0), smoothing=0.1)
    assert loss.item() == pytest.approx(math.log(3))


def test_verb_loss_with_smoothing_equals_the_hand_count() -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0]])
    log_p = [v - math.log(math.exp(2) + 1 + math.exp(1)) for v in (2.0, 0.0, 1.0)]
    wanted = -(0.8 * log_p[2] + 0.2 * sum(log_p) / 3)
    assert losses.verb_cross_entropy(logits, torch.tensor([2]), torch.zeros(3), 0.2).item() == pytest.approx(wanted)


def test_unseen_verb_is_no_candidate_and_gets_no_gradient() -> None:
    seen = torch.tensor([True, False, True])
    logits = torch.tensor([[1.0, 50.0, 0.0]], requires_grad=True)
    loss = losses.verb_cross_entropy(logits, torch.tensor([0]), losses.log_prior(seen, 0), 0.1)
    loss.backward()
    without = losses.verb_cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), torch.zeros(2), 0.1)
    assert loss.item() == pytest.approx(without.item())
    assert logits.grad is not None and logits.grad[0, 1] == 0 and logits.grad[0, 0] != 0


def test_balanced_verbs_learn_what_their_frequency_does_not_explain() -> None:
    prior = losses.log_prior(torch.tensor([90, 10, 0]), 1.0)
    assert prior.tolist() == pytest.approx([0, math.log(10 / 90), float("-inf")])
    assert losses.log_prior(torch.tensor([90, 10, 0]), 0.0).tolist() == [0, 0, float("-inf")]
    loss = losses.verb_cross_entropy(torch.zeros(1, 3), torch.tensor([1]), prior, 0.0)
    assert loss.item() == pytest.approx(-math.log(0.1))
    content = torch.tensor([[0.0, math.log(9), 0.0]])  # as likely as not, once the prior is off
    assert losses.verb_cross_entropy(content, torch.tensor([1]), prior, 0.0).item() == pytest.approx(math.log(2))


def test_noun_loss_sums_three_annotators_and_averages_roles() -> None:
    logits = torch.zeros(1, 6, 4)
    logits[0, 0, 1] = 3.0
    nouns = torch.zeros(1, 3, 6, dtype=torch.long)
    nouns[0, :, 0] = torch.tensor([1, 1, 2])
    has_role = torch.tensor([[True, True, False, False, False, False]])
    log_z = math.log(math.exp(3) + 3)
    first = 2 * (log_z - 3) + log_z
    second = 3 * math.log(4)  # blank is a class like any other
    assert losses.noun_cross_entropy(logits, nouns, has_role, 0.0).item() == pytest.approx((first + second) / 2)


def test_oov_answer_is_left_out_of_the_noun_loss() -> None:
    logits = torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    has_role = torch.tensor([[True] + [False] * 5])
    nouns = torch.full((1, 3, 6), 2)
    nouns[0, 1:, 0] = -1
    one_told = losses.noun_cross_entropy(logits, nouns, has_role, 0.1)
    log_p = logits[0, 0].log_softmax(-1)
    assert one_told.item() == pytest.approx(-(0.9 * log_p[2] + 0.1 * log_p.mean()).item(), rel=1e-5)
    silent = losses.noun_cross_entropy(logits, torch.full((1, 3, 6), -1), has_role, 0.1)
    silent.backward()
    assert silent.item() == 0 and logits.grad is not None and not logits.grad.any()


def test_absent_role_adds_no_noun_and_no_presence_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, nouns = torch.randn(2, 6, 5, generator=generator), torch.randint(0, 5, (2, 3, 6), generator=generator)
    has_role = torch.tensor([[True] * 2 + [False] * 4, [True] * 6])
    told = losses.noun_cross_entropy(logits, nouns, has_role, 0.1)
    logits[0, 2:], nouns[0, :, 2:] = 99.0, 3
    assert losses.noun_cross_entropy(logits, nouns, has_role, 0.1) == told
    presence, has_box = torch.zeros(2, 6), torch.zeros(2, 6, dtype=torch.bool)
    presence[0, 2:] = 1e4
    assert losses.presence_cross_entropy(presence, has_box, has_role).item() == pytest.approx(math.log(2))


def test_absent_role_adds_no_box_loss() -> None:
    pred = torch.tensor([0.1, 0.1, 0.5, 0.5]).repeat(2, 6, 1).requires_grad_()
    true = torch.tensor([0.2, 0.1, 0.5, 0.4]).repeat(2, 6, 1)
    true[0, 1:] = -1e6  # whatever stands where no box is
    has_box = torch.tensor([[True] + [False] * 5, [False] * 6])
    l1, overlap = losses.box_l1(pred, true, has_box), losses.box_giou(pred, true, has_box)
    assert l1.item() == pytest.approx(0.2 / 2)  # one box in one of two images
    assert overlap.item() == pytest.approx((1 - 0.09 / 0.16) / 2)  # the true box lies inside: hull = prediction
    (l1 + overlap).backward()
    assert pred.grad is not None
    assert pred.grad[0, 0].any() and not pred.grad[0, 1:].any() and not pred.grad[1].any()


def test_giou_of_boxes_apart_is_minus_the_empty_share_of_the_hull() -> None:
    a, b = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([3.0, 0.0, 4.0, 1.0])
    assert losses.giou(a, b).item() == pytest.approx(-0.5)
    point = torch.zeros(4)
    assert losses.giou(point, point).item() == 0  # no area, no overlap, and no division by zero


def test_giou_never_exceeds_the_iou_of_the_project() -> None:
    corners = torch.rand(200, 2, 4, generator=torch.Generator().manual_seed(2))
    pairs = torch.cat([corners[..., :2], corners[..., :2] + corners[..., 2:]], -1)
    ours, iou = losses.giou(pairs[:, 0], pairs[:, 1]), torch.from_numpy(boxes.iou(pairs[:, 0], pairs[:, 1]))
    assert (ours <= iou + 1e-6).all() and (ours >= -1).all() and (ours < iou - 1e-3).any()


def test_loss_of_a_batch_is_the_mean_of_its_halves_and_blind_to_their_order() -> None:
    generator = torch.Generator().manual_seed(3)
    logits, nouns = torch.randn(8, 6, 5, generator=generator), torch.randint(-1, 5, (8, 3, 6), generator=generator)
    has_role = torch.arange(6) < torch.randint(1, 7, (8, 1), generator=generator)
    has_box = has_role & (torch.rand(8, 6, generator=generator) < 0.4)
    corner = torch.rand(2, 8, 6, 2, generator=generator)
    pred, true = torch.cat([corner, corner + 0.3], -1)

    def total(rows: torch.Tensor) -> float:
        return float(
            losses.noun_cross_entropy(logits[rows], nouns[rows], has_role[rows], 0.1)
            + losses.box_l1(pred[rows], true[rows], has_box[rows])
            + losses.box_giou(pred[rows], true[rows], has_box[rows])
            + losses.presence_cross_entropy(logits[rows, :, 0], has_box[rows], has_role[rows])
        )

    every = torch.arange(8)
    assert total(every) == pytest.approx((total(every[:4]) + total(every[4:])) / 2, rel=1e-5)
    assert total(every) == pytest.approx(total(every.flip(0)), rel=1e-5)
