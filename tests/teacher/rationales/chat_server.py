"""A real HTTP server that speaks /v1/chat/completions as the test wants it to, and remembers what it was asked.

Run as a program, this file is a client in a process of its own, so that it can be killed.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Reply:
    """What the server sends."""

    content: Any = ""  # what the model says
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # instead of a proper body
    cut: bool = False  # only half of the body comes, then the connection is closed
    wait_s: float = 0.0
    drip_s: float = 0.0  # between two bytes


@dataclass(frozen=True)
class Asked:
    """One request as the server got it."""

    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.body["messages"][0]["content"][1]["text"])

    @property
    def image(self) -> str:
        return str(self.body["messages"][0]["content"][0]["image_url"]["url"])

    @property
    def is_judging(self) -> bool:
        return "yes or no" in self.text


def good(asked: Asked) -> str:
    """What a good model says."""
    if asked.is_judging:
        return "no" if "wrongly" in asked.text else "yes"
    shape = json.loads(next(line for line in asked.text.splitlines() if line.startswith('{"glimpse_pos"')))
    clauses = {"gaze_pos": dict.fromkeys(shape["gaze_pos"], "clearly on the left")}
    lies = {"gaze_neg": dict.fromkeys(shape["gaze_neg"], "wrongly on the left")}
    return json.dumps({"glimpse_pos": "It clearly shows.", "glimpse_neg": "It wrongly shows.", **clauses, **lies})


Behaviour = Callable[[Asked, int], Reply]  # a request and its number, from 0


class ChatServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.lock = behaviour, threading.Lock()
        self.asked: list[Asked] = []
        self.in_flight = self.most_in_flight = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(time.monotonic(), self.path, dict(self.headers), body)
        with self.server.lock:
            number = len(self.server.asked)
            self.server.asked.append(asked)
            self.server.in_flight += 1
            self.server.most_in_flight = max(self.server.most_in_flight, self.server.in_flight)
        try:
            reply = self.server.behaviour(asked, number)
            time.sleep(reply.wait_s)
        finally:  # before the client can know of it and ask again
            with self.server.lock:
                self.server.in_flight -= 1
        self.send(reply)

    def do_GET(self) -> None:
        self.server.asked.append(Asked(time.monotonic(), self.path, dict(self.headers), {}))
        self.send_response(200)
        self.end_headers()

    def send(self, reply: Reply) -> None:
        told = {"choices": [{"message": {"role": "assistant", "content": reply.content}}]}
        raw = json.dumps(told).encode() if reply.raw is None else reply.raw
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for i in range(len(raw) if reply.drip_s else 0):
            self.wfile.write(raw[i : i + 1])
            time.sleep(reply.drip_s)
        if not reply.drip_s:
            self.wfile.write(raw[: len(raw) // 2 if reply.cut else None])
        if reply.cut:
            self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(behaviour: Behaviour | None = None) -> Iterator[ChatServer]:
    """A server in a thread of its own."""
    server = ChatServer(behaviour or (lambda asked, number: Reply(good(asked))))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":  # the toy world, the address, the output folder
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import toyworld
    from making import make

    from edgegsr.teacher.rationales.server import EndpointOptions
    from edgegsr.teacher.rationales.writers import RationaleOptions

    root, url, out = sys.argv[1:]
    endpoint = EndpointOptions(url, "stub", concurrency=1, timeout_s=20)
    split = toyworld.open_split(Path(root), "train")
    make(split, Path(out), RationaleOptions("endpoint", endpoint=endpoint))
