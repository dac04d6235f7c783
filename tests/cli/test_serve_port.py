"""A taken port is said in one sentence before anything starts."""

import socket

import pytest

from palitra.cli.serve import _listen
from palitra.errors import InputError


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"`port` must be free: 127.0.0.1:{port} is taken"):
            _listen("127.0.0.1", port)


def test_any_free_port_is_found():
    with _listen("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(InputError, match="cannot be used"):
        _listen("192.0.2.1", 8000)
