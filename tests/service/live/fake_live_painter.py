"""A live painter without models, and the process of a live worker that uses it."""

import os
import signal
import sys
import time

from PIL import Image

from palitra.errors import Cancelled, ImageError

COMMAND = (sys.executable, "-m", "tests.service.live.fake_live_painter")


class FakeLivePainter:
    """Squares of the seed's colour. Prompts can ask for trouble: "kill", "bug", "print", "slow", "hang"."""

    def draw(self, sketch, prompt, seed, stop):
        if prompt == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt == "bug":
            raise RuntimeError("a bug")
        if prompt == "print":
            os.write(1, b"a library prints")
        if prompt == "hang":
            time.sleep(60)
        if sketch.convert("L").getextrema() == (255, 255):
            raise ImageError("`sketch` must hold lines: draw more than a dot")
        for _ in range(250 if prompt == "slow" else 3):
            if stop():
                raise Cancelled("stopped")
            time.sleep(0.02 if prompt == "slow" else 0.002)
        return Image.new("RGB", (8, 8), colour_of(seed))


def colour_of(seed):
    return seed % 256, seed // 256 % 256, 160


def factory(settings):
    if settings.live_model == "broken":
        raise ImageError("`model` must be whole, got a broken one")
    return FakeLivePainter()


if __name__ == "__main__":
    from palitra.service.live.worker import main

    main(factory)
