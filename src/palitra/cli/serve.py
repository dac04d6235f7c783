"""`palitra serve | worker | keys`: the service's processes."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from palitra.errors import InputError

if TYPE_CHECKING:
    from palitra.service.settings import Settings

keys = typer.Typer(help="API keys of a service with `require_key`.", no_args_is_help=True)
Folder = Annotated[Path | None, typer.Option(help="Folder of the database and of files.")]
Db = Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://…")]


def serve(
    folder: Folder = None,
    db: Db = None,
    host: Annotated[str | None, typer.Option(help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen at.")] = None,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Worker processes on this machine.")] = 1,
    model: Annotated[str | None, typer.Option(help="The model that is warm at start.")] = None,
    live: Annotated[
        bool | None, typer.Option(help="Pictures while one draws; by default where there are workers.")
    ] = None,
) -> None:
    """Start the API and, beside it, workers that draw."""
    settle(folder=folder, db=db, host=host, port=port, model=model, live=live)
    import uvicorn

    from palitra.service.api.app import create_app
    from palitra.service.live.process import WORKER
    from palitra.service.logs import set_up
    from palitra.service.settings import Settings
    from palitra.service.workers.supervisor import Supervisor

    settings = Settings().check()
    set_up(settings.log, settings.audit or settings.folder / "audit.jsonl")
    listening = _listen(settings.host, settings.port)
    # a machine without workers draws nothing, unless somebody says that it shall
    drawn_here = workers > 0 or "live" in settings.model_fields_set
    app = create_app(settings, WORKER if settings.live and drawn_here else None)
    supervisor = Supervisor(workers)
    # uvicorn raises SIGTERM again when it has stopped: it must not end us before the workers have
    signal.signal(signal.SIGTERM, _leave)
    supervisor.start()
    port = listening.getsockname()[1]
    sys.stdout.write(f"palitra: http://{settings.host}:{port} (API: /docs), Ctrl-C stops\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, server_header=False)
    try:
        uvicorn.Server(config).run([listening])
    finally:
        supervisor.stop(settings.grace_s + 5)


def _listen(host: str, port: int) -> socket.socket:
    """An open socket, before anything else starts.

    Raises:
        InputError: the address is taken or is none of this machine's.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise InputError(f"`port` must be free: {host}:{port} {why}; `--port` chooses another") from error
    return listening


def _lives(settings: Settings, number: int) -> bool:
    from palitra.service.database import open_database
    from palitra.service.workers.heartbeat import is_alive
    from palitra.service.workers.worker import worker_id

    return is_alive(open_database(settings.database_url), worker_id(number), settings.dead_after_s)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def worker(
    folder: Folder = None,
    db: Db = None,
    number: Annotated[int, typer.Option(min=0, help="Tells workers of one machine apart.")] = 0,
    model: Annotated[str | None, typer.Option(help="The model that is warm at start.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say whether this worker lives.")] = False,
) -> None:
    """Work for a service: claim jobs and draw them."""
    settle(folder=folder, db=db, model=model, device=device)
    from palitra.service.logs import set_up
    from palitra.service.settings import Settings
    from palitra.service.workers.worker import Worker

    settings = Settings()
    if check:
        raise typer.Exit(0 if _lives(settings, number) else 1)
    set_up(settings.log)
    Worker(settings, number).run()


@keys.command("add")
def add_key(
    owner: Annotated[str, typer.Argument(help="Whose jobs the key sees.")],
    name: Annotated[str, typer.Option(help="To recognise it by.")] = "",
    operator: Annotated[
        bool, typer.Option("--operator", help="May pause the queue and see metrics.")
    ] = False,
    agent: Annotated[bool, typer.Option("--agent", help="Asks for many people, as the bot does.")] = False,
    folder: Folder = None,
    db: Db = None,
) -> None:
    """Make a key and print it once; only its hash is kept."""
    if operator and agent:
        raise InputError("`--operator` and `--agent` exclude each other")
    settle(folder=folder, db=db)
    from palitra.service.keys import make_key
    from palitra.service.settings import Settings

    role = "operator" if operator else "agent" if agent else "user"
    sys.stdout.write(make_key(Settings(), owner, name, role) + "\n")


@keys.command("list")
def list_keys(folder: Folder = None, db: Db = None) -> None:
    """Show keys by name; the keys themselves are not kept."""
    settle(folder=folder, db=db)
    from palitra.service.keys import all_keys
    from palitra.service.settings import Settings

    for key in all_keys(Settings()):
        sys.stdout.write(f"{key.id}  {key.owner}  {key.role}  {key.name}\n")


@keys.command("remove")
def remove_key(key: str, folder: Folder = None, db: Db = None) -> None:
    """Make a key invalid, by its id."""
    settle(folder=folder, db=db)
    from palitra.service.keys import drop_key
    from palitra.service.settings import Settings

    drop_key(Settings(), key)


def settle(**options: object) -> None:
    """Options become environment, so that the workers that are started inherit them.

    Raises:
        InputError: the service's libraries are not installed.
    """
    missing = [name for name in ("dbos", "fastapi", "uvicorn", "obstore") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"the service needs more libraries ({', '.join(missing)}): pip install 'palitra[service]'"
        )
    for name, value in options.items():
        if value is not None:
            os.environ[f"PALITRA_{name.upper()}"] = str(value)
