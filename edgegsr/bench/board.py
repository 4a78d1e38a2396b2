"""What runs on a board before anything of ours lies there. It is sent as text, with a line of JSON that says what to
do, and answers in lines that begin with a mark. stdlib, in the words of Python 3.6, so that an old one can be told.

    EDGEGSR_CACHE or ~/.cache/edgegsr, and there   bench/HASH     what was copied, by its content
                                                   bench/lock     held while a job is started or ended
                                                   bench/job-ID   a job: job.json, log, lock, and what it has measured
"""

import errno
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
JOB, LOCK, LOG = "job.json", "lock", "log"
DONE = "machine.json"  # what a job writes last
PART = 1 << 16  # bytes of a log
EVERY_S = 1.0
GRACE_S = 10.0  # that a job has to end
LOOK_S = 0.2  # that a lock may be held by who only looks whether a job runs


def probe(told: Any) -> Any:
    """What is here."""
    return {
        "python": list(sys.version_info[:3]),
        "versions": {name: _version(name) for name in told["imported"]},
        "engines": {name: importlib.util.find_spec(name) is not None for name in told["engines"]},
        "place": str(_place()),
    }


def lacking(told: Any) -> Any:
    """What was not copied yet, and how much room there is."""
    return {"lacking": [name for name in told["names"] if not (_place() / name).is_dir()], "free": _free()}


def unpack(told: Any) -> Any:
    """Standard input, a tar, as a folder that is there whole or not at all."""
    folder, count = _place() / told["name"], 0
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        _sweep()
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as tar:
            for member in tar:
                (draft / member.name).parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                if content is None:
                    raise ValueError("{}: is no file".format(member.name))  # noqa: UP032 as old Pythons read it
                with (draft / member.name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                count += 1
        if count == told["files"]:
            os.sync()
            draft.rename(folder)
    except tarfile.TarError:
        pass  # the line was cut
    except OSError as error:
        if error.errno in FULL:
            return {"full": _free()}
        if not folder.is_dir():  # another run has copied the same
            raise
    finally:
        shutil.rmtree(str(draft), ignore_errors=True)
    return {"whole": folder.is_dir()}


def start(told: Any) -> Any:
    """Starts a job that neither runs nor is done; it goes on when the line is cut."""
    folder = _job(told)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / LOG
    with _alone(), (folder / LOCK).open("a+") as lock, log.open("ab") as errors:
        at = log.stat().st_size
        if not _locks(lock, fcntl.LOCK_EX, LOOK_S):
            return {"runs": True, "at": at}
        for other in _place().glob("job-*"):
            if other != folder and _runs(other):
                return {"busy": _pid(other)}
        if not _is_same(folder / JOB, told["content"]):
            return {"other": True}
        if not (folder / DONE).is_file():
            lock.truncate(0)  # the number of a job that has ended may be another's by now
            kit = [str(_place() / told["kit"]), os.environ.get("PYTHONPATH", "")]
            process = subprocess.Popen(
                [sys.executable, "-m", "edgegsr.bench.job", str(folder)],
                cwd=str(folder),
                env=dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, kit))),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
                pass_fds=[lock.fileno()],  # the lock is held as long as it lives
            )
            lock.write(str(process.pid))
        return {"runs": False, "at": at}


def follow(told: Any) -> Any:
    """What a job says, from a place in its log on, until it has ended."""
    folder, at = _job(told), told["at"]
    _say(told, {"at": at})
    while True:
        runs = _runs(folder)  # looked at first, so that its last words are read
        with (folder / LOG).open("rb") as file:
            file.seek(at)
            text = file.read(PART)
        if text:
            at += len(text)
            _say(told, {"at": at, "log": text.decode("utf-8", "replace")})
        elif runs:
            time.sleep(EVERY_S)
        else:
            return {"done": (folder / DONE).is_file()}


def stop(told: Any) -> Any:
    """Ends a job and what it has started."""
    folder = _job(told)
    with _alone():
        for kind in (signal.SIGTERM, signal.SIGKILL):
            until = time.time() + GRACE_S
            if _runs(folder) and _pid(folder):
                with suppress(ProcessLookupError):
                    os.killpg(_pid(folder), kind)
            while _runs(folder) and time.time() < until:
                time.sleep(0.1)
    return {"stopped": not _runs(folder)}


def fetch(told: Any) -> Any:
    """Files of a job, by their names."""
    for name in told["names"]:
        with (_job(told) / name).open("rb") as file:
            content = file.read(told["most_bytes"] + 1)
        _say(told, {"name": name, "content": content.decode("utf-8")})
    return {"all": True}


def _place() -> Path:
    return Path(os.environ.get("EDGEGSR_CACHE") or Path.home() / ".cache" / "edgegsr").absolute() / "bench"


def _job(told: Any) -> Path:
    return _place() / f"job-{told['job']}"


def _free() -> int:
    place = next(each for each in (_place(), *_place().parents) if each.is_dir())
    return shutil.disk_usage(str(place)).free


def _version(name: str) -> Any:
    try:
        return str(getattr(__import__(name), "__version__", "0"))
    except ImportError:
        return None


def _is_same(path: Path, content: str) -> bool:
    """Whether this is the job that was begun; a new one is written."""
    if not path.is_file():
        draft = path.with_name(f".{path.name}")
        draft.write_text(content, "utf-8")
        draft.rename(path)
    return bool(path.read_text("utf-8") == content)


def _runs(folder: Path) -> bool:
    path = folder / LOCK
    if not path.is_file():
        return False
    with path.open() as lock:
        return not _locks(lock, fcntl.LOCK_SH)


def _pid(folder: Path) -> int:
    """Of the job that holds the lock; 0 where it was not written any more."""
    return int((folder / LOCK).read_text() or 0)


def _alone() -> Any:
    """One of us at a time starts or ends a job here."""
    lock = (_place() / LOCK).open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _locks(file: Any, kind: int, patience_s: float = 0.0) -> bool:
    until = time.time() + patience_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.time() >= until:
                return False
        time.sleep(0.01)


def _sweep() -> None:
    """Takes out what copies that were interrupted have left."""
    for draft in _place().glob(".*.*"):
        if not Path("/proc", draft.suffix[1:]).is_dir():
            shutil.rmtree(str(draft), ignore_errors=True)


def _say(told: Any, reply: Any) -> None:
    sys.stdout.write(told["mark"] + json.dumps(reply) + "\n")
    sys.stdout.flush()


def main() -> None:
    told = json.loads(sys.stdin.buffer.readline().decode("utf-8"))
    does = {each.__name__: each for each in (probe, lacking, unpack, start, follow, stop, fetch)}
    try:
        _say(told, does[told["do"]](told))
    except OSError as error:
        _say(told, {"error": f"{error.filename or 'the board'}: {error.strerror or error}"})


if __name__ == "__main__":
    main()
