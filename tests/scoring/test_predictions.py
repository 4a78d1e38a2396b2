import gzip
import json
import math

import numpy as np
import pytest

from edgegsr.annotations import Annotations
from edgegsr.errors import InputError
from edgegsr.scoring.predictions import NO_VERB, UNKNOWN, Predictions, read_predictions
from edgegsr.situation import BLANK, OOV, Frame, Noun, Ontology

WORDS = Ontology((Frame("waving", ("agent",)), Frame("kicking", ("agent", "item", "place"))), (Noun("n1"), Noun("n2")))
IMAGES = ("kick_1.jpg", "kick_2.jpg", "wave_1.jpg")
TRUTH = Annotations(
    WORDS,
    IMAGES,
    np.full((3, 2), 100, np.int32),
    np.array([1, 1, 0], np.int32),
    np.zeros((3, 3, 6), np.int32),
    np.zeros((3, 6, 4), np.float32),
    np.zeros((3, 6), bool),
)
AGENT = {"noun": "n1", "box": [1, 2, 3.5, 4]}
NOTHING = {"noun": "", "box": None}
KICK = {"agent": AGENT, "item": {"noun": "n9", "box": [0, 0, 9, 9]}, "place": NOTHING}
WAVE = {"image": "wave_1.jpg", "verbs": ["waving"], "frames": {"waving": {"agent": NOTHING}}}


def kick(image="kick_1.jpg", verbs=("kicking", "waving"), frames=None, **more):
    return {"image": image, "verbs": verbs, "frames": {"kicking": KICK} if frames is None else frames, **more}


def with_item(**changes):
    return kick(frames={"kicking": {**KICK, "item": {**KICK["item"], **changes}}})


def read(tmp_path, *lines, ontology=None, end="\n"):
    path = tmp_path / "p.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_bytes("".join(text + end for text in texts).encode("utf-8", "surrogatepass"))
    return read_predictions(path, TRUTH, ontology)


def refusal(tmp_path, *lines, **how):
    with pytest.raises(InputError) as caught:
        read(tmp_path, *lines, **how)
    return str(caught.value).replace(f"{tmp_path}/", "")


# --- what a good file gives ---


def test_a_line_becomes_the_row_of_its_image_in_the_slots_of_the_true_frame(tmp_path):
    shuffled = {role: KICK[role] for role in ("place", "agent", "item")}
    said = read(tmp_path, WAVE, kick("kick_2.jpg", frames={"waving": {"agent": AGENT}, "kicking": shuffled}))
    assert said.present.tolist() == [False, True, True]
    assert said.answered.tolist() == [False, True, True]
    assert said.ranked_verbs[1].tolist() == [1, 0, NO_VERB, NO_VERB, NO_VERB]
    assert said.nouns[1, :3].tolist() == [1, UNKNOWN, BLANK]
    assert said.boxes_xyxy[1, :2].tolist() == [[1, 2, 3.5, 4], [0, 0, 9, 9]]
    assert said.has_box[1].tolist() == [True, True, False, False, False, False]
    assert not said.has_box[0].any()
    assert np.isnan(said.boxes_xyxy[0]).all()


def test_a_frame_of_another_verb_leaves_the_image_unanswered(tmp_path):
    said = read(tmp_path, kick(frames={"waving": {"agent": AGENT}}), kick("kick_2.jpg", frames={}))
    assert said.present.tolist() == [True, True, False]
    assert not said.answered.any()


def test_the_word_oov_is_the_answer_outside_the_list_and_other_strange_nouns_are_unknown(tmp_path):
    assert read(tmp_path, with_item(noun="oov")).nouns[0, 1] == OOV
    assert read(tmp_path, with_item(noun="Pad")).nouns[0, 1] == UNKNOWN


def test_only_the_first_five_of_a_longer_ranking_count(tmp_path):
    more = Ontology(tuple(Frame(f"verb{i}", ("agent",)) for i in range(6)), ())
    said = read(tmp_path, kick(verbs=[*(f"verb{i}" for i in range(5)), "kicking", "waving"]), ontology=more)
    assert said.ranked_verbs[0].tolist() == [NO_VERB] * 5


