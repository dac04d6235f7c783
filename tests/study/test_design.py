from collections import Counter
from dataclasses import replace

import pytest

from palitra.errors import InputError
from palitra.study.design import NOISE, Design, plan

DESIGN = Design(arms=4, items=10, pairs=12, checks=3, seed=5)


def real(trials):
    return [t for t in trials if not t.is_check]


def pair_of(trial):
    return frozenset((trial.left, trial.right))


@pytest.mark.parametrize("against", [None, 2])
@pytest.mark.parametrize(
    ("arms", "items", "pairs"), [(2, 5, 3), (4, 10, 12), (5, 7, 13), (3, 9, 18), (6, 4, 9)]
)
def test_every_pair_of_arms_comes_equally_often(arms, items, pairs, against):
    design = Design(arms, items, pairs, 2, seed=1, against=against if arms > 2 else None)
    seen = Counter()
    for number in range(17):
        shown = real(plan(design, number))
        assert len(shown) == pairs
        one = Counter(map(pair_of, shown))
        # of one participant, and of all so far
        assert max(one.values()) - min(one[frozenset(p)] for p in design.met) <= 1
        seen += one
        assert max(seen.values()) - min(seen[frozenset(p)] for p in design.met) <= 1
    assert set(seen) == set(map(frozenset, design.met))


@pytest.mark.parametrize(("arms", "items"), [(4, 10), (3, 6), (4, 9), (5, 7)])
def test_after_the_whole_circle_every_cell_was_shown_once(arms, items):
    design = Design(arms, items, pairs=1, checks=0, seed=2)
    cells = Counter((pair_of(t), t.item) for n in range(design.cells) for t in plan(design, n))
    assert len(cells) == design.cells
    assert set(cells.values()) == {1}


def test_a_participant_meets_an_item_once_where_there_are_enough():
    design = Design(arms=4, items=40, pairs=30, checks=0, seed=3)
    for number in range(4):
        assert len({t.item for t in plan(design, number)}) == 30


def test_sides_are_even_for_everyone_and_by_chance_over_all():
    design = Design(arms=3, items=30, pairs=30, checks=0, seed=4)
    first = Counter()
    for number in range(60):
        shown = plan(design, number)
        for pair in design.met:
            left = sum((t.left, t.right) == pair for t in shown)
            assert left == 5
        first[(shown[0].left < shown[0].right)] += 1
    # 60 fair throws fall outside 15 to 45 with a chance of 1e-4
    assert 15 <= first[True] <= 45


def test_checks_are_spread_and_show_noise_beside_an_edit():
    for number in range(20):
        trials = plan(DESIGN, number)
        assert len(trials) == 15
        places = [i for i, t in enumerate(trials) if t.is_check]
        assert [place // 5 for place in places] == [0, 1, 2]
        for trial in (trials[p] for p in places):
            assert sorted((trial.left, trial.right))[0] == NOISE
            assert max(trial.left, trial.right) in range(4)
    lefts = [t.left == NOISE for n in range(40) for t in plan(DESIGN, n) if t.is_check]
    assert 40 <= sum(lefts) <= 80


def test_the_plan_is_the_seeds_and_the_participants():
    assert plan(DESIGN, 3) == plan(DESIGN, 3)
    assert plan(DESIGN, 3) != plan(DESIGN, 4)
    assert plan(DESIGN, 3) != plan(replace(DESIGN, seed=6), 3)


def test_against_one_arm_every_pair_holds_it():
    trials = real(plan(replace(DESIGN, against=1), 0))
    assert all(1 in (t.left, t.right) for t in trials)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"arms": 1}, "arms"),
        ({"items": 0}, "items"),
        ({"pairs": 0}, "pairs"),
        ({"pairs": 61}, "pairs"),
        ({"items": 1000, "pairs": 201}, "pairs"),
        ({"checks": -1}, "checks"),
        ({"checks": 21}, "checks"),
        ({"against": 4}, "against"),
    ],
)
def test_bad_designs_name_the_field(change, named):
    with pytest.raises(InputError, match=f"`{named}` must be in"):
        plan(replace(DESIGN, **change), 0)
