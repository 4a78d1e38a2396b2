"""Boards that are not here: the law's own numbers, with its own errors, and what explains them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgegsr.bench.bounds import bounds, with_bounds
from edgegsr.bench.bounds import to_json as bounds_to_json
from edgegsr.bench.estimate import Estimate, estimate, on_board
from edgegsr.bench.layers import Layer, Network
from edgegsr.bench.roofline import boards, errors, law, published, without_a_board
from edgegsr.bench.tables import bounds as layer_table
from edgegsr.bench.tables import estimates
from edgegsr.errors import InputError

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "diorama-nano" / "bundle" / "model.onnx"
WIDE = Layer("wide", "Conv", 20.0, 9_000_000, 100_000, 100_000, True, True)
THIN = Layer("thin", "Conv", 0.001, 1000, 4_000_000, 4_000_000, False, False)
LARGE = Network((WIDE, THIN), 640)


def test_an_estimate_is_what_the_law_predicts_and_says_so():
    for board in boards():
        for precision in ("fp16", "int8"):
            found = on_board(LARGE, board, precision)
            assert found.ms == pytest.approx(law().predict_ms(board, precision, LARGE.gflops, LARGE.weights))
            assert found.to_json()["label"] == "ESTIMATE"
            assert 0 < found.start_share == found.start_ms / found.ms < 1


def test_the_errors_are_those_of_the_hardest_question_about_a_board():
    nano, unseen, thor = (on_board(LARGE, board, "fp16") for board in ("orin-nano-super", "orin-nano-15w", "agx-thor"))
    again = [point for point in published(held_out=True) if point.board == "orin-nano-super"]
    assert nano.errors == errors(law(), again) and nano.errors_are_of.endswith("another release of the software")
    assert unseen.errors == without_a_board(published(family="orin")) and unseen.errors.largest > nano.errors.largest
    assert thor.errors == errors(law(), published(family="thor"))
    assert thor.errors_are_of == "the points that it was fitted to"


def test_a_network_like_those_that_were_measured_has_no_caveat():
    whole = replace(LARGE, layers=(WIDE,))
    assert on_board(whole, "agx-orin-64", "int8").caveats == ()


@pytest.mark.parametrize(
    ("network", "board", "precision", "said"),
    [
        (replace(LARGE, layers=(THIN,)), "agx-thor", "fp16", "the smallest that was measured has 6.5 GFLOPs, this one"),
        (replace(LARGE, side=128), "agx-thor", "fp16", "the law was fitted at 640 px, this graph reads 128 px"),
        (
            replace(LARGE, layers=(WIDE, replace(THIN, weights=0))),
            "agx-thor",
            "fp16",
            "the law was fitted to convolutions; 1 products have no weights, as in attention",
        ),
        (
            replace(LARGE, layers=(WIDE, replace(WIDE, in_8_bits=False))),
            "agx-thor",
            "int8",
            "int8: told as if all arithmetic were in 8 bits, and 50% of this graph's is",
        ),
        (LARGE, "orin-nano-15w", "fp16", "Jetson Orin Nano 8GB, 15 W: nobody has published its latencies"),
    ],
)
def test_what_the_law_was_not_held_against_is_said(network, board, precision, said):
    (caveat,) = on_board(network, board, precision).caveats
    assert said in caveat


def test_errors_of_larger_networks_are_not_passed_off_as_those_of_a_small_one():
    small = on_board(replace(LARGE, layers=(THIN,)), "agx-thor", "fp16")
    assert small.errors_are_of.endswith("all about larger networks than this one")


def test_a_layer_is_bound_by_the_slower_of_arithmetic_and_memory():
    wide, thin = bounds(LARGE, "orin-nano-super", "int8")
    int8, fp16 = (law().roofline("orin-nano-super", precision) for precision in ("int8", "fp16"))
    assert (wide.by, thin.by) == ("arithmetic", "memory")
    assert wide.arithmetic_ms == pytest.approx(20 / int8.tops) and wide.memory_ms == pytest.approx(9.2 / 102)
    assert thin.arithmetic_ms == pytest.approx(0.001 / fp16.tops)
    assert thin.memory_ms == pytest.approx(2 * 8.001 / 102) == thin.ms
    assert wide.share + thin.share == pytest.approx(1) and wide.share == pytest.approx(wide.ms / (wide.ms + thin.ms))


def test_in_16_bits_nothing_is_in_8_and_a_graph_in_floats_is_taken_in_8_where_it_has_weights():
    (wide, _) = bounds(LARGE, "agx-thor", "fp16")
    assert wide.megabytes == pytest.approx(2 * 9.2) and not wide.layer.in_8_bits
    floats = replace(LARGE, layers=(replace(WIDE, in_8_bits=False), replace(THIN, weights=0)))
    assert [each.layer.in_8_bits for each in bounds(floats, "agx-thor", "int8")] == [True, False]


def test_a_network_without_layers_has_no_bounds():
    empty = Network((), 640)
    assert bounds(empty, "agx-thor", "fp16") == [] and (empty.gflops, empty.share_in_8_bits) == (0, 0)


def test_a_precision_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="precision must be one of fp16, int8, got 'fp4'"):
        estimate(b"", precisions=("fp4",))


@pytest.fixture(scope="module")
def shipped() -> Estimate:
    pytest.importorskip("onnx")
    return estimate(SHIPPED.read_bytes())


def test_the_shipped_bundle_is_estimated_on_every_board_that_the_law_knows(shipped):
    assert [(each.board, each.precision) for each in shipped.boards] == [
        (board, precision) for board in boards() for precision in ("fp16", "int8")
    ]
    told = json.loads(json.dumps(shipped.to_json(), allow_nan=False))
    assert told["label"] == "ESTIMATE" and "convolutional networks at 640 px" in told["held_against"]
    for each in told["boards"]:
        assert each["ms"] == pytest.approx(each["start_ms"] + each["arithmetic_ms"] + each["weights_ms"], abs=2e-3)
        assert each["start_share"] > 0.9 and "mostly the start" in each["caveats"][0]


def test_boards_and_precisions_can_be_chosen(shipped):
    (only,) = estimate(SHIPPED.read_bytes(), precisions=("fp16",), names=("agx-thor",)).boards
    assert only in shipped.boards


def test_tables_say_that_they_are_estimates_and_add_up(shipped):
    result = {"estimates": with_bounds({"nano": shipped})}
    numbers, layers = estimates(result), layer_table(result, "nano")
    assert numbers.title.startswith("ESTIMATE") and layers.title.startswith("ESTIMATE")
    assert len(numbers.rows) == len(shipped.boards) / 2 and all("ESTIMATE" in row[2] for row in numbers.rows)
    assert all(len(row) == len(each.headers) for each in (numbers, layers) for row in each.rows)
    shares = [float(row[-1]) for row in layers.rows]
    assert sum(shares) == pytest.approx(100, abs=1) and shares[:-1] == sorted(shares[:-1], reverse=True)
    assert layers.rows[-1][0] == f"{len(shipped.network.layers) - len(layers.rows) + 1} others"


def test_the_json_of_bundles_holds_every_layer_of_a_named_board(shipped):
    layers = with_bounds({"nano": shipped})["nano"]["bounds"]
    assert (layers["label"], layers["board"], layers["precision"]) == ("ESTIMATE", "orin-nano-super", "fp16")
    assert "do not add up" in layers["note"] and len(layers["layers"]) == len(shipped.network.layers)
    assert sum(each["share"] for each in layers["layers"]) == pytest.approx(1, abs=0.01)
    assert layers == bounds_to_json(bounds(shipped.network, "orin-nano-super", "fp16"), "orin-nano-super", "fp16")
