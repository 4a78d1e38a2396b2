"""Layers in 8 bits: what rounds each of them, what it does alone, and the fewest that stay in 16 bits."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("nncf")

from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_student import random_tables, tiny_config  # noqa: E402

from edgegsr.compress.calibrate import calibrated  # noqa: E402
from edgegsr.compress.layers import Layer, idle, in_16_bits, layers_of, silent  # noqa: E402
from edgegsr.compress.sensitivity import Judges, read_sensitivity, sensitivity  # noqa: E402
from edgegsr.errors import InputError  # noqa: E402
from edgegsr.student.model import Student  # noqa: E402
from edgegsr.student.quantizers import QuantizedStudent, hooks, placed, places  # noqa: E402
from edgegsr.student.weights import load_weights, save_packed, save_weights  # noqa: E402


@pytest.fixture(scope="module")
def found() -> list[QuantizedStudent]:
    """What calibration has made of the student, which is the same every time."""
    return []


@pytest.fixture
def rounded(student: Student, pixels: torch.Tensor, found: list[QuantizedStudent]) -> QuantizedStudent:
    in_16(student)
    if not found:
        found.append(calibrated(student, [pixels]).eval())
    return copy.deepcopy(found[0])


@torch.no_grad()
def in_16(student: Student) -> Student:
    """The student folded, with weights of which 16 bits lose nothing."""
    for tensor in student.fold().parameters():
        tensor.copy_(tensor.half())
    return student


def body(student: Student) -> Student:
    """A student of the same shape with other weights."""
    return Student(student.config, random_tables(), pretrained=False).eval()


def test_every_quantizer_belongs_to_the_layers_that_it_serves(rounded: QuantizedStudent) -> None:
    layers = layers_of(rounded)
    assert {quant for layer in layers for quant in layer.quantizers} == {quant for _, quant in hooks(rounded)}
    sizes = {name: weight.numel() for name, weight in rounded.named_parameters()}
    assert all(layer.inputs and layer.parameters == sizes[layer.name] for layer in layers)
    assert {place.weight for place in places(rounded) if place.axis is not None} == {layer.name for layer in layers}


def test_what_another_layer_reads_stays_rounded(rounded: QuantizedStudent) -> None:
    layers = {layer.name: layer for layer in layers_of(rounded)}
    q, k, v = (layers[f"decoder.layers.0.self_attention.{part}.weight"] for part in "qkv")
    (shared,) = q.inputs & k.inputs & v.inputs
    assert idle([q, k], layers.values()) == {q.quantizer, k.quantizer}
    assert idle([q, k, v], layers.values()) == {q.quantizer, k.quantizer, v.quantizer, shared}


def test_with_every_layer_in_16_bits_it_is_the_float_student(
    rounded: QuantizedStudent, student: Student, pixels: torch.Tensor
) -> None:
    plain = in_16_bits(rounded, body(rounded), layers_of(rounded))
    assert not places(plain)
    assert torch.equal(plain(pixels).noun_logits, student(pixels).noun_logits)


def test_layers_in_16_bits_are_those_whose_quantizers_were_silent(
    rounded: QuantizedStudent, pixels: torch.Tensor
) -> None:
    layers = layers_of(rounded)
    kept = [*layers[2:4], layers[-1]]
    mixed = in_16_bits(rounded, body(rounded), kept)
    assert {layer.name for layer in layers_of(mixed)} == {layer.name for layer in layers} - {k.name for k in kept}
    before = rounded(pixels)
    with silent(idle(kept, layers)):
        said = rounded(pixels)
    for one, other, loud in zip(said, mixed(pixels), before):
        assert torch.equal(one, other) and not torch.equal(one, loud)


def test_packed_weights_say_what_the_rounded_ones_said(
    rounded: QuantizedStudent, pixels: torch.Tensor, tmp_path: Path
) -> None:
    path, weights = tmp_path / "student.safetensors", {layer.name: layer for layer in layers_of(rounded)}
    save_packed(rounded, path)
    kept = load_file(path)
    assert all(kept[name].dtype == torch.int8 and kept[name].abs().max() == 127 for name in weights)
    assert {kept[name].dtype for name in kept if name not in weights and kept[name].ndim > 1} == {torch.float16}
    again = load_weights(placed(body(rounded), places(rounded)), path).eval()
    assert all(
        torch.equal(again.get_parameter(name), layer.quantizer(rounded.get_parameter(name)))
        for name, layer in weights.items()
    )
    for one, other in zip(rounded(pixels), again(pixels)):
        assert torch.equal(one, other)


def test_eight_bits_without_a_scale_are_refused(rounded: QuantizedStudent, tmp_path: Path) -> None:
    path = tmp_path / "student.safetensors"
    save_weights(body(rounded), path)
    state = load_file(path)
    state["presence.0.weight"] = torch.zeros_like(state["presence.0.weight"], dtype=torch.int8)
    save_file(state, path)
    with pytest.raises(InputError, match=r"presence\.0\.weight is in 8 bits and nothing tells its scale"):
        load_weights(body(rounded), path)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float8_e4m3fn, torch.complex64])
def test_numbers_of_another_kind_are_refused(rounded: QuantizedStudent, tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "student.safetensors"
    save_packed(rounded, path)
    state = load_file(path)
    state["presence.0.weight"] = state["presence.0.weight"].to(dtype)
    save_file(state, path)
    with pytest.raises(InputError, match=r"presence\.0\.weight is kept in torch\..*; wanted torch.float32, float16"):
        load_weights(placed(body(rounded), places(rounded)), path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axis": 1}, "wanted .* scales on the axis 0, got .* on the axis 1"),
        ({"axis": None, "channels": 1}, "wanted .* scales on the axis 0, got 1 on the axis None"),
        ({"weight": "nose"}, "rounds 'nose', which this student does not have"),
        ({"weight": ""}, "rounds no weight by channels, got the axis 0"),
    ],
)
def test_a_place_that_does_not_fit_is_refused(rounded: QuantizedStudent, changes: dict[str, Any], message: str) -> None:
    first, *others = sorted(places(rounded), key=lambda place: place.axis is None)
    with pytest.raises(InputError, match=message):
        placed(body(rounded), [dataclasses.replace(first, **changes), *others])


class Costs:
    """Judges to whom each layer costs a share of the one score while it is rounded."""

    def __init__(
        self, student: QuantizedStudent, costs: Mapping[str, float], pixels: torch.Tensor, constant: float = 0
    ) -> None:
        self.constant = constant  # what is lost whatever stays in 16 bits
        self.layers, self.costs, self.asked = layers_of(student), costs, 0
        self.judges = Judges(pixels, self.some, self.whole, self.dev(0))

    @staticmethod
    def dev(lost: float) -> Any:
        return {"seen": {"verb_top1": 1 - lost, "value": 0.5, "grounded": 0.0}}

    def some(self, student: QuantizedStudent) -> Any:
        self.asked += 1
        return self.dev(sum(self.costs.get(layer.name, 0) for layer in self.layers if layer.quantizer.on))

    def whole(self, sixteen: Collection[Layer]) -> Any:
        names = {layer.name for layer in self.layers} - {layer.name for layer in sixteen}
        return self.dev(self.constant + sum(self.costs.get(name, 0) for name in names))


def noisiest(student: QuantizedStudent, pixels: torch.Tensor, out: Path) -> list[str]:
    found = sensitivity(student, Costs(student, {}, pixels).judges, 0.01, out)
    assert found.sixteen == []
    return sorted(found.layers, key=lambda name: -found.layers[name].noise)


def test_the_fewest_layers_stay_in_16_bits(rounded: QuantizedStudent, pixels: torch.Tensor, tmp_path: Path) -> None:
    order = noisiest(rounded, pixels, tmp_path / "first")
    costs = {order[1]: 0.02, order[4]: 0.004, order[7]: 0.02, order[9]: 0.004}
    found = sensitivity(rounded, Costs(rounded, costs, pixels).judges, 0.01, tmp_path)
    assert set(found.sixteen) == {order[1], order[7]}
    assert found.layers[order[7]].lost == pytest.approx(0.02) and found.layers[order[0]].lost == 0
    assert read_sensitivity(tmp_path) == found
    strict = sensitivity(rounded, Costs(rounded, costs, pixels).judges, 0.0, tmp_path / "strict")
    assert set(strict.sixteen) == costs.keys()
    never = sensitivity(rounded, Costs(rounded, costs, pixels, 0.5).judges, 0.01, tmp_path / "never")
    assert never.sixteen is None == read_sensitivity(tmp_path / "never").sixteen


def test_noise_is_what_rounding_the_layer_alone_does(pixels: torch.Tensor, tmp_path: Path) -> None:
    torch.manual_seed(6)  # outputs that differ between the photos; noise is told in shares of that
    student = in_16(Student(tiny_config(), random_tables(), pretrained=False).eval())
    rounded = calibrated(student, [pixels]).eval()
    layers = layers_of(rounded)
    first = next(layer for layer in layers if layer.name.endswith("stem1.convolution.weight"))
    with torch.no_grad():
        first.quantizer.scale *= 40
    order = noisiest(rounded, pixels, tmp_path)
    assert order[0] == first.name
    noise = read_sensitivity(tmp_path).layers
    assert all(felt.noise > 0 for felt in noise.values()) and noise[order[0]].noise > 5 * noise[order[1]].noise


def test_what_was_felt_is_not_felt_again(
    rounded: QuantizedStudent, pixels: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    costs = Costs(rounded, {}, pixels)
    real = costs.judges.some

    def dying(student: QuantizedStudent) -> Any:
        if costs.asked == 6:
            raise Killed
        return real(student)

    with pytest.raises(Killed):
        sensitivity(rounded, Judges(pixels, dying, costs.whole, costs.dev(0)), 0.01, tmp_path)
    assert all(quant.on for _, quant in hooks(rounded))
    assert read_sensitivity(tmp_path) is None
    costs.asked = 0
    whole = sensitivity(rounded, costs.judges, 0.01, tmp_path)
    assert costs.asked == len(whole.layers) - 5 + 1, "once in float, and once for each that is left"
    other = sensitivity(rounded, Costs(rounded, {}, pixels).judges, 0.01, tmp_path / "other")
    assert {name: felt.noise for name, felt in whole.layers.items()} == {n: f.noise for n, f in other.layers.items()}


def test_layers_of_another_student_are_refused(rounded: QuantizedStudent, pixels: torch.Tensor, tmp_path: Path) -> None:
    (tmp_path / "sensitivity.json").write_text('{"layers": {"nose": {"parameters": 1, "noise": 0, "lost": 0}}}')
    with pytest.raises(InputError, match=r"sensitivity.json: is of another student"):
        sensitivity(rounded, Costs(rounded, {}, pixels).judges, 0.01, tmp_path)
