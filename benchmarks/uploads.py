"""A thousand hostile uploads through the API: what is taken, what is refused, how long, who survives.

python benchmarks/uploads.py [--count 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from starlette.testclient import TestClient

from palitra.service.api.app import create_app
from palitra.service.settings import Settings
from tests.service.hostile_uploads import hostile_uploads, whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    answers: Counter[tuple[int, str]] = Counter()
    slowest: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder), rate=0, uploads_per_hour=0, trusted_hosts=("testserver",))
        with TestClient(create_app(settings), raise_server_exceptions=False) as client:
            began = time.perf_counter()
            for kind, data in itertools.islice(hostile_uploads(args.seed), args.count):
                start = time.perf_counter()
                answer = client.post("/v1/files", files={"file": ("a.png", data)})
                slowest[kind] = max(slowest.get(kind, 0.0), time.perf_counter() - start)
                code = answer.json().get("code", "taken")
                answers[answer.status_code, code] += 1
                if answer.status_code not in (201, 422):
                    print(f"{kind}: {answer.status_code} {answer.text[:200]}")
            seconds = time.perf_counter() - began
            alive = client.post("/v1/files", files={"file": ("a.png", whole("PNG"))}).status_code == 201
    for (status, code), count in sorted(answers.items()):
        print(f"{status} {code}: {count}")
    print(f"{args.count} uploads: {seconds:.1f} s, {1000 * seconds / args.count:.0f} ms each")
    for kind, worst in sorted(slowest.items(), key=lambda each: -each[1])[:5]:
        print(f"slowest of {kind}: {worst:.2f} s")
    print(f"an honest picture afterwards: {'taken' if alive else 'REFUSED'}")
    sys.exit(not alive or bool({s for s, _ in answers} - {201, 422}))


if __name__ == "__main__":
    main()
