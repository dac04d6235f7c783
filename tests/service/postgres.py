"""A PostgreSQL server of our own for one test run: a temporary folder, a socket, no password, no port."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def binaries():
    """Where initdb and postgres are: on the path, or where Debian puts them; None when absent."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


@contextlib.contextmanager
def server():
    """Yields the URL of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="palitra-pg-"))
    user, prefix = _unprivileged(folder)
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    tools, data = binaries(), folder / "data"
    subprocess.run([*prefix, tools / "initdb", "-D", data, "-U", user, "-A", "trust", "--no-sync"], **run)
    options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]
    process = subprocess.Popen(
        [*prefix, tools / "postgres", "-D", data, "-k", folder, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        until = time.monotonic() + 60
        create = [*prefix, tools / "createdb", "-h", folder, "-U", user, "palitra"]
        while subprocess.run(create, stderr=subprocess.DEVNULL, cwd=folder, check=False).returncode:
            assert time.monotonic() < until, "PostgreSQL did not start"
            time.sleep(0.2)
        yield f"postgresql://{user}@/palitra?host={folder}"
    finally:
        stop = [*prefix, tools / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, check=False)
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder):
    """PostgreSQL refuses to run as root: then it runs as the user of Debian's package."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, []
    shutil.chown(folder, "postgres")
    return "postgres", ["runuser", "-u", "postgres", "--"]
