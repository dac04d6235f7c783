"""Whether memory stays flat: a thousand jobs through a real worker with the embedded model.

python benchmarks/memory.py [--jobs 1000] [--steps 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import httpx

from crash import ROOT, free_port, start_api
from palitra.service.workers.supervisor import Supervisor

SKETCH = ROOT / "examples" / "sketches" / "giraffe.png"


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for task in tasks for word in (task / "children").read_text("utf-8").split()]


def run(url: str, api: int, jobs: int, steps: int) -> None:
    """Hand in jobs in groups of twenty, look at every picture, print memory after each hundred."""
    with httpx.Client(base_url=url, timeout=120) as client:
        sketch = client.post("/v1/files", files={"file": SKETCH.read_bytes()}).json()["id"]
        print("jobs   API MiB   worker MiB   seconds")
        began = time.perf_counter()
        for done in range(0, jobs, 20):
            ids = []
            for i in range(done, done + 20):
                wish = {"prompt": "a photo of a giraffe", "steps": steps, "seed": i}
                wish |= (
                    {"recipe": "sketch_to_image", "inputs": {"sketch": sketch}}
                    if i % 2
                    else {"recipe": "text_to_image"}
                )
                ids.append(client.post("/v1/jobs", json=wish).raise_for_status().json()["id"])
            for job in ids:
                with client.stream("GET", f"/v1/jobs/{job}/events") as answer:
                    for _ in answer.iter_lines():
                        pass
                told = client.get(f"/v1/jobs/{job}").json()
                assert told["state"] == "done", told
                client.get(f"/v1/images/{told['images'][0]['id']}?format=webp&width=256").raise_for_status()
            if (done + 20) % 100 == 0:
                workers = [resident_mib(child) for child in children(os.getpid()) if child != api]
                seconds = time.perf_counter() - began
                print(
                    f"{done + 20:4} {resident_mib(api):9.0f} {max(workers):12.0f} {seconds:9.0f}", flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PALITRA_FOLDER": folder, "PALITRA_MOST_QUEUED_PER_OWNER": "1000"}
        port = free_port()
        api = start_api(port)
        supervisor = Supervisor(1, [sys.executable, "-m", "palitra", "worker"])
        supervisor.start()
        try:
            run(f"http://127.0.0.1:{port}", api.pid, args.jobs, args.steps)
        finally:
            supervisor.stop(3)
            api.kill()
            api.wait()


if __name__ == "__main__":
    main()
