from palitra.bot.memory import AlbumPicture, Dialogue, Memory, Person, Wish


def wish(origin="m:7:1:0", person=7):
    return Wish(origin, 7, person, 1, "en", "text_to_image", "a cat", {}, {})


def test_everything_is_there_after_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path / 'deep' / 'bot.sqlite'}"
    first = Memory(url)
    person = Person(7, "ru", "sketch_to_image", {"sketch_to_image": {"n": 2}})
    said = Dialogue("sketch_to_image", ("file",), "")
    first.keep_person(person)
    first.keep_dialogue(7, 7, said)
    kept = first.add_wish(wish())
    first.change_wish(kept.id, job="job", status=5)
    (button,) = first.add_buttons(7, 7, [("cancel", {"wish": kept.id})])
    first.close()
    second = Memory(url)
    assert second.person(7) == person
    assert second.dialogue(7, 7) == said
    (again,) = second.open_wishes()
    assert (again.job, again.status) == ("job", 5)
    assert second.button(button).data == {"wish": kept.id}
    second.close()


def test_what_was_never_said_is_empty(memory):
    assert memory.person(7) == Person(7)
    assert memory.dialogue(7, 7) == Dialogue()
    assert memory.button("nothing") is None
    assert memory.wish(5) is None


def test_a_wish_counts_once(memory):
    assert memory.add_wish(wish())
    assert memory.add_wish(wish()) is None
    assert len(memory.open_wishes()) == 1
    assert memory.open_wishes(7, 8) == []


def test_buttons_are_short_opaque_and_all_different(memory):
    ids = memory.add_buttons(7, 7, [("again", {"job": "j" * 36})] * 50)
    assert len(set(ids)) == 50
    assert all(len(each) == 12 for each in ids)


def test_an_album_is_in_order_and_late_pictures_outlive_it(memory):
    pictures = [AlbumPicture(7, n, "g", 7, "en", f"file-{n}", "", True) for n in (3, 1, 2)]
    for picture in (*pictures[:2], *pictures[:2]):
        memory.keep_album_picture(picture)
    taken = memory.album(7, "g")
    assert [p.message for p in taken] == [1, 3]
    memory.keep_album_picture(pictures[2])
    memory.forget_album(taken)
    assert memory.album(7, "g") == [pictures[2]]
    assert memory.albums() == {(7, "g")}


def test_old_buttons_and_ended_wishes_are_forgotten(memory):
    open_, ended = memory.add_wish(wish("a")), memory.add_wish(wish("b"))
    memory.note_sent(ended.id, "image", arrived=True)
    memory.change_wish(ended.id, state="ended")
    (button,) = memory.add_buttons(7, 7, [("again", {})])
    memory.forget(1)
    assert memory.button(button)
    memory.forget(-1)
    assert memory.button(button) is None
    assert memory.wish(ended.id) is None
    assert memory.sent(ended.id) == {}
    assert memory.wish(open_.id)
