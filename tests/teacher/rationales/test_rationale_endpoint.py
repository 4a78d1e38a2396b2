from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import chat_server
import numpy as np
import toyworld
from chat_server import Asked, ChatServer, Reply, good, serving
from making import make
from PIL import Image

from edgegsr.data.split import Split
from edgegsr.errors import InputError
from edgegsr.teacher.rationales import answers, endpoint
from edgegsr.teacher.rationales.dialogue import Manner
from edgegsr.teacher.rationales.prompts import prompts
from edgegsr.teacher.rationales.rationale import mirrored
from edgegsr.teacher.rationales.report import Report
from edgegsr.teacher.rationales.server import REQUESTS, EndpointOptions
from edgegsr.teacher.rationales.writers import RationaleOptions

KEY = "sk-very/secret+key"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("STUB_KEY", KEY)


def made(split: Split, server: ChatServer | str, out: Path, seed: int = 0, tries: int = 2, **given: Any) -> Report:
    url = server if isinstance(server, str) else server.url
    options = EndpointOptions(**{"url": url, "model": "stub", "wait_s": 0.001, "tries": 2, "timeout_s": 10.0, **given})
    return make(split, out, RationaleOptions("endpoint", seed, tries, endpoint=options))[0]


def few(split: Split, count: int) -> Split:
    """Images of more than one verb."""
    return split.take(np.linspace(0, len(split) - 1, count).astype(int))


def test_a_good_server_writes_every_rationale(split_train: Split, tmp_path: Path) -> None:
    with serving() as server:
        endpoint = EndpointOptions(server.url, "stub")
        report, found = make(split_train, tmp_path, RationaleOptions("endpoint", endpoint=endpoint))
    assert list(found) == list(split_train.annotations.images)
    first = next(iter(found.values()))
    assert (first.writer, first.prompt_id) == ("endpoint", prompts().prompt_id)
    assert first.gaze_pos == "agent: clearly on the left; item: clearly on the left"
    assert mirrored(first).gaze_pos == "agent: clearly on the right; item: clearly on the right"
    assert report == Report(Counter(endpoint=16), asked=80)


def test_a_request_is_what_chat_servers_take(split_train: Split, tmp_path: Path) -> None:
    with serving() as server:
        made(few(split_train, 2), server, tmp_path, key_env="STUB_KEY", settings={"temperature": 0.5, "seed": 3})
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert {name: asked.body[name] for name in ("model", "temperature", "seed")} == {
        "model": "stub", "temperature": 0.5, "seed": 3,
    }  # fmt: skip
    kind, _, data = asked.image.partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == toyworld.SIZE_WH


