"""Turns in the lane, with a link that draws when it is told to."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from palitra.errors import BusyError, Cancelled, ImageError, LiveStartingError, ServiceError, SupersededError
from palitra.service.live.lane import MOST_WAITING, MOST_WAITING_OF_OWNER, Lane, Wish
from palitra.service.live.process import Drawn


class Link:
    """Draws the prompt as bytes; holds every picture until it is let go."""

    def __init__(self):
        self.ready, self.drawn, self.stops = True, [], 0
        self.go, self._stopped = asyncio.Semaphore(0), asyncio.Event()

    async def draw(self, png, prompt, seed):
        self.drawn.append(prompt)
        self._stopped.clear()
        both = [asyncio.ensure_future(self.go.acquire()), asyncio.ensure_future(self._stopped.wait())]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.cancel()
        if self._stopped.is_set():
            raise Cancelled("stopped")
        if prompt == "blank":
            raise ImageError("`sketch` must hold lines: draw more than a dot")
        if prompt == "bug":
            raise RuntimeError("a bug")
        return Drawn(prompt.encode(), "image/webp", 5.0)

    def stop(self):
        self.stops += 1
        self._stopped.set()


@asynccontextmanager
async def open_lane():
    link = Link()
    lane = Lane(link)
    lane.start()
    try:
        yield lane, link
    finally:
        await lane.close()


def wish(prompt, owner="ann", tab="tab-1", number=1):
    return Wish(owner, tab, number, b"png", prompt, 0)


async def asked(lane, *args, **more):
    task = asyncio.create_task(lane.ask(wish(*args, **more)))
    await settled()
    return task


async def settled():
    for _ in range(6):
        await asyncio.sleep(0)


def run(test):
    asyncio.run(asyncio.wait_for(test(), 10))


def test_a_picture_goes_to_whom_it_was_drawn_for():
    async def test():
        async with open_lane() as (lane, link):
            first, second = await asked(lane, "a"), await asked(lane, "b", owner="bob")
            link.go.release()
            link.go.release()
            assert [(await task).picture for task in (first, second)] == [b"a", b"b"]

    run(test)


def test_the_newest_of_a_tab_ends_the_one_under_way():
    async def test():
        async with open_lane() as (lane, link):
            old = await asked(lane, "old", number=1)
            new = await asked(lane, "new", number=2)
            with pytest.raises(SupersededError):
                await old
            link.go.release()
            assert (await new).picture == b"new"
            assert link.drawn == ["old", "new"]
            assert link.stops >= 1

    run(test)


def test_one_that_waits_is_replaced_without_being_drawn_and_keeps_its_place():
    async def test():
        async with open_lane() as (lane, link):
            await asked(lane, "under way", owner="zoe")
            old = await asked(lane, "old", number=1)
            other = await asked(lane, "other", owner="bob")
            new = await asked(lane, "new", number=2)
            for _ in range(3):
                link.go.release()
            assert (await new).picture == b"new"
            await other
            assert link.drawn == ["under way", "new", "other"]
            with pytest.raises(SupersededError):
                await old

    run(test)


def test_an_older_one_that_comes_late_is_refused_even_when_the_newer_is_done():
    async def test():
        async with open_lane() as (lane, link):
            link.go.release()
            await (await asked(lane, "new", number=7))
            with pytest.raises(SupersededError):
                await lane.ask(wish("late", number=6))
            link.go.release()
            assert (await (await asked(lane, "again", number=7))).picture == b"again"

    run(test)


def test_two_tabs_do_not_end_each_other():
    async def test():
        async with open_lane() as (lane, link):
            one = await asked(lane, "one", tab="tab-1", number=1)
            two = await asked(lane, "two", tab="tab-2", number=9)
            stranger = await asked(lane, "three", owner="bob", tab="tab-1", number=5)
            for _ in range(3):
                link.go.release()
            assert [(await task).picture for task in (one, two, stranger)] == [b"one", b"two", b"three"]

    run(test)


def test_owners_take_turns():
    async def test():
        async with open_lane() as (lane, link):
            tasks = [await asked(lane, "a0", tab="tab-0")]
            tasks += [await asked(lane, f"a{i}", tab=f"tab-{i}") for i in (1, 2)]
            tasks += [await asked(lane, f"b{i}", owner="bob", tab=f"tab-{i}") for i in (1, 2)]
            for _ in tasks:
                link.go.release()
                await settled()
            await asyncio.gather(*tasks)
            assert link.drawn == ["a0", "b1", "a1", "b2", "a2"]

    run(test)


def test_who_goes_away_gives_up_the_place_and_the_drawing():
    async def test():
        async with open_lane() as (lane, link):
            drawing, waiting = await asked(lane, "gone"), await asked(lane, "gone too", owner="bob")
            stays = await asked(lane, "stays", owner="cy")
            for task in (waiting, drawing):
                task.cancel()
            await settled()
            link.go.release()
            assert (await stays).picture == b"stays"
            assert link.drawn == ["gone", "stays"]

    run(test)


def test_too_many_tabs_are_told_when_to_come_back():
    async def test():
        async with open_lane() as (lane, _):
            await asked(lane, "under way", owner="zoe")
            tasks = [await asked(lane, "w", tab=f"tab-{i}") for i in range(MOST_WAITING_OF_OWNER)]
            with pytest.raises(BusyError, match="`tabs` of yours that wait must be at most 4, got 5") as busy:
                await lane.ask(wish("more", tab="one more"))
            assert (busy.value.status, busy.value.retry_after_s) == (429, 1)
            rest = MOST_WAITING - MOST_WAITING_OF_OWNER
            tasks += [await asked(lane, "w", owner=f"o{i}") for i in range(rest)]
            with pytest.raises(BusyError) as full:
                await lane.ask(wish("more", owner="late"))
            assert full.value.status == 503
            # the newest of a tab that waits already takes no further place
            newer = await asked(lane, "newer", tab="tab-0", number=2)
            assert not newer.done()
            for task in (*tasks, newer):
                task.cancel()

    run(test)


def test_nobody_waits_for_a_worker_that_is_not_there():
    async def test():
        async with open_lane() as (lane, link):
            link.ready = False
            with pytest.raises(LiveStartingError) as starting:
                await lane.ask(wish("a"))
            assert (starting.value.status, starting.value.code) == (503, "live_starting")

    run(test)


def test_what_is_wrong_with_a_wish_is_its_own_answer_and_the_lane_goes_on():
    async def test():
        async with open_lane() as (lane, link):
            for prompt, kind in (("blank", ImageError), ("bug", ServiceError)):
                link.go.release()
                with pytest.raises(kind):
                    await lane.ask(wish(prompt))
            link.go.release()
            assert (await lane.ask(wish("a"))).picture == b"a"

    run(test)


def test_at_the_end_nobody_is_left_waiting():
    async def test():
        async with open_lane() as (lane, _):
            tasks = [await asked(lane, "a"), await asked(lane, "b", owner="bob")]
        for task in tasks:
            with pytest.raises(LiveStartingError):
                await task

    run(test)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("palitra.service.live.lane.MOST_REMEMBERED", 3)

    async def test():
        async with open_lane() as (lane, link):
            for i in range(10):
                link.go.release()
                await lane.ask(wish("a", owner=f"o{i}"))
            assert len(lane._newest) == len(lane._turns) == 3
            assert not lane._waiting

    run(test)
