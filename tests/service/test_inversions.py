"""Inversions on disk show the photos they are of: they go when nobody asked for them in a while."""

import os

from palitra.service.workers.edit_painter import EditPainter
from palitra.service.workers.inversions import drop_old


def test_only_what_was_not_used_for_so_long_goes(tmp_path):
    for name, used in (("old", 100), ("young", 950), ("cut.part", 1)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (used, used))
    assert drop_old(tmp_path, 100, now=1000) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["young"]


def test_a_folder_that_is_not_there_yet_holds_nothing(tmp_path):
    assert drop_old(tmp_path / "none", 1) == 0


def test_without_a_time_they_are_kept_in_memory_only(tmp_path):
    assert EditPainter(None, tmp_path, keep_s=0).store.folder is None
    assert EditPainter(None, tmp_path, keep_s=60).store.folder == tmp_path
