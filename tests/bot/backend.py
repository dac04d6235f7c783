"""A real service on loopback: the API in a thread, and beside it a worker that draws squares."""

import socket
import threading
import time
from contextlib import contextmanager

import uvicorn

from palitra.service.api.app import create_app
from palitra.service.api.context import Service
from palitra.service.keys import make_key
from palitra.service.settings import Settings
from tests.service.drawing import drawing


class Backend:
    """The API can be stopped and started again at the same address."""

    def __init__(self, folder, **settings):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.settings = Settings(folder=folder, port=self.port, require_key=True, **settings)
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = make_key(self.settings, "telegram", role="agent")
        self._server = None

    def start(self):
        config = uvicorn.Config(
            create_app(self.settings), port=self.port, log_level="error", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 30
        while not self._server.started:
            assert time.monotonic() < until
            time.sleep(0.02)

    def stop(self):
        self._server.should_exit = True
        self._thread.join(10)


@contextmanager
def backend(folder, **settings):
    made = Backend(folder, **settings)
    made.start()
    opened = Service.open(made.settings)
    try:
        with drawing(opened, poll_s=0.05):
            yield made
    finally:
        opened.close()
        made.stop()
