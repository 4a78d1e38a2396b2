"""A job over ssh: what a board measures, and who is refused before it does."""

from __future__ import annotations

import ast
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overssh import ODD, PYTHON, ROOT, Sshd, folders, twisted, wrapped

from edgegsr.bench import board, remote, ssh
from edgegsr.bench.bench import bench
from edgegsr.bench.child import Child, Subject
from edgegsr.bench.measure import Job
from edgegsr.bench.parcels import kit, of_bundle
from edgegsr.bench.remote import LEAST, There
from edgegsr.bench.ssh import Line
from edgegsr.bundle import open_bundle
from edgegsr.errors import InputError


def test_a_board_measures_and_says_what_is_said_here(sshd: Sshd, job: Job, ran: tuple[Path, dict[str, Any]]) -> None:
    out, result = ran
    assert result["machine"]["board"]["module"] == "Jetson Orin Nano 8GB"
    assert result["scenarios"]["single-stream"]["before"]["power_mode"] == "MAXN_SUPER"
    (found,) = result["subjects"].values()
    told = found["scenarios"]["single-stream"]
    assert told["energy"]["kind"] == "module_rail" and told["energy"]["watts"] == pytest.approx(6.0)
    assert told["load"]["queries"] >= 64 and set(told["steps"]) == {"decode", "preprocess", "network", "answer"}
    (said,) = (out / "steps" / "predictions").iterdir()
    with Child(job.subjects[0], job.photos) as child:
        here = child.say(job.questions)
    there = [json.loads(line) for line in said.read_text().splitlines()]
    assert there == json.loads(json.dumps(here)) and there[2]["image"] == ODD
    assert not list(Path.home().glob("pwned")) and not list(sshd.cache.rglob("pwned"))


def test_what_runs_there_is_what_was_copied(sshd: Sshd, ran: object) -> None:
    place = sshd.cache / "bench" / kit().name
    assert list((place / "edgegsr" / "bench").glob("__pycache__/measure.*"))


def test_a_second_run_copies_nothing_and_measures_nothing_again(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path
) -> None:
    out, before = ran[0], folders(sshd)
    stamp = (sshd.cache / "bench").stat().st_mtime_ns
    found = bench(job, out, None, "jetson", sshd.there(tmp_path))
    assert (folders(sshd), (sshd.cache / "bench").stat().st_mtime_ns) == (before, stamp)
    assert found["subjects"] == ran[1]["subjects"]


def test_a_bundle_that_has_changed_since_is_another_benchmark(
    sshd: Sshd, job: Job, ran: tuple[Path, Any], tmp_path: Path
) -> None:
    other = replace(job, photos=job.photos[::-1])
    with pytest.raises(InputError, match=r"a bundle or photo has changed since this was begun; give another --out"):
        sshd.there(tmp_path)(other, ran[0] / "steps")


