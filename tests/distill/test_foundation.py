"""How the Diorama teacher learns, on a network of some thousand weights and the toy world."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("cv2")

from edgegsr.data.split import Split  # noqa: E402
from edgegsr.distill import foundation  # noqa: E402
from edgegsr.distill.foundation import Phase, Plan, captions_of, fit, ship  # noqa: E402
from edgegsr.teacher.diorama.load import CARD, WEIGHTS, load  # noqa: E402
from edgegsr.teacher.diorama.network import DioramaConfig  # noqa: E402
from edgegsr.text.encoders import MINILM_PACKAGE  # noqa: E402

pytest.importorskip(MINILM_PACKAGE)

TINY = DioramaConfig(
    side=64,
    stride=8,
    width=16,
    heads=2,
    layers=1,
    backbone={
        "stem_channels": [3, 8, 8],
        "stage_mid_channels": [8, 8],
        "stage_out_channels": [16, 24],
        "stage_num_blocks": [1, 1],
        "stage_numb_of_layers": [1, 1],
        "stage_light_block": [False, False],
        "stage_kernel_size": [3, 3],
    },
)
PLAN = Plan(network=TINY, phases=(Phase(32, 3), Phase(64, 2)), batch=8, warmup=1)


@pytest.fixture(autouse=True)
def toy_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgegsr.text.embed import embed

    monkeypatch.setattr(foundation, "tables_for", lambda ontology: embed(ontology, foundation.ENCODER))


def test_a_killed_teacher_goes_on_and_ends_the_same(tmp_path: Path, split_train: Split, split_dev: Split) -> None:
    whole = fit(tmp_path / "whole", PLAN, split_train, split_dev)
    steps = iter(range(100))

    def killed(*given: object) -> float:
        if next(steps) == 6:  # two groups of weights a step
            raise KeyboardInterrupt
        return foundation_share(*given)

    foundation_share = foundation.share
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(foundation, "share", killed)
        patch.setattr(foundation, "KEEP_EVERY", 2)
        fit(tmp_path / "killed", PLAN, split_train, split_dev)
    assert (tmp_path / "killed" / "state" / "step-000000002.safetensors").is_file()
    again = fit(tmp_path / "killed", PLAN, split_train, split_dev)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_what_is_shipped_sees_as_what_was_trained(tmp_path: Path, split_train: Split, split_dev: Split) -> None:
    network = fit(tmp_path / "run", replace(PLAN, phases=(Phase(64, 1),)), split_train, split_dev)
    ship(network, PLAN, tmp_path / "diorama-teacher", {"dev": {"groups": {"unseen": {"verb_top1": 0.5}}}})
    teacher = load(tmp_path / "diorama-teacher")
    assert (teacher.name, teacher.grid, teacher.width, teacher.side) == ("diorama-teacher", 8, 16, 64)
    pixels = split_dev.pixels(0)
    sight = teacher.see([pixels], [False])
    with torch.no_grad():
        from edgegsr.images import letterbox

        direct = network(torch.from_numpy(letterbox(pixels, 64)[0])[None])
    assert sight.tokens.shape == (1, 65, 16)
    assert torch.allclose(sight.tokens, direct, atol=0.1, rtol=0.1)  # fp16 weights, bf16 where the CPU has it
    assert "unseen" in (tmp_path / "diorama-teacher" / CARD).read_text()


def test_a_mirrored_image_is_seen_mirrored_and_a_coarser_grid_is_its_mean(
    tmp_path: Path, split_train: Split, split_dev: Split
) -> None:
    network = fit(tmp_path / "run", replace(PLAN, phases=(Phase(64, 1),)), split_train, split_dev)
    ship(network, PLAN, tmp_path, {})
    fine, coarse = load(tmp_path), load(tmp_path, grid=4)
    pixels = split_dev.pixels(0)
    mirrored = fine.see([pixels[:, ::-1].copy()], [False])
    assert torch.equal(fine.see([pixels], [True]).tokens, mirrored.tokens)
    grid = fine.see([pixels], [False]).tokens[0, 1:].view(4, 2, 4, 2, 16).mean((1, 3)).flatten(0, 1)
    assert torch.allclose(coarse.see([pixels], [False]).tokens[0, 1:], grid, atol=1e-5)
    assert fine.preprocessing != coarse.preprocessing and fine.revision == coarse.revision
    shown = fine.see([pixels], [False]).shown[0].view(8, 8)  # 48 x 36 in a square: an eighth is grey above and below
    assert shown[1:7].all() and not shown[0].any() and not shown[7].any()
    with pytest.raises(ValueError, match="a grid of 1 to 8"):
        load(tmp_path, grid=9)


def test_weights_of_another_network_are_refused(tmp_path: Path, split_train: Split, split_dev: Split) -> None:
    network = fit(tmp_path / "run", replace(PLAN, phases=(Phase(64, 1),)), split_train, split_dev)
    ship(network, PLAN, tmp_path, {})
    card = (tmp_path / CARD).read_text()
    (tmp_path / CARD).write_text(card.replace("width = 16", "width = 32"))
    with pytest.raises(ValueError, match=f"wanted the weights of {CARD}"):
        load(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"no")
    (tmp_path / CARD).write_text(card)
    with pytest.raises(ValueError, match="wanted safetensors"):
        load(tmp_path)


def test_captions_say_what_the_first_annotator_says(split_train: Split) -> None:
    said = captions_of(split_train)
    assert len(said) == len(split_train) and all(said)
    assert "block" in " ".join(said)
