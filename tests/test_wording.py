from __future__ import annotations

import pytest

from edgegsr.errors import InputError
from edgegsr.situation import Frame, Noun, Ontology
from edgegsr.wording import noun_texts, role_texts, split_words, texts_of, verb_texts

SCRAPING = Frame("scraping", ("agent", "scrapeditem"), "take off a layer", "", ("who scrapes", "what is scraped"))
ONTOLOGY = Ontology((SCRAPING, Frame("hand_washing", ("agent",))), (Noun("n1", ("man",)),))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("agent", "agent"),
        ("scrapeditem", "scraped item"),
        ("clungto", "clung to"),
        ("boringthing", "boring thing"),
        ("bodypart", "body part"),
        ("heatsource", "heat source"),
        ("foodcontainer", "food container"),
        ("entityhelped", "entity helped"),
        ("crownedentity", "crowned entity"),
        ("item1", "item 1"),
        ("coagentpart", "co agent part"),
        ("victim_part", "victim part"),
        ("victimPart", "victim part"),
        ("resource", "resource"),
        ("clothing", "clothing"),
        ("items", "items"),
        ("part", "part"),
        ("rampart", "rampart"),
        ("component", "component"),
        ("goto", "goto"),
    ],
)
def test_compound_role_names_are_split_and_words_are_not(name: str, words: str) -> None:
    assert split_words(name) == words


def test_role_is_told_in_the_context_of_its_verb() -> None:
    agent, item = role_texts(SCRAPING)
    assert agent == "the agent of scraping: who scrapes"
    assert item == "the scraped item of scraping: what is scraped"
    assert role_texts(Frame("running", ("agent",))) == ["the agent of running"]


def test_templates_word_a_verb_with_and_without_its_definition() -> None:
    told = "scraping: take off a layer"
    assert verb_texts(ONTOLOGY, "word") == [["scraping"], ["hand washing"]]
    assert verb_texts(ONTOLOGY, "definition") == [[told], ["hand washing"]]
    assert verb_texts(ONTOLOGY, "both") == [["scraping", told], ["hand washing", "hand washing"]]
    with pytest.raises(InputError, match="template: wanted one of word, definition, both, got 'poem'"):
        verb_texts(ONTOLOGY, "poem")


def test_nouns_are_words_never_ids_and_told_apart_where_they_share_one() -> None:
    nouns = (
        Noun("n1", ("man", "adult male")),
        Noun("n2", ("bat", "chiropteran"), "a flying mammal"),
        Noun("n3", ("bat",), "a club for hitting a ball"),
        Noun("n4", ("bat", "at-bat")),
    )
    assert noun_texts(nouns) == ["man", "bat: a flying mammal", "bat: a club for hitting a ball", "bat, at-bat"]


def test_an_ontology_is_read_text_by_text_and_each_once() -> None:
    said = texts_of(ONTOLOGY)
    assert said.verbs == [["scraping", "scraping: take off a layer"], ["hand washing", "hand washing"]]
    assert [len(group) for group in said.roles] == [2, 1] and said.nouns == ["nothing", "man"]
    assert said.every[:3] == ["scraping", "scraping: take off a layer", "hand washing"]
    assert len(said.every) == len(set(said.every)) == 8