def test_a_fuller_vocabulary_keeps_the_rank_of_verbs_that_the_truth_lacks(tmp_path):
    more = Ontology((Frame("flying", ("agent", "place")),), ())
    frames = {"flying": {"agent": AGENT, "place": NOTHING}, "kicking": KICK}
    said = read(tmp_path, kick(verbs=["flying", "kicking"], frames=frames), ontology=more)
    assert said.ranked_verbs[0, :2].tolist() == [NO_VERB, 1]
    assert said.answered[0]


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_do_no_harm(tmp_path):
    said = read(tmp_path, "\ufeff" + json.dumps(WAVE), "", "  ", kick(), end="\r\n")
    assert said.present.tolist() == [True, False, True]


def test_a_last_line_without_an_end_counts(tmp_path):
    assert read(tmp_path, WAVE, end="").present[2]


def test_keys_beyond_the_contract_are_left_alone(tmp_path):
    said = read(tmp_path, with_item(confidence=0.5) | {"scores": [math.nan]})
    assert said.present[0]


def test_blank_lines_count_in_line_numbers(tmp_path):
    assert refusal(tmp_path, "", WAVE, "", "{") == (
        "p.jsonl, line 4: not JSON: Expecting property name enclosed in double quotes at column 2; "
        "wanted one object a line"
    )


# --- what a bad file is told ---

UNKNOWN_VERB = (
    "it is not among the 2 verbs known from the truth; if it is right, name the full vocabulary (imsitu_space.json) too"
)
BOX = (
    "frame 'kicking', role 'item': box must be null or [x1, y1, x2, y2] in finite pixels with x1 <= x2 and y1 <= y2, "
    "got "
)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("kicking", "not JSON: Expecting value at column 1; wanted one object a line"),
        (
            json.dumps(kick()) * 2,
            f"not JSON: Extra data at column {len(json.dumps(kick())) + 1}; wanted one object a line",
        ),
        ("[" * 100_000, "not readable as JSON: brackets nest too deep"),
        ([kick()], "wanted an object with 'image', 'verbs' and 'frames', got [{'frames': {'kicking': {'agent': "),
        ("null", "wanted an object with 'image', 'verbs' and 'frames', got None"),
        ({"image": "kick_1.jpg"}, "missing key 'verbs'; wanted an object with 'image', 'verbs' and 'frames'"),
        ('{"image": "a", "image": "b"}', "key 'image' stands twice in one object; keep one of them"),
        (
            '{"image": "a.jpg", "verbs": ["kicking"], "frames": {"kicking": {"agent": {}, "item": {}, "agent": {}}}}',
            "key 'agent' stands twice in one object; keep one of them",
        ),
        (kick(image=7), "image must be a file name, got 7"),
        (kick(image=["kick_1.jpg"]), "image must be a file name, got ['kick_1.jpg']"),
        (kick(image="dog.jpg"), "unknown image 'dog.jpg': it is not among the 3 images of the truth"),
        (kick(image="\ud800"), "unknown image '\\ud800': it is not among the 3 images of the truth"),
        (WAVE, "image 'wave_1.jpg' stands twice, first in line 1; keep one of them"),
        (kick(verbs="kicking"), "verbs must be a list of the best 5 verbs, best first, got 'kicking'"),
        (kick(verbs=[]), "verbs must be a list of the best 5 verbs, best first, got []"),
        (kick(verbs=["kicking", 3]), "verbs must be a list of the best 5 verbs, best first, got ['kicking', 3]"),
        (kick(verbs=["kicking", "waving", "kicking"]), "verbs: 'kicking' stands twice; rank every verb once"),
        (kick(verbs=["kicking", "flying"]), f"unknown verb 'flying': {UNKNOWN_VERB}"),
        (kick(frames={"flying": {}}), f"unknown verb 'flying': {UNKNOWN_VERB}"),
        (kick(frames=[KICK]), "frames must be an object verb -> role -> {noun, box}, got [{'agent': {'box': "),
        (
            kick(frames={"waving": [AGENT]}),
            "frame 'waving' must be an object role -> {noun, box}, got [{'box': [1, 2, 3.5",
        ),
        (
            kick(frames={"waving": {"agent": AGENT, "tool": NOTHING}}),
            "frame 'waving': unknown role 'tool'; wanted the roles ['agent']",
        ),
        (
            kick(frames={"kicking": {"agent": AGENT, "place": NOTHING}}),
            "frame 'kicking': missing role 'item'; wanted the roles ['agent', 'item', 'place']",
        ),
        (kick(frames={"waving": {}}), "frame 'waving': missing role 'agent'; wanted the roles ['agent']"),
        (
            kick(frames={"waving": {"agent": "n1"}}),
            "frame 'waving', role 'agent': wanted an object with 'noun' and 'box', got 'n1'",
        ),
        (
            kick(frames={"waving": {"agent": {"noun": "n1"}}}),
            "frame 'waving', role 'agent': wanted an object with 'noun' and 'box', got {'noun': 'n1'}",
        ),
        (with_item(noun=None), "frame 'kicking', role 'item': noun must be an id, or \"\" for nothing, got None"),
        (with_item(noun=["n1"]), "frame 'kicking', role 'item': noun must be an id, or \"\" for nothing, got ['n1']"),
        (with_item(box=[1, 2, math.nan, 4]), BOX + "[1, 2, nan, 4]"),
        (with_item(box=[1, 2, math.inf, 4]), BOX + "[1, 2, inf, 4]"),
        (with_item(box=[-math.inf, 2, 3, 4]), BOX + "[-inf, 2, 3, 4]"),
        (with_item(box=[1, 2, 10**400, 4]), BOX + "[1, 2, 1000"),
        (with_item(box=[1, 2, 3]), BOX + "[1, 2, 3]"),
        (with_item(box=[1, 2, 3, 4, 5]), BOX + "[1, 2, 3, 4, 5]"),
        (with_item(box=[5, 2, 3, 4]), BOX + "[5, 2, 3, 4]"),
        (with_item(box=[1, 7, 3, 4]), BOX + "[1, 7, 3, 4]"),
        (with_item(box=["1", "2", "3", "4"]), BOX + "['1', '2', '3', '4']"),
        (with_item(box=[True, 0, 3, 4]), BOX + "[True, 0, 3, 4]"),
        (with_item(box=[None] * 4), BOX + "[None, None, None, None]"),
        (with_item(box={"x1": 1}), BOX + "{'x1': 1}"),
        (with_item(box=[-1, -1, -1, -1]), BOX + "[-1, -1, -1, -1]"),
    ],
)
def test_a_bad_line_is_refused_with_its_file_number_and_reason(tmp_path, line, reason):
    message = refusal(tmp_path, WAVE, line)
    assert message.startswith(f"p.jsonl, line 2: {reason}")
    assert len(message) < 400
    assert "\n" not in message


