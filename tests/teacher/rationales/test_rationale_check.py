from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from edgegsr.data.split import Split
from edgegsr.situation import Frame, Noun
from edgegsr.teacher.rationales.check import Refused, check, parse
from edgegsr.teacher.rationales.dialogue import (
    Dialogue,
    Manner,
    Outcome,
    Question,
    Unanswered,
    converse,
    converse_together,
    talk,
)
from edgegsr.teacher.rationales.distractors import Distractors
from edgegsr.teacher.rationales.prompts import prompts
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.subject import Subject, subjects
from edgegsr.teacher.rationales.template import rough_tokens

WOMAN, TEA = Noun("1", ("woman", "adult female")), Noun("2", ("tea",))
SUBJECT = Subject(
    "drinking_1.jpg",
    Path("drinking_1.jpg"),
    Frame("drinking", ("agent", "liquid", "place"), "to take in a liquid", "the AGENT drinks the LIQUID at a PLACE"),
    {"agent": WOMAN, "liquid": TEA},
    {"agent": (WOMAN, Noun("3", ("lady",))), "liquid": (TEA,), "place": ()},
    {},
    (10, 10),
)
POURING = Frame("pouring", ("agent", "substance"), "", "the AGENT pours the SUBSTANCE")
GOOD: dict[str, Any] = {
    "glimpse_pos": "A woman lifts a cup to her mouth.",
    "glimpse_neg": "A woman pours tea into a pot.",
    "gaze_pos": {"liquid": "hot brown tea, small, center", "agent": "a woman, large, on the left"},
    "gaze_neg": {"agent": "a boy, large, left", "liquid": "milk, small, center"},
}


def checked(**changes: Any) -> Any:
    return check(json.dumps({**GOOD, **changes}), SUBJECT, POURING, rough_tokens)


def test_a_good_answer_becomes_four_texts_in_the_order_of_the_frame() -> None:
    assert checked() == (
        "A woman lifts a cup to her mouth.",
        "A woman pours tea into a pot.",
        "agent: a woman, large, on the left; liquid: hot brown tea, small, center",
        "agent: a boy, large, left; liquid: milk, small, center",
    )


@pytest.mark.parametrize("fence", ["{}", "  {}\n", "```json\n{}\n```", "```\n{}\n```\n"])
def test_a_fence_is_tolerated(fence: str) -> None:
    assert parse(fence.format("") if "{}" not in fence else fence.replace("{}", json.dumps(GOOD))) == GOOD


NO_JSON = {
    "Here it is: " + json.dumps(GOOD): "no JSON",
    json.dumps(GOOD) + " I hope this helps": "no JSON",
    json.dumps(GOOD)[:-1]: "no JSON",
    json.dumps(GOOD)[:-1] + ', "gaze_neg": {}}': "no JSON",
    "": "no JSON",
    "[" * 100_000: "no JSON",
    "[]": "wrong fields",
    json.dumps({**GOOD, "note": "x"}): "wrong fields",
    json.dumps({k: v for k, v in GOOD.items() if k != "gaze_pos"}): "wrong fields",
    json.dumps({**GOOD, "gaze_pos": "agent: woman"}): "wrong fields",
    json.dumps({**GOOD, "glimpse_pos": NotImplemented is None}): "wrong fields",
}


@pytest.mark.parametrize(("answer", "reason"), NO_JSON.items(), ids=range(len(NO_JSON)))
def test_an_answer_is_one_object_of_the_four_fields(answer: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse(answer)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"gaze_pos": {"agent": "a woman"}}, "wrong roles"),
    ({"gaze_neg": {**GOOD["gaze_neg"], "place": "kitchen"}}, "wrong roles"),
    ({"gaze_neg": {"agent": "a boy", "liquid": None}}, "wrong fields"),
    ({"gaze_neg": {"agent": "a boy", "liquid": " "}}, "empty text"),
    ({"glimpse_pos": "A woman lifts a \x00 cup"}, "unprintable text"),
    ({"glimpse_pos": "A woman lifts a cup \ud800"}, "unprintable text"),
    ({"glimpse_pos": "word " * 2000}, "too long"),
    ({"glimpse_pos": "one long clause without an end " * 15}, "too long"),
    ({"glimpse_pos": "Женщина пьёт чай."}, "wrong language"),
    ({"gaze_pos": {"agent": "女人", "liquid": "tea"}}, "wrong language"),
    ({"glimpse_neg": "12 34"}, "wrong language"),
    ({"glimpse_neg": "A woman is drinking milk."}, "glimpse_neg names the true verb"),
    ({"glimpse_neg": "A woman drinks milk."}, "glimpse_neg names the true verb"),
    ({"glimpse_neg": "a woman lifts a cup to her mouth"}, "glimpse_neg names the true verb"),
    ({"gaze_neg": {"agent": "an old lady", "liquid": "milk"}}, "gaze_neg names a true noun"),
    ({"gaze_neg": {"agent": "two Ladys", "liquid": "milk"}}, "gaze_neg names a true noun"),
    ({"gaze_neg": {"agent": "a boy", "liquid": "hot brown tea, small, center."}}, "gaze_neg names a true noun"),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
def test_an_answer_that_cannot_be_used_is_refused_for_a_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        checked(**changes)


def test_an_accent_is_no_foreign_language_and_a_true_noun_may_play_another_role() -> None:
    assert checked(glimpse_pos="A woman in a café.").glimpse_pos == "A woman in a café."
    assert checked(gaze_neg={"agent": "a cup of tea", "liquid": "milk"})


