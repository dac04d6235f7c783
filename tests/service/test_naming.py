"""Bytes and the rows that name them: a row without bytes cannot come about, whoever deletes meanwhile."""

import hashlib
import threading
import time

import pytest
from sqlalchemy import delete, insert, select

from palitra.service.files.naming import drop_unnamed, lock_names, name_bytes
from palitra.service.tables import FILES

DATA = b"the same bytes"
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def database(any_database):
    return any_database


def write_row(connection, owner="ann"):
    row = {"id": NAME, "owner": owner, "name": "", "width": 1, "height": 1, "bytes": 1, "notes": []}
    connection.execute(insert(FILES).values(**row, created_at=time.time()))


def hand_in(engine, blobs, owner="ann"):
    blobs.put(DATA)
    with engine.begin() as connection:
        name_bytes(connection, blobs, NAME, DATA)
        write_row(connection, owner)


def test_named_bytes_stay_and_others_go(engine, blobs):
    hand_in(engine, blobs)
    other = blobs.put(b"nobody's")
    assert drop_unnamed(engine, blobs, [NAME, other]) == 1
    assert (blobs.has(NAME), blobs.has(other)) == (True, False)


def test_bytes_deleted_before_their_row_is_written_are_put_again(engine, blobs):
    blobs.put(DATA)
    drop_unnamed(engine, blobs, [NAME])
    with engine.begin() as connection:
        name_bytes(connection, blobs, NAME, DATA)
        write_row(connection)
    assert blobs.get(NAME) == DATA


def test_who_deletes_waits_for_who_is_about_to_name(engine, blobs):
    blobs.put(DATA)
    gone = []
    with engine.begin() as connection:
        name_bytes(connection, blobs, NAME, DATA)
        deleting = threading.Thread(target=lambda: gone.append(drop_unnamed(engine, blobs, [NAME])))
        deleting.start()
        deleting.join(0.1)
        assert deleting.is_alive()
        write_row(connection)
    deleting.join(20)
    assert gone == [0]
    assert blobs.has(NAME)


def test_many_hand_in_and_delete_the_same_and_no_row_is_ever_without_bytes(engine, blobs):
    faults = []

    def one(owner):
        try:
            for _ in range(15):
                hand_in(engine, blobs, owner)
                assert blobs.get(NAME) == DATA
                with engine.begin() as connection:
                    lock_names(connection, [NAME])
                    connection.execute(delete(FILES).where(FILES.c.owner == owner))
                drop_unnamed(engine, blobs, [NAME])
        except Exception as error:  # noqa: BLE001 - told at the end
            faults.append(error)

    threads = [threading.Thread(target=one, args=(f"p{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    with engine.connect() as connection:
        assert connection.execute(select(FILES)).all() == []
    assert not blobs.has(NAME)
