"""A typed client of the REST API, synchronous and asynchronous.

with Client("http://127.0.0.1:8000") as palitra:
    job = palitra.sketch("cat.png", "a photo of a cat", n=2)
    palitra.save(palitra.wait(job.id), "out")
"""

from palitra.client.answers import ApiError, Event, Image, Job, LivePicture
from palitra.client.awaiting import AsyncClient
from palitra.client.blocking import Client

__all__ = ["ApiError", "AsyncClient", "Client", "Event", "Image", "Job", "LivePicture"]
