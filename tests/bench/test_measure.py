import time

import numpy as np
import pytest

from pneumo.bench.measure import Cost, agreement, overhead, speedup


def test_a_cost_counts_only_what_happens_inside():
    cost = Cost()
    time.sleep(0.05)
    with cost.counting():
        time.sleep(0.1)
    assert 0.1 <= cost.wall_s < 0.15
    assert cost.cpu_s < 0.05
    assert cost.per(2).wall_s == pytest.approx(cost.wall_s / 2)


def test_speedups_compare_the_best_wall_time_and_the_median_cpu_time():
    wall, cpu = speedup("x", [Cost(2, 4), Cost(1, 5), Cost(9, 6)], [Cost(4, 10), Cost(3, 20), Cost(8, 11)], at_least=2.5)
    assert (wall.ours, wall.reference, wall.ratio, wall.met) == (1, 3, 3, True)
    assert (cpu.ours, cpu.reference, cpu.ratio, cpu.met) == (5, 11, 2.2, False)


def test_an_overhead_is_ours_over_the_limit():
    wall, cpu = overhead("x", [Cost(1.1, 2.4)], [Cost(1, 2)], at_most=1.15)
    assert wall.ratio == pytest.approx(1.1)
    assert cpu.ratio == pytest.approx(1.2)
    assert (wall.met, cpu.met) == (True, False)


def test_an_agreement_is_the_greatest_difference_over_the_allowed_one():
    comparison = agreement("x", [np.zeros(3), np.array([0.1, 0.5])], [np.zeros(3), np.array([0.1, 0.4])], within=0.2)
    assert (comparison.ours, comparison.ratio) == (pytest.approx(0.1), pytest.approx(0.5))
    assert comparison.met
    assert not agreement("x", [np.ones(1)], [np.zeros(1)], within=0.2).met
