"""A painter without models, and the process of a worker that uses it."""

import os
import signal
import sys
import time

from PIL import Image

from palitra.errors import ConsentError, InputError
from palitra.recipes.picture import Picture


class FakePainter:
    """Draws squares whose colour is the seed. Prompts can ask for trouble: "kill", "fail", "slow"."""

    def __init__(self, settings=None, blobs=None, step_s=0.001):
        self.batches, self.step_s = [], step_s
        self.seconds = {}

    def together(self, job):
        return job.recipe not in ("classes", "edit") and job.params.get("best_of") is None

    def paint(self, jobs, told):
        self.batches.append([job.id for job in jobs])
        if jobs[0].recipe in ("classes", "edit"):
            (self.sheet if jobs[0].recipe == "classes" else self.edits)(jobs[0], told)
            return
        for job in jobs:
            if job.params["prompt"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if job.params["prompt"] == "fail":
                raise InputError("`prompt` must not be fail, got fail")
            if job.params["prompt"] == "bug":
                raise RuntimeError("a bug")
        steps = jobs[0].params["steps"]
        for step in range(1, steps + 1):
            time.sleep(self.step_s * (50 if any(j.params["prompt"] == "slow" for j in jobs) else 1))
            gone = told.dropped()
            if len(gone) == len(jobs):
                return
            for place, job in enumerate(jobs):
                if place not in gone:
                    told.progress(place, step * job.params["n"], steps * job.params["n"])
                    if told.wants_preview(place):
                        told.preview(place, b"jpeg")
        for place, job in enumerate(jobs):
            for i in range(job.params["n"]):
                seed = job.params["seed"] + i
                colour = (seed % 256, seed // 256 % 256, 7)
                told.picture(place, Picture(Image.new("RGB", (8, 8), colour), seed, {"seed": seed}))
        self.seconds[jobs[0].cost_key] = self.step_s * steps

    def sheet(self, job, told):
        seed, n = job.params["seed"], job.params["n"]
        for i in range(n):
            told.picture(0, Picture(Image.new("L", (8, 8), i), seed + i, {}, "part", job.params["label"]))
        told.progress(0, n, n)
        told.picture(0, Picture(Image.new("RGB", (80, 40), "white"), seed, {}, "sheet"))

    def edits(self, job, told):
        """A square for each wish; one that speaks of failing fails."""
        if "stranger" in job.params["target"] and not job.consent:
            raise ConsentError("`consent` must be true for a photo that seems to show a person, got false")
        seed, wishes = job.params["seed"], job.params["target"].splitlines()
        if any("fail" in wish for wish in wishes):
            raise InputError("`target` must not be fail, got fail")
        for turn, wish in enumerate(wishes):
            for i in range(job.params["n"]):
                colour = (seed % 256, 40 * turn, 7)
                picture = Picture(Image.new("RGB", (8, 8), colour), seed + i, {}, name=wish, turn=turn)
                told.picture(0, picture)
            told.progress(0, (turn + 1) * 10, len(wishes) * 10)


if __name__ == "__main__":
    from palitra.service.settings import Settings
    from palitra.service.workers.worker import Worker

    number = int(sys.argv[sys.argv.index("--number") + 1]) if "--number" in sys.argv else 0
    Worker(Settings(), number, FakePainter).run()
