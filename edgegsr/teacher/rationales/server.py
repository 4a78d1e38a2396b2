"""A server that speaks /v1/chat/completions, asked with patience: time-outs, tries, a budget. Standard library only.

The API key comes from the environment; it is in no message, no file and no option.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from PIL import Image

from edgegsr.errors import InputError
from edgegsr.files import writing
from edgegsr.images import open_image
from edgegsr.scoring.jsonlines import show
from edgegsr.teacher.rationales.answers import Answers
from edgegsr.teacher.rationales.dialogue import Question, Unanswered
from edgegsr.teacher.rationales.report import Report

BUSY = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # statuses after which the same request may succeed
HOPELESS = {301, 302, 303, 307, 308, 401, 403, 404, 405}  # those after which no request will
LONGEST_WAIT_S = 600.0
MOST_BYTES = 4 << 20  # of a reply
BUDGET, STOPPED = "budget", "stopped"
REQUESTS = "requests"  # a file that is a byte longer after each
JPEG_QUALITY = 90
PATH = "/chat/completions"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class EndpointOptions:
    """Where a model answers and how it is asked."""

    url: str = ""  # "https://host/v1"
    model: str = ""
    key_env: str = ""  # the environment variable that holds the API key; "": none is sent
    concurrency: int = 8  # images at a time
    timeout_s: float = 60.0  # for one request
    tries: int = 6  # of one request to a server that is busy or broken
    wait_s: float = 1.0  # before the second try, about twice as long before each further one
    max_requests: int | None = None  # over all runs into the same folder
    side: int = 512  # longest side of the image that is sent, in pixels
    settings: Mapping[str, Any] = field(default_factory=lambda: {"temperature": 0, "max_tokens": 400})

    def __post_init__(self) -> None:
        for name, least in (("concurrency", 1), ("tries", 1), ("side", 32), ("timeout_s", 0.01), ("wait_s", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.max_requests is not None and self.max_requests < 0:
            raise InputError(f"max_requests must be at least 0, got {self.max_requests}")


def check_endpoint(options: EndpointOptions) -> None:
    """Refuses an address or a key that cannot be."""
    _url(options.url)
    _key(options.key_env)


class Server:
    """A server that answers questions; for many threads."""

    def __init__(self, options: EndpointOptions, prompt_id: str, folder: Path, report: Report) -> None:
        self.options, self.report = options, report
        self.url, self.key = _url(options.url), _key(options.key_env)
        self.shown = self.url.partition("?")[0]
        if not options.model:
            raise InputError("--model: wanted the name of the model to ask, got none")
        settings = json.dumps([options.model, prompt_id, options.side, dict(options.settings)], sort_keys=True)
        self.answers = Answers(folder, settings)
        self.asked = folder / REQUESTS
        self.spent = self.asked.stat().st_size if self.asked.is_file() else 0
        self.lock, self.stop, self.opener = Lock(), Event(), urllib.request.build_opener(_NoRedirect)

    def answer(self, question: Question) -> str:
        """What the model says, now or in an earlier run."""
        if (known := self.answers.get(question)) is not None:
            with self.lock:
                self.report.remembered += 1
            return known
        try:
            said = self._ask(json.dumps(self._body(question)).encode())
            self.answers.add(question, said)
        except InputError:  # nobody else need find it out
            self.stop.set()
            raise
        return said

    def _body(self, question: Question) -> dict[str, Any]:
        content = [
            {"type": "image_url", "image_url": {"url": data_url(question.subject.path, self.options.side)}},
            {"type": "text", "text": question.text},
        ]
        messages = [{"role": "user", "content": content}]
        return {**self.options.settings, "model": self.options.model, "messages": messages}

    def _ask(self, body: bytes) -> str:
        """The text of a reply; tries again while the server is busy or broken."""
        for attempt in range(1, self.options.tries + 1):
            self._spend()
            try:
                return self._post(body)
            except _Busy as busy:
                if attempt == self.options.tries:
                    raise Unanswered(str(busy), busy.detail) from None
                self.stop.wait(_pause(busy.wait_s, self.options.wait_s, attempt))
        raise AssertionError("tries is at least 1")

    def _spend(self) -> None:
        with self.lock:
            if self.stop.is_set():
                raise Unanswered(STOPPED)
            if self.options.max_requests is not None and self.spent >= self.options.max_requests:
                raise Unanswered(BUDGET)
            with writing(self.asked), self.asked.open("ab") as file:
                file.write(b".")
            self.spent += 1
            self.report.asked += 1

    def _post(self, body: bytes) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "edgegsr"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url, body, headers, method="POST")
        end = time.monotonic() + self.options.timeout_s
        try:
            with self.opener.open(request, timeout=self.options.timeout_s) as reply:
                text = self._read(reply, end)
        except urllib.error.HTTPError as error:
            raise self._failure(error, end) from None
        except Unanswered:
            raise
        except TimeoutError:
            raise _Busy("timeout") from None
        except Exception as error:  # refused, reset, cut off: each layer below has exceptions of its own
            timeout = isinstance(getattr(error, "reason", None), TimeoutError)
            raise _Busy("timeout" if timeout else "connection", self._clean(error)) from None
        return _content(text)

    def _read(self, reply: Any, end: float) -> str:
        """The reply as text; a server that drips it out is as slow as one that says nothing."""
        content = b""
        while part := reply.read1(1 << 16):
            content += part
            if time.monotonic() > end:
                raise TimeoutError
            if len(content) > MOST_BYTES:
                raise _Busy("broken reply", f"more than {MOST_BYTES:,} bytes")
        text = content.decode("utf-8", "replace")
        return text.replace(self.key, "***") if self.key else text  # some servers repeat what they were sent

    def _failure(self, error: urllib.error.HTTPError, end: float) -> Exception:
        """What a status other than 200 means."""
        status = f"http {error.code}"
        try:
            with error:
                detail = self._clean(self._read(error, end))
        except Exception:  # a server that fails may fail while it says so
            detail = ""
        if error.code in BUSY or error.code >= 500:
            return _Busy(status, detail, _retry_after(error.headers.get("Retry-After")))
        if error.code not in HOPELESS:
            return Unanswered(status, detail)
        key = ""
        if error.code in (401, 403):
            key = f"; the key in {self.options.key_env} may be wrong" if self.key else "; name its key by --api-key-env"
        return InputError(
            f"{self.shown}: wanted a reply of model {self.options.model!r}, got status {error.code} {detail}{key}; "
            "check --endpoint and --model"
        )

    def _clean(self, text: Any) -> str:
        """A few words of what a server says, on one line, without the key."""
        said = str(text).replace(self.key, "***") if self.key else str(text)
        return show(" ".join(said.split()))


class _Busy(Unanswered):
    """A failure after which the same request may succeed, and how long the server wants us to wait."""

    def __init__(self, reason: str, detail: str = "", wait_s: float = 0.0) -> None:
        super().__init__(reason, detail)
        self.wait_s = wait_s


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another host would get the key."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def data_url(path: Path, side: int) -> str:
    """The image as a JPEG of at most `side` pixels, in one line of text."""
    image, jpeg = Image.fromarray(open_image(path, side)), io.BytesIO()
    image.thumbnail((side, side))
    image.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()


def _content(reply: str) -> str:
    """What the model says in a reply; nothing where it declines."""
    try:
        content = json.loads(reply)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise _Busy("broken reply", show(reply)) from None
    return content if isinstance(content, str) else ""


def _pause(asked_s: float, wait_s: float, attempt: int) -> float:
    """How long to wait after this attempt: twice as long each time, never in step with other threads."""
    own_s = wait_s * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)
    return min(max(asked_s, own_s), LONGEST_WAIT_S)


def _retry_after(value: str | None) -> float:
    """The seconds that a Retry-After header asks for, which may be a date."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _url(base: str) -> str:
    """The address to post to."""
    try:
        parts = urlsplit(base)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in base
    except ValueError:
        good = False
    if not good:
        got = "one with a user in it" if "@" in base else show(base)
        raise InputError(f"--endpoint: wanted an address such as https://host/v1, got {got}")
    path = parts.path.rstrip("/").removesuffix(PATH) + PATH
    return urlunsplit(parts._replace(path=path, fragment=""))


def _key(name: str) -> str:
    """The API key from the environment; messages never show what may be one."""
    if not name:
        return ""
    if not NAME.fullmatch(name):
        raise InputError(
            "--api-key-env: wanted the name of an environment variable that holds the key, such as OPENAI_API_KEY, got "
            "something else; the key itself belongs in that variable"
        )
    key = os.environ.get(name, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "holds letters that no key has" if key else "is not set"
        raise InputError(f"--api-key-env: the environment variable {name} {state}; export the API key in it")
    return key