def test_too_many_clauses_lose_the_last_ones() -> None:
    said = checked(glimpse_pos="A woman lifts a cup, " + ", ".join(["and the sun shines on her"] * 9))
    assert said.glimpse_pos.startswith("A woman lifts a cup, and the sun")
    assert rough_tokens(said.glimpse_pos) <= 77


def test_a_prompt_tells_what_is_known_and_its_id_follows_its_words(
    split_train: Split, toy_distractors: Distractors
) -> None:
    subject = subjects(split_train)[0]
    wrong = toy_distractors.ontology.frame("pushing")
    asked = prompts().writing(subject, wrong, toy_distractors, "wrong roles")
    for part in ("lifting", "pushing", "- agent: block\n", "- item: bar", '"gaze_neg": {"agent": "...", "item"'):
        assert part in asked
    assert asked.endswith("because of this: wrong roles. Write all of it anew.")
    assert "$" not in asked + prompts().judging("a bar")
    changed = type(prompts())(**{**vars(prompts()), "judge": prompts().judge + " "})
    assert changed.prompt_id != prompts().prompt_id
    assert prompts().prompt_id.startswith("mipd-")


@pytest.fixture
def manner(toy_distractors: Distractors) -> Manner:
    return Manner("stub", toy_distractors, tries=2)


def good_answer(question: Question) -> str:
    if question.kind == "judge":
        return "No." if "wrongly" in question.text else " yes"
    roles = question.subject.nouns
    clauses = {"gaze_pos": dict.fromkeys(roles, "clearly"), "gaze_neg": dict.fromkeys(roles, "wrongly")}
    return json.dumps({"glimpse_pos": "It shows.", "glimpse_neg": "It wrongly shows.", **clauses})


def test_an_answer_that_is_judged_right_is_used(split_train: Split, manner: Manner) -> None:
    asked: list[Question] = []

    def answer(question: Question) -> str:
        asked.append(question)
        return good_answer(question)

    outcome = converse(talk(subjects(split_train)[0], manner), answer)
    assert (outcome.rationale.writer, outcome.rationale.prompt_id) == ("stub", prompts().prompt_id)
    assert outcome.rationale.texts == (
        "It shows.", "It wrongly shows.", "agent: clearly; item: clearly", "agent: wrongly; item: wrongly",
    )  # fmt: skip
    assert [question.kind for question in asked] == ["write"] + ["judge"] * 4
    assert len({question.key("me") for question in asked}) == 5
    assert asked[0].key("me") != asked[0].key("you")


JUDGED: list[tuple[Callable[[Question], str], str]] = [
    (lambda question: "no", "glimpse_pos is not shown"),
    (lambda question: "Yes!", "glimpse_neg is shown"),
    (lambda question: "maybe", "neither yes nor no"),
]


@pytest.mark.parametrize(("judge", "reason"), JUDGED)
def test_what_the_judge_does_not_confirm_is_written_anew_and_then_by_the_template(
    split_train: Split, manner: Manner, judge: Callable[[Question], str], reason: str
) -> None:
    outcome = converse(
        talk(subjects(split_train)[0], manner), lambda q: judge(q) if q.kind == "judge" else good_answer(q)
    )
    assert (outcome.rationale.writer, outcome.refused, outcome.fallback) == ("template", (reason, reason), reason)
    report = Report()
    report.count(outcome)
    assert report == Report(Counter(template=1), Counter({reason: 1}), Counter({reason: 2}))


def test_the_second_answer_is_told_why_the_first_was_refused(split_train: Split, manner: Manner) -> None:
    def answer(question: Question) -> str:
        return "hm" if question.attempt == 0 else good_answer(question)

    asked: list[str] = []
    outcome = converse(talk(subjects(split_train)[0], manner), lambda q: asked.append(q.text) or answer(q))
    assert (outcome.rationale.writer, outcome.refused, outcome.fallback) == ("stub", ("no JSON",), "")
    assert "because of this: no JSON" in asked[1]


def test_no_answer_at_all_is_a_reason_of_its_own(split_train: Split, manner: Manner) -> None:
    def silence(question: Question) -> str:
        raise Unanswered("timeout", "after 3 s")

    outcome = converse(talk(subjects(split_train)[0], manner), silence)
    assert outcome[1:] == ((), "timeout", True, "after 3 s")


def test_nothing_is_asked_where_no_verb_is_wrong(split_train: Split) -> None:
    import toyworld

    lonely = split_train.take(split_train.annotations.verbs == 1)
    dialogue = talk(subjects(lonely)[0], Manner("stub", Distractors(lonely, toyworld.tables())))
    assert converse(dialogue, good_answer).fallback == "no wrong verb"


def test_dialogues_side_by_side_end_as_each_would_alone(split_train: Split, manner: Manner) -> None:
    def answer(question: Question) -> str:
        wild = question.attempt == 0 and question.subject.image.endswith(("3.png", "5.png"))
        return "hm" if wild and question.kind == "write" else good_answer(question)

    sizes: list[int] = []

    def together(questions: Any) -> list[str]:
        assert len({question.kind for question in questions}) == 1
        sizes.append(len(questions))
        return [answer(question) for question in questions]

    todo = subjects(split_train)
    alone = [converse(talk(subject, manner), answer) for subject in todo]
    assert converse_together([talk(subject, manner) for subject in todo], together) == alone
    assert sizes[0] == len(todo) == max(sizes)
    assert {len(outcome.refused) for outcome in alone} == {0, 1}


def test_talks_that_ask_nothing_end_at_once() -> None:
    def mute() -> Dialogue:
        return Outcome(None)  # type: ignore[arg-type]
        yield

    ends: list[Generator[Question, str, Outcome]] = [mute(), mute()]
    assert converse_together(ends, lambda _: []) == [Outcome(None), Outcome(None)]  # type: ignore[arg-type]
