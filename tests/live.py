"""Websocket clients, and the application behind a socket in this process: what gunicorn does, in threads."""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from typing import Any

import orjson
from simple_websocket import Client, ConnectionClosed
from wsproto.frame_protocol import FrameProtocol, Opcode

from reviva.api.app import create_app
from reviva.realtime.live import Live
from reviva.services import Services

Message = dict[str, Any]


class Front:
    """A port of this process: each connection is one request, served in a thread of its own."""

    def __init__(self, services: Services, send_buffer: int = 0) -> None:
        services.sockets = self.live = Live(services.live)
        self.app = create_app(services)
        self._listener = socket.create_server(("127.0.0.1", 0))
        if send_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/api/live"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.live.drain()
        self.live.stop()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with closing(client), suppress(StopIteration, OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            first, *lines = head.decode().strip().split("\r\n")
            method, target, _ = first.split(" ")
            path, _, query = target.partition("?")
            environ = {
                "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": target,
                "REMOTE_ADDR": "192.0.2.7", "wsgi.input": BytesIO(), "wsgi.url_scheme": "http",
                "gunicorn.socket": client,
            }  # fmt: skip
            for line in lines:
                name, _, value = line.partition(":")
                environ["HTTP_" + name.upper().replace("-", "_")] = value.strip()
            told: list[Any] = []
            body = self.app.wsgi(environ, lambda status, headers: told.extend((status, headers)))
            shown = "".join(f"{name}: {value}\r\n" for name, value in told[1])
            client.sendall(f"HTTP/1.1 {told[0]}\r\n{shown}\r\n".encode() + b"".join(body))


@contextmanager
def listening(services: Services, send_buffer: int = 0) -> Iterator[Front]:
    """The application at a port, with live events going on."""
    front = Front(services, send_buffer)
    front.live.start()
    try:
        yield front
    finally:
        front.close()


class Ear(Client):
    """A client that reads JSON; its last words are in `code` and `why`."""

    def _thread(self) -> None:
        """Reads first what came along with the answer to the handshake, which the library leaves lying."""
        self.connected = self._handle_events()
        super()._thread()

    def next(self, seconds: float = 10) -> Message:
        """The next message."""
        said = self.receive(timeout=seconds)
        assert said is not None, "nothing was heard"
        return dict(orjson.loads(said))

    def until(self, id: int) -> list[Message]:
        """Every message up to that of an event."""
        heard = [self.next()]
        while heard[-1]["id"] < id:
            heard.append(self.next())
        return heard

    def end(self, seconds: float = 10) -> int:
        """The code with which the other side closes, whatever it says before."""
        try:
            while self.receive(timeout=seconds) is not None:
                pass
        except ConnectionClosed as closed:
            return int(closed.reason)
        raise AssertionError("it was not closed")


def listen(url: str, token: str | None, headers: dict[str, str] | None = None, **query: Any) -> Ear:
    """A connected client."""
    asked = "&".join(f"{name}={value}" for name, value in {"token": token, **query}.items() if value is not None)
    return Ear.connect(f"{url}?{asked}", headers=headers or {})  # type: ignore[no-any-return]


class Deaf:
    """A raw socket after its handshake: it answers nothing, and reads when it is told to."""

    def __init__(self, url: str, token: str, buffer: int = 0, key: str | None = None) -> None:
        place, _, path = url.removeprefix("ws://").partition("/")
        host, _, port = place.partition(":")
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        key = base64.b64encode(os.urandom(16)).decode() if key is None else key
        self.socket.sendall(
            f"GET /{path}?token={token} HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\n{f'Sec-WebSocket-Key: {key}' if key else 'X: y'}\r\n\r\n".encode()
        )
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.socket.recv(1)
        assert b" 101 " in self.head, self.head

    def frames(self) -> list[tuple[Opcode, Any]]:
        """All that comes until the other side ends the connection."""
        protocol, frames = FrameProtocol(True, []), []
        with suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                protocol.receive_bytes(data)
                frames += [(frame.opcode, frame.payload) for frame in protocol.received_frames()]
        return frames

    def end(self) -> int:
        """The code of the close, after whatever was said before."""
        (code,) = [payload[0] for opcode, payload in self.frames() if opcode is Opcode.CLOSE]
        self.socket.close()
        return int(code)
