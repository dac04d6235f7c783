"""A job in words: where it stands, what came out, what went wrong."""

from __future__ import annotations

from typing import Final

from palitra.bot.memory import Wish
from palitra.bot.recipe import Recipe
from palitra.bot.texts import Language, count, duration, say
from palitra.client import ApiError, Image, Job

MOST_CAPTION: Final = 1024
MOST_TEXT: Final = 4000
_MOST_PROMPT: Final = 500


def progress(job: Job, language: Language) -> str:
    """Place or share, and the time left."""
    if job.state == "queued":
        ahead = job.ahead or 0
        place = count(language, ahead, "jobs")
        where = say(language, "place", jobs=place) if ahead else say(language, "next")
    else:
        where = say(language, "drawing", percent=100 * job.done // max(1, job.total))
    if job.eta_s is None:
        return f"{where}\n{say(language, 'no_worker')}"
    return f"{where} · {say(language, 'left', time=duration(language, job.eta_s))}"


def caption(wish: Wish, job: Job, image: Image, recipe: Recipe | None) -> str:
    """The words, the recipe and the seed: Telegram drops what the file says about itself."""
    language = wish.language
    title = wish.prompt or _title(job, image)
    prompt = title if len(title) <= _MOST_PROMPT else title[: _MOST_PROMPT - 1] + "…"
    facts = [recipe.label(language) if recipe else wish.recipe, say(language, "seed", seed=image.seed)]
    params = job.raw["params"]
    for dial in recipe.dials() if recipe else ():
        value = params.get(dial.name)
        if dial.name != "n" and value != dial.default:
            facts.append(f"{dial.label(language)}: {dial.choice(language, value)}")
    notes = job.raw.get("notes") or []
    return "\n".join([prompt, " · ".join(facts), *notes])[:MOST_CAPTION]


def _title(job: Job, image: Image) -> str:
    """What was asked for; of several wishes the picture's own."""
    params = job.raw["params"]
    if image.name and "target" in params:
        return f"{params.get('source') or '…'} → {image.name}"
    return str(job.raw.get("title", ""))


def ending(job: Job, language: Language) -> str:
    """Why there are no pictures."""
    if job.state == "cancelled":
        return say(language, "cancelled")
    return say(language, "failed", detail=job.error or "")[:MOST_CAPTION]


def refusal(error: ApiError, language: Language) -> str:
    """Why the API did not take a wish."""
    detail = str(error)
    if error.retry_after_s is not None:
        time = duration(language, error.retry_after_s)
        return say(language, "busy", detail=detail.rstrip(".") + ".", time=time)[:MOST_CAPTION]
    return say(language, "failed", detail=detail)[:MOST_CAPTION]
