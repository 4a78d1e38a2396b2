"""A line to a board over the `ssh` program of this system: `board.py` is sent and does one thing. stdlib."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgegsr.errors import InputError, shown

SCRIPT = Path(__file__).with_name("board.py")
USER, NAME, ADDRESS = r"[\w.][\w.+-]{0,63}@", r"\w[\w.-]{0,254}", r"\[[0-9A-Fa-f:.]{2,45}(?:%\w{1,30})?\]"
HOST = re.compile(rf"((?:{USER})?(?:{NAME}|{ADDRESS}))(?::(\d{{1,5}}))?", re.ASCII)
ALWAYS = (  # first, for ssh takes what it hears first
    *("-T", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oConnectTimeout=10", "-oClearAllForwardings=yes"),
    *("-oServerAliveInterval=10", "-oServerAliveCountMax=3", "-oRemoteCommand=none", "-oLogLevel=INFO"),
    *("-a", "-x"),  # a board is not lent the keys of an agent, nor a screen
)
MOST_LINE = 256 << 20  # bytes of an answer, which may hold a file
MOST_STRANGE = 1 << 20  # bytes that are none
OF_SSH, NOT_FOUND = 255, (126, 127)  # exit codes
REFUSALS = {  # what ssh says, what it means, and what to do
    "HOST IDENTIFICATION HAS CHANGED": "its host key is another one than is known here: it was set up anew, or "
    "somebody stands in between; if you know why, take the old one out (ssh-keygen -R), run: {ssh}, compare",
    "Host key verification failed": "its host key is not known here; run: {ssh}, compare the fingerprint with the "
    "board's own (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and say yes",
    "Permission denied": "it lets no key of yours in; {ssh} must work without a password: ssh-copy-id puts a key there",
}


class Lost(InputError):
    """No connection, or one that ended."""


@dataclass(frozen=True)
class Line:
    """To a board: `user@board`, `user@board:2222` or a name of the ssh config, and the Python that is asked there."""

    host: str
    python: str = "python3"
    options: Sequence[str] = ()

    @property
    def words(self) -> list[str]:
        found = HOST.fullmatch(self.host)
        if not found:
            raise InputError(f"--host: wanted user@board or user@board:2222, got {self.host[:80]!r}")
        bare = found[1].replace("[", "").replace("]", "")
        return ["ssh", *self.options, *(("-p", found[2]) if found[2] else ()), bare]

    def ask(self, does: str, **told: Any) -> Any:
        """The one answer of the board."""
        *_, reply = self.listen(does, **told)
        return reply

    def listen(self, does: str, stream: Iterable[bytes] = (), **told: Any) -> Iterator[Mapping[str, Any]]:
        """What the board says, one after the other; `stream` is what its script reads."""
        program, *rest = self.words
        script, mark = SCRIPT.read_bytes(), f"edgegsr-{secrets.token_hex(8)} "
        python = shlex.quote(self.python.removeprefix("~/"))
        command = f"{python} -c 'import sys; exec(sys.stdin.buffer.read({len(script)}))'"
        given = script + json.dumps({"do": does, "mark": mark, **told}).encode() + b"\n"
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    [program, *ALWAYS, *rest, command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            except FileNotFoundError as error:
                raise InputError("--host: ssh is not installed here; install OpenSSH's client") from error
            answered = None
            try:
                assert process.stdin and process.stdout
                _give(process.stdin, given, stream)
                for answered in self._replies(process.stdout, mark):
                    yield answered
                code = process.wait()
            finally:
                process.kill()
                process.wait()
            if code or answered is None:
                raise self._reason(code, errors, answered is not None)

    def part(self, reply: Mapping[str, Any], name: str, kind: type) -> Any:
        """A part of an answer."""
        if type(reply.get(name)) is not kind:
            raise self.odd(name)
        return reply[name]

    def odd(self, what: str) -> InputError:
        """Says that this board does not do what `board.py` does."""
        return InputError(
            f"{self.host}: does not answer as a board of ours does ({what}); look at what runs there as {self.python}"
        )

    def _replies(self, lines: IO[bytes], mark: str) -> Iterator[Mapping[str, Any]]:
        """Lines of ours; what a login shell prints is none."""
        strange = 0
        while line := lines.readline(MOST_LINE + 1):
            before, found, answer = line.partition(mark.encode())
            strange += len(before)
            if strange > MOST_STRANGE:
                raise InputError(f"{self.host}: says much that is no answer of ours: {shown(before[:60])}")
            if found and len(line) > MOST_LINE:
                raise InputError(f"{self.host}: wanted answers of {MOST_LINE:,} bytes at most, got more")
            if not found or not line.endswith(b"\n"):  # not ours, or cut
                continue
            try:
                reply = json.loads(answer)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{self.host}: wanted JSON, got {shown(answer[:60])}") from error
            if not isinstance(reply, dict):
                raise InputError(f"{self.host}: wanted an answer, got {shown(reply)[:60]}")
            if "error" in reply:
                raise InputError(f"{self.host}: {shown(reply['error'])[:300]}")
            yield reply

    def _reason(self, code: int, errors: IO[bytes], answered: bool) -> InputError:
        errors.seek(0)
        said = errors.read(MOST_STRANGE).decode("utf-8", "replace")
        last = shown(next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "nothing"))[:300]
        if code == OF_SSH:
            for words, meaning in REFUSALS.items():
                if words in said and not answered:
                    return InputError(f"{self.host}: {meaning.format(ssh=shlex.join(self.words))} (ssh said: {last})")
            return Lost(f"{self.host}: no connection: {last}")
        if code in NOT_FOUND:
            return InputError(f"{self.host}: has no {shown(self.python)} ({last}); name its Python with --python")
        if code:
            return InputError(f"{self.host}: {shown(self.python)} ended with {code}: {last}")
        return InputError(
            f"{self.host}: wanted an answer of {shown(self.python)}, got none; does it run a shell for you there?"
        )


def _give(to: IO[bytes], given: bytes, stream: Iterable[bytes]) -> None:
    """Writes all of it; who does not listen any more has said why."""
    with suppress(BrokenPipeError), to:
        to.write(given)
        for part in stream:
            to.write(part)
