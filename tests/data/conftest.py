"""Tiny datasets in the official layout, made for each test."""

import copy
import json

import numpy as np
import pytest
from PIL import Image

RECORDS = {
    "drinking_1.jpg": {
        "verb": "drinking",
        "height": 48,
        "width": 64,
        "bb": {"agent": [0, 0, 64, 48], "liquid": [-1, -1, -1, -1], "place": [-1, -1, -1, -1]},
        "frames": [
            {"agent": "n00000002", "liquid": "n00000005", "place": ""},
            {"agent": "n00000003", "liquid": "n00000005", "place": "n00000004"},
            {"agent": "n00000002", "liquid": "", "place": ""},
        ],
    },
    "raining_2.jpg": {
        "verb": "raining",
        "height": 60,
        "width": 40,
        "bb": {"place": [-1, -1, -1, -1]},
        "frames": [{"place": "n00000004"}, {"place": ""}, {"place": "n00000004"}],
    },
    "drinking_3.jpg": {
        "verb": "drinking",
        "height": 50,
        "width": 50,
        "bb": {"place": [-1, -1, -1, -1], "liquid": [10, 20, 13, 41], "agent": [5, 4, 30, 50]},
        "frames": [
            {"place": "", "agent": "n00000003", "liquid": "n00000001"},
            {"agent": "n00000003", "liquid": "n00000001", "place": ""},
            {"agent": "n00000003", "liquid": "n00000001", "place": ""},
        ],
    },
}

SPACE = {
    "verbs": {
        "raining": {
            "framenet": "Precipitation",
            "abstract": "it rains in a PLACE",
            "def": "water falls from the sky",
            "order": ["place"],
            "roles": {"place": {"framenet": "place", "def": "where it rains"}},
        },
        "drinking": {
            "framenet": "Ingestion",
            "abstract": "the AGENT drinks a LIQUID at a PLACE",
            "def": "to take a liquid into the mouth",
            "order": ["agent", "liquid", "place"],
            "roles": {role: {"framenet": role, "def": f"the {role}"} for role in ("agent", "liquid", "place")},
        },
        "waving": {
            "framenet": "Gesture",
            "abstract": "the AGENT waves at a PLACE",
            "def": "to move a hand to and fro",
            "order": ["agent", "place"],
            "roles": {"agent": {"framenet": "agent", "def": "who"}, "place": {"framenet": "place", "def": "where"}},
        },
    },
    "nouns": {
        f"n0000000{i}": {"gloss": [word], "def": f"a {word}"}
        for i, word in enumerate(["milk", "man", "woman", "street", "water", "dog"], 1)
    },
}


@pytest.fixture
def records():
    """Three sound records of two verbs."""
    return copy.deepcopy(RECORDS)


@pytest.fixture
def space():
    """An imsitu_space of three verbs and six nouns."""
    return copy.deepcopy(SPACE)


@pytest.fixture
def save():
    """Writes a tree as JSON, and its folder, and gives the path back."""

    def save(path, tree):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
        return path

    return save


@pytest.fixture
def dataset(tmp_path, save, space):
    """Makes a dataset folder of `{file stem: records}`, with images of the recorded sizes and the space file."""

    def dataset(splits, with_space=True, with_images=True):
        root = tmp_path / "dataset"
        for stem, records in splits.items():
            save(root / "SWiG_jsons" / f"{stem}.json", records)
        if with_space:
            save(root / "SWiG_jsons" / "imsitu_space.json", space)
        if with_images:
            (root / "images_512").mkdir(exist_ok=True)
            for image, record in (pair for records in splits.values() for pair in records.items()):
                draw(root / "images_512" / image, record["width"], record["height"])
        return root

    return dataset


def draw(path, width, height):
    grey = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2)).save(path)
