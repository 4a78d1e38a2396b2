import json

import pytest

from edgegsr.data import swig
from edgegsr.errors import InputError
from edgegsr.situation import Frame, Noun, Ontology


def test_the_space_file_gives_verbs_roles_and_words_in_its_order(tmp_path, save, space):
    ontology = swig.read_ontology(save(tmp_path / "imsitu_space.json", space))
    assert ontology.verbs == ("raining", "drinking", "waving")
    frame = ontology.frame("drinking")
    assert frame.roles == ("agent", "liquid", "place")
    assert frame.abstract == "the AGENT drinks a LIQUID at a PLACE"
    assert frame.definition == "to take a liquid into the mouth"
    assert frame.role_definitions == ("the agent", "the liquid", "the place")
    assert ontology.nouns[2] == Noun("n00000002", ("man",), "a man")
    assert len(ontology.nouns) == 7


def test_wanted_nouns_come_in_the_order_wanted(tmp_path, save, space):
    ontology = swig.read_ontology(
        save(tmp_path / "s.json", space), ["n00000005", "n00000001", "n99999999", "n00000005"]
    )
    assert [noun.word for noun in ontology.nouns] == ["nothing", "water", "milk", "n99999999"]


def test_an_ontology_that_was_written_reads_back_unchanged(tmp_path):
    frames = (
        Frame("drinking", ("agent", "liquid"), "to drink", "the AGENT drinks", ("who", "")),
        Frame("raining", ("place",)),
    )
    ontology = Ontology(frames, (Noun("", ("void",)), Noun("n1", ("a dog", "Hündchen"), "a pet"), Noun("n2")))
    swig.write_space(ontology, tmp_path / "new" / "imsitu_space.json")
    assert swig.read_ontology(tmp_path / "new" / "imsitu_space.json") == ontology


def test_the_written_file_has_the_keys_of_the_official_one(tmp_path, save, space):
    swig.write_space(swig.read_ontology(save(tmp_path / "a.json", space)), tmp_path / "b.json")
    written = json.loads((tmp_path / "b.json").read_text())
    assert written["nouns"] == space["nouns"]
    for verb, wanted in space["verbs"].items():
        got = written["verbs"][verb]
        assert got.keys() == {"framenet", "abstract", "def", "order", "roles"}
        assert {key: got[key] for key in ("abstract", "def", "order")} == {
            key: wanted[key] for key in ("abstract", "def", "order")
        }
        assert {role: got["roles"][role]["def"] for role in got["order"]} == {
            r: wanted["roles"][r]["def"] for r in wanted["order"]
        }


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda space: space.pop("verbs"), "wanted an object with 'verbs' (at least one) and 'nouns'"),
        (lambda space: space.update(nouns=[]), "wanted an object with 'verbs' (at least one) and 'nouns'"),
        (lambda space: space["verbs"]["raining"].pop("order"), "verb 'raining': wanted 'order', a list of roles"),
        (lambda space: space["verbs"].update(raining=3), "verb 'raining': wanted 'order', a list of roles, got 3"),
        (
            lambda space: space["verbs"]["raining"].update(order=["place", "sky"]),
            "verb 'raining': wanted the roles of its order",
        ),
        (
            lambda space: space["verbs"]["raining"].update(roles=[]),
            "verb 'raining': wanted 'roles', an object of objects, got []",
        ),
        (
            lambda space: space["verbs"]["raining"].update(order=[], roles={}),
            "frame 'raining': wanted 1 to 6 roles, got 0",
        ),
        (lambda space: space["verbs"]["raining"].update(abstract=3), "'raining': wanted a text for 'abstract', got 3"),
        (
            lambda space: space["nouns"].update(n00000001={"gloss": "milk"}),
            "noun 'n00000001': wanted 'gloss', a list of words",
        ),
        (
            lambda space: space["nouns"].update(n00000001={"gloss": [], "def": 4}),
            "'n00000001': wanted a text for 'def', got 4",
        ),
    ],
)
def test_a_space_file_with_a_fault_is_refused_with_the_word_it_is_about(tmp_path, save, space, spoil, told):
    spoil(space)
    with pytest.raises(InputError) as error:
        swig.read_ontology(save(tmp_path / "imsitu_space.json", space))
    assert str(error.value).startswith(f"{tmp_path / 'imsitu_space.json'}: {told}")


def test_a_verb_that_stands_twice_in_the_space_file_is_refused(tmp_path, save, space):
    text = json.dumps(space).replace('"verbs": {', '"verbs": {"raining": {}, ', 1)
    with pytest.raises(InputError, match=r"wanted every key once, got \['raining'\] twice"):
        swig.read_ontology(save(tmp_path / "imsitu_space.json", text))


def test_rows_that_name_no_noun_are_left_out(tmp_path, save):
    assert swig.read_nouns(save(tmp_path / "c.csv", "blank,0\nn2,1\nn1,2\noov,3\nPad,4\n")) == ("n2", "n1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("blank,0\nn1\n", r"c\.csv, line 2: wanted 'noun id,index', got 'n1'"),
        ("n1,one\n", r"c\.csv, line 1: wanted 'noun id,index', got 'n1,one'"),
        ("n1,0\nn1,1\n", r"c\.csv, line 2: noun 'n1' already stands in line 1"),
        ("blank,0\n", r"c\.csv: wanted lines 'noun id,index', got no noun"),
    ],
)
def test_a_noun_list_with_a_fault_is_refused_with_its_line(tmp_path, save, text, told):
    with pytest.raises(InputError, match=told):
        swig.read_nouns(save(tmp_path / "c.csv", text))


VERBS = Ontology((Frame("drinking", ("agent",)), Frame("raining", ("place",))), ())


def test_a_verb_list_gives_its_verbs_in_order(tmp_path, save):
    assert swig.read_verbs(save(tmp_path / "unseen.txt", "raining\n\n drinking \r\n"), VERBS.verb_index) == (
        "raining",
        "drinking",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raining\nflying\n", r"unseen\.txt, line 2: wanted one of the 2 verbs, got 'flying'"),
        ("raining\nraining", r"unseen\.txt, line 2: verb 'raining' already stands in line 1"),
        ("\n", r"unseen\.txt: wanted one verb a line, got no verb"),
    ],
)
def test_a_verb_list_with_a_fault_is_refused_with_its_line(tmp_path, save, text, told):
    with pytest.raises(InputError, match=told):
        swig.read_verbs(save(tmp_path / "unseen.txt", text), VERBS.verb_index)


def test_a_list_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"unseen\.txt: wanted a readable text file, got: .*No such file"):
        swig.read_verbs(tmp_path / "unseen.txt", VERBS.verb_index)


def test_the_published_vocabularies_have_the_published_counts(shared, tmp_path, save):
    frames = json.loads((shared / "frames.json").read_text())
    words = json.loads((shared / "nouns.json").read_text())
    space = {
        "verbs": {verb: {"order": frame["roles"]} for verb, frame in frames.items()},
        "nouns": {id: {"gloss": [word]} for id, word in words.items()},
    }
    ids = swig.read_nouns(shared / "train_classes.csv")
    ontology = swig.read_ontology(save(tmp_path / "imsitu_space.json", space), ids)
    assert len(ontology.verbs) == 504
    assert sum(len(frame.roles) for frame in ontology.frames) == 1788
    assert len(ontology.roles) == 190
    assert len(ontology.nouns) == 9927
    assert ontology.nouns[1].word == "man"
    assert list(ontology.verbs) == (shared / "verb_indices.txt").read_text().splitlines()
    assert len(swig.read_verbs(shared / "unseen51.txt", ontology.verb_index)) == 51