def test_a_number_of_thousands_of_digits_is_refused(tmp_path):
    line = json.dumps(with_item(box=[1, 2, 3, 4444])).replace("4444", "9" * 5000)
    assert refusal(tmp_path, line).startswith("p.jsonl, line 1: not readable as JSON: Exceeds the limit (4300")


def test_a_hostile_name_of_a_megabyte_makes_a_short_message(tmp_path):
    assert len(refusal(tmp_path, kick(image="x" * 1_000_000))) < 200


def test_a_line_that_is_not_text_is_refused_with_its_number(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(json.dumps(WAVE).encode() + b'\n{"image": "\xff"}\n')
    with pytest.raises(InputError, match=r"p\.jsonl, line 2: wanted UTF-8 text, got byte 0xff"):
        read_predictions(path, TRUTH)


def test_an_empty_file_is_refused(tmp_path):
    assert refusal(tmp_path) == "p.jsonl: wanted one JSON object a line, got an empty file"
    assert refusal(tmp_path, "", " ") == "p.jsonl: wanted one JSON object a line, got only blank lines"


def test_a_compressed_file_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(WAVE).encode()))
    with pytest.raises(InputError, match="wanted plain JSON lines, got a gzip file; unpack it first"):
        read_predictions(path, TRUTH)


def test_a_path_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl: cannot read the predictions: No such file or directory"):
        read_predictions(tmp_path / "none.jsonl", TRUTH)
    with pytest.raises(InputError, match="cannot read the predictions: Is a directory"):
        read_predictions(tmp_path, TRUTH)


# --- the columns themselves ---


def columns(**changes):
    return Predictions(**{**vars(Predictions.missing(2)), **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nouns": np.zeros((2, 5), np.int32)}, r"nouns must have the shape \(2, 6\), got \(2, 5\)"),
        ({"answered": np.ones(2, bool)}, "an image without a prediction cannot hold an answered frame"),
        ({"has_box": np.ones((2, 6), bool)}, "a box that exists must be finite, got NaN or infinity"),
    ],
)
def test_impossible_columns_are_refused(changes, reason):
    with pytest.raises(InputError, match=reason):
        columns(**changes)


def test_rows_are_taken_by_number_or_by_mask():
    said = columns(present=np.array([True, False]))
    assert said.take([1, 0, 0]).present.tolist() == [False, True, True]
    assert len(said.take(np.array([True, False]))) == 1
