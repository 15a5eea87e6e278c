"""Whose turn it is: every task once before any twice, and those that teach nothing less often."""

from __future__ import annotations

import json
from collections import Counter

from moesaic.train.samples import drawn
from moesaic.train.turns import Turns


def test_tasks_that_teach_come_in_the_plain_order():
    turns = Turns(7, seed=3)
    for number in (1, 2, 3, 4):
        tasks = turns.draw(5)
        assert tasks == drawn(7, 5, seed=3, number=number)
        for task in tasks:
            turns.report(task, taught=True)


def test_a_task_that_teaches_nothing_sits_out_one_turn_more_each_time_up_to_three():
    turns, seen = Turns(4, seed=0), []
    for _ in range(40):  # one turn of all: three tasks, or four where task 0 has its turn
        epoch = [turns.draw(1)[0] for _ in range(3)]
        seen += epoch
        for task in epoch:
            turns.report(task, taught=task != 0)
    counts = Counter(seen)
    assert counts[0] < min(counts[task] for task in (1, 2, 3)) / 2.5
    assert counts[0] >= 8, "no task is given up"
    turns.report(0, taught=True)
    assert turns.state_dict()["in_vain"] == []


def test_a_turn_that_taught_ends_the_waiting():
    turns = Turns(1, seed=0)
    for _ in range(5):
        assert turns.draw(1) == [0]  # however often it sits out, it comes again
        turns.report(0, taught=False)
    assert turns.state_dict()["in_vain"] == [(0, 3)]


def test_a_stored_state_goes_on_with_the_same_tasks():
    turns = Turns(9, seed=5)
    for task in turns.draw(13):
        turns.report(task, taught=task % 3 == 0)
    other = Turns(9, seed=5)
    other.load_state_dict(json.loads(json.dumps(turns.state_dict())))
    assert [turns.draw(4) for _ in range(6)] == [other.draw(4) for _ in range(6)]
