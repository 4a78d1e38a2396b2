import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def swig_load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "swig_load", raising=False)
    import swig_load

    return swig_load


def test_a_small_run_measures_the_load_in_a_process_of_its_own(swig_load):
    result = swig_load.run(seed=1, runs=1, splits={"train": 600, "dev": 200, "test": 200})
    assert (result["images"], result["verbs"]) == (1000, 504)
    assert result["within_limits"]
    assert 2.0 < result["boxes"] / result["images"] < 2.5
    assert 10e6 < result["peak_rss_bytes"] < 1e9


def test_the_made_files_have_the_frames_of_the_real_ones(swig_load, tmp_path):
    from edgegsr.data import swig

    swig_load.make(tmp_path, splits={"train": 504})
    ontology = swig.read_ontology(tmp_path / "SWiG_jsons" / "imsitu_space.json")
    counts = [len(frame.roles) for frame in ontology.frames]
    assert {size: counts.count(size) for size in set(counts)} == swig_load.ROLES_PER_VERB
    assert sum(counts) == 1788
    assert len(ontology.nouns) == 82_001