def test_the_key_is_in_no_file_and_no_message(
    split_train: Split, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def tell(asked: Asked, number: int) -> Reply:
        return Reply(f"{asked.headers} {good(asked)}")

    with serving(tell) as server:
        made(few(split_train, 2), server, tmp_path, key_env="STUB_KEY")
        server.behaviour = lambda asked, number: Reply(raw=str(asked.headers).encode(), status=401)
        with pytest.raises(InputError, match=r"status 401 .*the key in STUB_KEY may be wrong") as refusal:
            made(few(split_train, 3), server, tmp_path, key_env="STUB_KEY")
    told = "".join(capfd.readouterr()) + str(refusal.value) + repr(refusal.value.__cause__)
    assert len(list(tmp_path.iterdir())) == 2
    assert not any(KEY in text for text in [told, *(path.read_text() for path in tmp_path.iterdir())])
    assert "***" in (tmp_path / answers.FILE).read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key_env": "NO_SUCH_KEY"}, "the environment variable NO_SUCH_KEY is not set; export the API key in it"),
        ({"key_env": KEY}, "--api-key-env: wanted the name of an environment variable"),
        ({"key_env": "BAD_KEY"}, "the environment variable BAD_KEY holds letters that no key has"),
        ({"url": ""}, "--endpoint: wanted an address such as https://host/v1, got ''"),
        ({"url": "file:///etc/passwd"}, "--endpoint: wanted an address"),
        ({"url": "http://["}, "--endpoint: wanted an address"),
        ({"url": f"https://me:{KEY}@host/v1"}, "--endpoint: wanted an address .*, got one with a user in it"),
        ({"model": ""}, "--model: wanted the name of the model to ask, got none"),
        ({"concurrency": 0}, "concurrency must be at least 1, got 0"),
        ({"max_requests": -1}, "max_requests must be at least 0, got -1"),
    ],
)
def test_wrong_options_are_one_line_without_the_key(
    split_train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("BAD_KEY", KEY + "\nX-Evil: 1")
    with pytest.raises(InputError, match=message) as refusal:
        made(few(split_train, 2), "http://127.0.0.1:9/v1", tmp_path, **given)
    assert KEY not in str(refusal.value)
    assert not list(tmp_path.iterdir())


TROUBLE = {
    "timeout": lambda asked, number: Reply(good(asked), wait_s=0.4),
    "timeout while it drips": lambda asked, number: Reply(good(asked), drip_s=0.02),
    "http 429": lambda asked, number: Reply(status=429),
    "http 500": lambda asked, number: Reply(status=500, raw=b"<html>oops</html>"),
    "http 400": lambda asked, number: Reply(status=400, raw=b'{"error": "image too large"}'),
    "broken reply": lambda asked, number: Reply(raw=b'{"choices": ['),
    "broken reply, not the right shape": lambda asked, number: Reply(raw=b'{"choices": []}'),
    "broken reply, cut off": lambda asked, number: Reply(good(asked), cut=True),
    "broken reply, half closed": lambda asked, number: Reply(raw=b"{", cut=True),
}


@pytest.mark.parametrize("reason", TROUBLE)
def test_a_server_in_trouble_is_asked_again_and_then_the_template_writes(
    split_train: Split, tmp_path: Path, reason: str
) -> None:
    with serving(TROUBLE[reason]) as server:
        report = made(few(split_train, 2), server, tmp_path, timeout_s=0.15 if "timeout" in reason else 10.0)
    reason = reason.partition(" while")[0].partition(",")[0]
    assert report.fallbacks == {reason: 2}
    assert report.written == {"template": 2}
    assert report.asked == len(server.asked) == (2 if reason == "http 400" else 4)
    assert not (tmp_path / answers.FILE).exists()  # no answer, so that the next run asks again


def test_a_server_that_is_down_is_a_connection_that_fails(split_train: Split, tmp_path: Path) -> None:
    with serving() as server:
        pass
    assert made(few(split_train, 2), server, tmp_path).fallbacks == {"connection": 2}


def test_trouble_that_passes_leaves_no_trace(split_train: Split, tmp_path: Path) -> None:
    def shaky(asked: Asked, number: int) -> Reply:
        trouble = [Reply(status=503), Reply(status=429), Reply(raw=b"{"), Reply(status=500)]
        return trouble[number // 2 % 4] if number % 2 == 0 else Reply(good(asked))

    with serving(shaky) as server:
        report = made(few(split_train, 3), server, tmp_path, concurrency=1)
    assert (report.written, report.fallbacks, report.asked) == ({"endpoint": 3}, {}, 30)


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_waited_for(split_train: Split, tmp_path: Path, as_date: bool) -> None:
    def busy(asked: Asked, number: int) -> Reply:
        later = formatdate(time.time() + 1.9, usegmt=True) if as_date else "1"  # dates have whole seconds
        return Reply(status=429, headers={"Retry-After": later}) if number == 0 else Reply(good(asked))

    with serving(busy) as server:
        report = made(few(split_train, 2), server, tmp_path, concurrency=1)
    assert report.written == {"endpoint": 2}
    assert 0.7 < server.asked[1].at - server.asked[0].at < 6


def test_waits_grow_and_have_an_end() -> None:
    from edgegsr.teacher.rationales.server import LONGEST_WAIT_S, _pause, _retry_after

    waits = [[_pause(0.0, 1.0, attempt) for _ in range(50)] for attempt in (1, 2, 3, 40)]
    assert max(waits[0]) < max(waits[1]) < max(waits[2]) < max(waits[3]) == LONGEST_WAIT_S
    assert len(set(waits[0])) > 1
    assert _pause(7.0, 0.001, 1) == 7.0
    assert _pause(1e9, 1.0, 1) == LONGEST_WAIT_S
    for nonsense in (None, "", "soon", "-3", "Mon, 99 Foo"):
        assert _retry_after(nonsense) == 0.0


CONTENTS: dict[str, Any] = {
    "no JSON": "Sure! Here is what you asked for.",
    "wrong language": lambda text: text.replace("It clearly shows.", "Это показано."),
    "wrong roles": lambda text: text.replace('"agent"', '"actor"'),
    "glimpse_pos is not shown": lambda text: text if text.startswith("{") else "no",
    "gaze_neg is shown": lambda text: text.replace("wrongly on the left", "clearly elsewhere"),
}


@pytest.mark.parametrize("reason", CONTENTS)
def test_an_answer_that_cannot_be_used_is_asked_anew_and_then_the_template_writes(
    split_train: Split, tmp_path: Path, reason: str
) -> None:
    change = CONTENTS[reason]

    def behave(asked: Asked, number: int) -> Reply:
        return Reply(change if isinstance(change, str) else change(good(asked)))

    with serving(behave) as server:
        report = made(few(split_train, 2), server, tmp_path)
        assert report.fallbacks == {reason: 2}
        assert report.refused == {reason: 4}
        before = len(server.asked)
        again = made(few(split_train, 2), server, tmp_path)
    assert (len(server.asked), again.asked, again.fallbacks) == (before, 0, report.fallbacks)


def test_a_model_that_says_nothing_is_not_used(split_train: Split, tmp_path: Path) -> None:
    with serving(lambda asked, number: Reply(None)) as server:
        assert made(few(split_train, 2), server, tmp_path).fallbacks == {"no JSON": 2}


@pytest.mark.parametrize("status", [401, 403, 404, 302, 307])
def test_what_no_second_try_can_mend_stops_the_run(split_train: Split, tmp_path: Path, status: int) -> None:
    with serving() as other, serving(lambda asked, number: Reply(status=status, headers={"Location": other.url})) as it:
        with pytest.raises(
            InputError, match=rf"/v1/chat/completions: wanted a reply of model 'stub', got status {status}"
        ):
            made(split_train, it, tmp_path, key_env="STUB_KEY", concurrency=2)
        assert not other.asked  # a redirect would carry the key to another host
    assert len(it.asked) <= 2


@pytest.mark.parametrize(("given", "advice"), [("sk-1", "the key in STUB_KEY may be wrong"), ("", "--api-key-env")])
def test_who_is_refused_for_a_key_is_told_about_it(
    given: str, advice: str, split_train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", given)
    with serving(lambda asked, number: Reply(status=401)) as server, pytest.raises(InputError, match=advice):
        made(few(split_train, 2), server, tmp_path, key_env="STUB_KEY" if given else "")


def test_a_server_that_stays_silent_stops_the_run(
    split_train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "GIVE_UP", 5)
    with serving(lambda asked, number: Reply(status=400, raw=b"no images, please")) as server:
        with pytest.raises(
            InputError, match=r"5 images in a row got no answer, the last for this reason: http 400 'no images, please'"
        ):
            made(split_train, server, tmp_path, concurrency=1)
        assert len(server.asked) < 16


def test_many_are_asked_at_a_time_and_no_more_than_wanted(split_train: Split, tmp_path: Path) -> None:
    six = threading.Barrier(6, timeout=20)

    def wait_for_six(asked: Asked, number: int) -> Reply:
        if number < 6:
            six.wait()
        return Reply(good(asked), wait_s=0.005)

    with serving(wait_for_six) as server:
        made(split_train, server, tmp_path, concurrency=6)
    assert server.most_in_flight == 6
    with serving(lambda asked, number: Reply(good(asked), wait_s=0.005)) as server:
        made(few(split_train, 3), server, tmp_path / "one", concurrency=1)
    assert server.most_in_flight == 1


def test_the_budget_ends_the_asking_over_all_runs(split_train: Split, tmp_path: Path) -> None:
    with serving() as server:
        report = made(split_train, server, tmp_path, concurrency=1, max_requests=22)
        assert (len(server.asked), report.asked) == (22, 22)
        assert report.written == {"endpoint": 4, "template": 12}
        assert report.fallbacks == {"budget": 12}
        same = made(split_train, server, tmp_path, concurrency=1, max_requests=22)
        assert (len(server.asked), same.asked, same.remembered) == (22, 0, 22)
        more = made(split_train, server, tmp_path, concurrency=4)
        assert (len(server.asked), more.asked, more.remembered) == (80, 58, 22)
        assert more.written == {"endpoint": 16}


def test_what_gets_no_answer_is_paid_as_well(split_train: Split, tmp_path: Path) -> None:
    two = few(split_train, 2)
    with serving(lambda asked, number: Reply(status=503)) as server:
        assert made(two, server, tmp_path, concurrency=1, max_requests=3).asked == 3
        assert made(two, server, tmp_path, concurrency=1, max_requests=3).asked == 0
        assert len(server.asked) == (tmp_path / REQUESTS).stat().st_size == 3


def test_whoever_asks_something_else_gets_no_old_answer(
    split_train: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = few(split_train, 2)
    with serving() as server:
        made(two, server, tmp_path)
        assert made(two, server, tmp_path).asked == 0
        assert made(two, server, tmp_path, model="other").asked == 10
        assert made(two, server, tmp_path, settings={"temperature": 1}).asked == 10
        changed = replace(prompts(), judge=prompts().judge + "Be strict. Say yes or no.")
        monkeypatch.setattr("edgegsr.teacher.rationales.writers.Manner", partial(Manner, prompts=changed))
        assert made(two, server, tmp_path).asked == 10


def test_a_killed_run_goes_on_and_asks_nothing_twice(world: Path, split_train: Split, tmp_path: Path) -> None:
    def behave(asked: Asked, number: int) -> Reply:
        if number == 33:
            os.kill(client.pid, signal.SIGKILL)
            client.wait()
        return Reply(good(asked))

    with serving(behave) as server:
        command = [sys.executable, chat_server.__file__, str(world), server.url, str(tmp_path)]
        client = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})
        assert client.wait(60) == -signal.SIGKILL
        with (tmp_path / answers.FILE).open("a") as file:
            file.write('{"key": "0123", "image": "lifting_tr')  # as if the kill had come while it wrote
        report = made(split_train, server, tmp_path, tries=3, timeout_s=20)
    assert (report.asked, report.remembered) == (47, 33)
    times = Counter((asked.image, asked.text) for asked in server.asked)
    assert sorted(times.values()) == [1] * 79 + [2]  # only what was under way
    assert times[server.asked[33].image, server.asked[33].text] == 2
    assert report.written == {"endpoint": 16}


def test_what_was_answered_is_kept_when_the_run_is_interrupted(split_train: Split, tmp_path: Path) -> None:
    from edgegsr.teacher.rationales.dialogue import Manner
    from edgegsr.teacher.rationales.distractors import Distractors
    from edgegsr.teacher.rationales.subject import subjects

    manner = Manner("endpoint", Distractors(split_train, toyworld.tables()))
    with serving(lambda asked, number: Reply(good(asked), wait_s=0.01)) as server:
        options = EndpointOptions(server.url, "stub", concurrency=2)
        written = endpoint.write_with_endpoint(subjects(split_train), manner, options, tmp_path, Report())
        next(written)
        written.close()
        asked = len(server.asked)
        time.sleep(0.05)
        assert len(server.asked) == asked < 80
    assert len((tmp_path / answers.FILE).read_text().splitlines()) == asked


def test_a_damaged_file_of_answers_is_refused_with_its_line(split_train: Split, tmp_path: Path) -> None:
    lines = ['{"key": "a", "answer": "b"}', '{"key": 1, "answer": "b"}']
    (tmp_path / answers.FILE).write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"answers.jsonl, line 2: wanted a key and an answer as texts, got 1 and 'b'"):
        made(few(split_train, 2), "http://127.0.0.1:9/v1", tmp_path)


def test_the_template_needs_no_server_and_no_answers(split_train: Split, tmp_path: Path) -> None:
    report, found = make(split_train, tmp_path, RationaleOptions())
    assert report == Report(Counter(template=16)) and list(found) == list(split_train.annotations.images)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="writer must be one of template, vlm, endpoint, got 'poet'"):
        RationaleOptions("poet")