def test_a_folder_of_another_board_or_of_this_machine_is_refused(tmp_path: Path) -> None:
    name = remote._begun("orin", tmp_path)
    assert remote._begun("orin", tmp_path) == name
    with pytest.raises(InputError, match=r"was begun on orin; give another --out"):
        remote._begun("thor", tmp_path)
    (tmp_path / "board.json").write_text('{"host": "orin", "job": "../x"}')
    with pytest.raises(InputError, match=r"board\.json: does not hold what was written there"):
        remote._begun("orin", tmp_path)
    (tmp_path / "board.json").rename(tmp_path / "cold-start.json")
    with pytest.raises(InputError, match=r"was begun on this machine; give another --out"):
        remote._begun("orin", tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"known": ""}, r"its host key is not known here; run: ssh -F \S+ -p \d+ \S+@127\.0\.0\.1, compare"),
        ({"known": "other"}, r"its host key is another one than is known here: .*ssh-keygen -R"),
        ({"key": "stranger"}, r"it lets no key of yours in; .*ssh-copy-id"),
    ],
)
def test_who_is_not_known_is_refused_in_one_line(
    sshd: Sshd, job: Job, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        sshd.there(tmp_path, **given)(job, tmp_path / "steps")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:1", r"127\.0\.0\.1:1: no connection: .*refused"),
        ("nowhere.invalid", r"nowhere\.invalid: no connection: .*resolve"),
        ("-oProxyCommand=touch pwned", r"--host: wanted user@board or user@board:2222, got '-oProxy"),
        ("user@-oProxyCommand=x", r"--host: wanted user@board"),
        ("board; touch pwned", r"--host: wanted user@board"),
        ("board:22:22", r"--host: wanted user@board"),
    ],
)
def test_a_board_that_is_not_there_is_one_line(sshd: Sshd, job: Job, tmp_path: Path, host: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(sshd.there(tmp_path), host=host)(job, tmp_path / "steps")


def test_a_port_and_an_address_are_told_to_ssh_in_its_words() -> None:
    assert Line("board").words == ["ssh", "board"]
    assert Line("me@orin-1.local:2222", options=("-F", "x")).words == [
        "ssh",
        "-F",
        "x",
        "-p",
        "2222",
        "me@orin-1.local",
    ]
    assert Line("[fe80::1%eth0]:22").words == ["ssh", "-p", "22", "fe80::1%eth0"]


def test_an_agent_is_not_lent_to_a_board_whatever_the_config_says(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        there = sshd.there(tmp_path, python=wrapped(tmp_path, f'echo "$SSH_AUTH_SOCK" > {tmp_path}/lent; {PYTHON}'))
        with (tmp_path / "config").open("a") as config:
            config.write("ForwardAgent yes\nForwardX11 yes\n")
        while not (tmp_path / "agent").exists():
            assert agent.poll() is None
        Line(there.host, there.python, there.options).ask("probe", imported=[], engines=[])
        assert (tmp_path / "lent").read_text() == "\n"
    finally:
        agent.kill()
        agent.wait()


def test_a_student_is_not_sent_to_a_board(job: Job, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--host: pico needs torch; a board measures bundles: export it"):
        There("board")(replace(job, subjects=[Subject("pico", "student", "run")]), tmp_path)


def environment(folder: Path, *packages: str) -> tuple[str, Path]:
    """A Python with some packages of this one, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in packages:
        for path in Path(np.__file__).parents[1].glob(f"{package}*"):
            (site / path.name).symlink_to(path)
    return str(folder / "bin" / "python"), site


def test_what_python_lacks_is_named_with_the_line_that_installs_it(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    python, site = environment(tmp_path / "env", "numpy")
    there = sshd.there(tmp_path, python=python)
    with pytest.raises(InputError) as error:
        there(job, tmp_path / "steps")
    run = f"{python} -m pip install onnxruntime 'pillow>=10.3'"
    assert str(error.value) == f"{there.host}: {python} lacks onnxruntime, PIL; run there: {run}"
    (site / "PIL").mkdir()
    (site / "PIL" / "__init__.py").write_text("__version__ = '9.0.1'")  # that of apt on JetPack 6
    jetson = replace(job, subjects=[replace(job.subjects[0], engine="tensorrt")], loadgen=True)
    with pytest.raises(InputError) as error:
        there(jetson, tmp_path / "steps")
    assert "lacks mlperf_loadgen, tensorrt, PIL 10.3 or newer (it has 9.0.1); run there:" in str(error.value)
    assert str(error.value).endswith("pip install tensorrt (on a Jetson: sudo apt install python3-libnvinfer)")


def test_a_python_that_is_too_old_or_not_there_is_one_line(sshd: Sshd, job: Job, tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 8, 10); exec(sys.argv[2])"
    python = wrapped(tmp_path, f'exec {shlex.quote(sys.executable)} -c "{old}" "$@"')
    with pytest.raises(InputError, match=r"wanted Python 3\.10 or newer, got 3\.8\.10 as \S+; name another one"):
        sshd.there(tmp_path, python=python)(job, tmp_path / "steps")
    with pytest.raises(InputError, match=r"has no python9 \(.*not found\); name its Python with --python"):
        sshd.there(tmp_path, python="python9")(job, tmp_path / "steps")


def test_an_answer_that_is_too_long_is_not_read(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "MOST_LINE", 40)
    there = sshd.there(tmp_path)
    with pytest.raises(InputError, match=r"wanted answers of 40 bytes at most, got more"):
        Line(there.host, there.python, there.options).ask("probe", imported=["json"], engines=[])


def test_no_ssh_is_said(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"--host: ssh is not installed here; install OpenSSH's client"):
        There("board")(job, tmp_path / "steps")


SAY = 'sys.stdout.write(told["mark"] + json.dumps(reply)'
CUT = 'sys.stdout.write(told["mark"] + "{"); sys.stdout.flush(); os.kill(os.getppid(), 9); sys.stdout.write(""'
READS = "    told = json.loads("


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"place": str(_place())',
            '"place": "\\x1b[2J"',
            r"does not answer as a board of ours does \(place\); look at",
        ),
        ('"free": _free()', '"free": "much"', r"board of ours does \(free\)"),
        (SAY, 'sys.stdout.write(told["mark"] + "{"', "wanted JSON, got"),
        (SAY, 'sys.stdout.write(told["mark"] + "7"', "wanted an answer"),
        (SAY, CUT, "no connection: "),
        (SAY, 'sys.stdout.write("hello"', "wanted an answer of .*, got none"),
        (SAY, 'sys.stdout.write("x" * (1 << 22)', "says much that is no"),
        (READS, "    raise SystemExit('\\x1b[2J')\n" + READS, r"ended with 1: '\\x1b\[2J'"),
    ],
)
def test_a_board_that_answers_otherwise_is_refused(
    sshd: Sshd, job: Job, tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as error:
        sshd.there(tmp_path, python=twisted(tmp_path, old, new))(job, tmp_path / "steps")
    assert str(error.value).isprintable()


def test_the_log_of_a_board_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log = remote._Log()
    for text in ("cold sta", "rts\n\x1b[2Jgone\nedgegsr bench: full", "\n"):
        log.show(text)
    assert capsys.readouterr().err == "cold starts\n'\\x1b[2Jgone'\n" and log.last == "edgegsr bench: full"


TENSORRT = """
import os, sys, stand_in
made = stand_in.tensorrt(os.environ["VERSION"], [])
made.__spec__, sys.modules["tensorrt"] = __spec__, made
"""


def test_a_board_builds_its_own_engine_once_and_again_for_another_tensorrt(
    sshd: Sshd, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.syspath_prepend(ROOT / "tests" / "export")
    if not shutil.which("gcc"):
        pytest.skip("the stand-in for CUDA needs gcc")
    import handmade
    import stand_in

    bundle = handmade.write(
        tmp_path / "bundle", handmade.graph(handmade.ANSWERS), target={"engine": "tensorrt", "precision": "fp16"}
    )
    (bundle / "engine").mkdir()
    (bundle / "engine" / "model.plan").write_bytes(b"of another GPU")
    stand_in.cudart(tmp_path)
    (tmp_path / "tensorrt.py").write_text(TENSORRT)
    given = f"export LD_LIBRARY_PATH={tmp_path} PYTHONPATH={tmp_path}:{Path(stand_in.__file__).parent}"
    given += f" XDG_CACHE_HOME={tmp_path}"
    old, new = (wrapped(tmp_path, f"{given} VERSION={version}; {PYTHON}", version) for version in ("10.3.0", "10.4.0"))
    subjects = [Subject(engine, "bundle", str(bundle), engine) for engine in ("tensorrt", "tensorrt-graph")]
    of = replace(job, subjects=subjects, questions=(), root=str(tmp_path))
    found = bench(of, tmp_path / "out", None, "jetson", sshd.there(tmp_path, python=old))
    for engine, told in found["subjects"].items():
        assert (told["engine"], told["versions"]["tensorrt"]) == (engine, "10.3.0")
    place = sshd.cache / "bench" / of_bundle(open_bundle(bundle)).name
    plan = place / "engine" / "model.plan"
    assert plan.read_bytes() == (bundle / "model.onnx").read_bytes()  # as the stand-in builds it, and not the one here
    built = plan.stat().st_mtime_ns
    code = f"from edgegsr.runtime import SituationRecognizer; SituationRecognizer({str(place)!r})"
    for python, again in ((old, False), (new, True)):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        assert ('its tensorrt was "10.3.0", and this is "10.4.0"' in done.stderr) == again
        assert (plan.stat().st_mtime_ns != built) == again


def test_the_script_that_is_sent_is_python_3_6_and_needs_nothing_else() -> None:
    tree = ast.parse(Path(board.__file__).read_text("utf-8"), feature_version=(3, 6))
    froms = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name.split(".")[0] for name in froms | names} <= set(sys.stdlib_module_names) and "__future__" not in froms


def test_what_is_asked_of_a_board_is_what_the_package_asks() -> None:
    told = (ROOT / "pyproject.toml").read_text()
    for name, least in LEAST.items():
        assert f'"{ {"PIL": "pillow"}.get(name, name) }>={".".join(map(str, least))}' in told
