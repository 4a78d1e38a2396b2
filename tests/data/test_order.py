from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from edgegsr.data.order import Order, Place, epoch_batches, plain_batches
from edgegsr.errors import InputError

SIZES = st.integers(1, 60), st.integers(1, 9), st.integers(1, 4)


@given(*SIZES, st.integers(0, 9), st.integers(0, 9))
def test_every_row_is_in_each_epoch_and_all_processes_have_as_many_full_batches(n, batch, world, seed, epoch):
    shares = [epoch_batches(n, batch, seed, epoch, rank, world) for rank in range(world)]
    assert {len(share) for share in shares} == {-(-n // (batch * world))}
    assert all(len(rows) == batch for share in shares for rows in share)
    counts = Counter(row for share in shares for rows in share for row in rows.tolist())
    assert set(counts) == set(range(n))
    assert max(counts.values()) - min(counts.values()) <= 1


@given(*SIZES)
def test_evaluation_sees_each_row_once_in_order(n, batch, world):
    shares = [plain_batches(n, batch, rank, world) for rank in range(world)]
    assert sorted(row for share in shares for rows in share for row in rows.tolist()) == list(range(n))
    assert [row for rows in plain_batches(n, batch) for row in rows.tolist()] == list(range(n))


def test_epochs_and_seeds_shuffle_differently_and_alike_again():
    def rows(seed, epoch):
        return np.concatenate(epoch_batches(100, 10, seed, epoch)).tolist()

    assert rows(1, 1) == rows(1, 1)
    assert len({tuple(rows(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_two_processes_share_what_one_would_see():
    alone = epoch_batches(40, 8, seed=3, epoch=1)
    pairs = zip(*(epoch_batches(40, 4, 3, 1, rank, 2) for rank in range(2)), strict=True)
    assert [rows.tolist() for rows in alone] == [[*first.tolist(), *second.tolist()] for first, second in pairs]


@pytest.mark.parametrize("train", [True, False])
def test_a_position_leaves_out_the_steps_before_it(train):
    order = Order(50, 8, train=train, seed=5)
    order.set_position(2)
    whole = list(order)
    order.set_position(2, 3)
    rest = list(order)
    assert [place.rows.tolist() for place in rest] == [place.rows.tolist() for place in whole[3:]]
    assert all(isinstance(place, Place) and place.epoch == 2 for place in rest)
    assert len(order) == len(whole) == 7


@pytest.mark.parametrize("bad", [{"n": 0}, {"batch": 0}, {"rank": 2, "world": 2}])
def test_an_impossible_order_is_refused(bad):
    settings = {"n": 4, "batch": 2} | bad
    with pytest.raises(InputError, match="loader: wanted images, a batch of 1 or more and rank < world"):
        Order(settings.pop("n"), settings.pop("batch"), train=True, **settings)
