import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moesaic.report.charts import Bar, Curve, bar_chart, heat_map, line_chart, nice_ticks
from moesaic.report.summary import Score, metric_of

LOSS = metric_of("loss")


def read(svg):
    return ElementTree.fromstring(svg)


def test_bar_lengths_are_proportional_and_whiskers_span_the_interval():
    scores = [Score(0.5, 10, 0.4, 0.6), Score(1.0, 10, 0.9, 1.1), Score(None)]
    bars = [Bar(f"s{index}", "base", score) for index, score in enumerate(scores)]
    root = read(bar_chart("Loss", LOSS, [("Python", bars)]))
    rects = root.findall(".//rect")
    widths = [float(rect.get("width")) for rect in rects]
    assert len(widths) == 2  # an undefined score has no bar
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    whisker = root.find(".//path[@class='whisker']").get("d")
    low, high = map(float, re.match(r"M([\d.]+) [\d.]+H([\d.]+)", whisker).groups())
    left = float(rects[0].get("x"))
    assert (low - left) / widths[0] == pytest.approx(0.8, abs=0.01)
    assert (high - left) / widths[0] == pytest.approx(1.2, abs=0.01)
    assert "n = 10" in root.find(".//g/title").text


def test_bars_of_zeros_draw():
    assert "0.000" in bar_chart("Loss", LOSS, [("Python", [Bar("Base", "base", Score(0.0, 1, 0.0, 0.0))])])


def test_line_chart_rings_the_best_validation():
    curve = Curve([(1, 2.0), (2, math.nan), (3, 1.0)], [(0, 2.5), (2, 1.2), (3, 1.4)])
    root = read(line_chart("Training", curve))
    ringed = root.findall(".//circle[@class='point best']")
    assert [circle.find("title").text for circle in ringed] == ["step 2: validation loss 1.2000, best"]
    assert "best validation loss 1.2000 at step 2 of 3" in root.find("desc").text


def test_line_chart_of_a_reward_rings_the_highest():
    curve = Curve([(1, 0.2), (2, 0.3)], [(0, 0.1), (1, 0.4), (2, 0.3)], "reward", highest=True)
    text = line_chart("Reward", curve)
    assert "best validation reward 0.4000 at step 1 of 2" in text
    (ring,) = [circle for circle in read(text).findall(".//circle") if "best" in circle.get("class")]
    assert "step 1: validation reward 0.4000, best" in "".join(ring.itertext())


def test_line_chart_of_nothing_and_of_one_point():
    assert "no steps" in line_chart("Training", Curve([], []))
    assert len(read(line_chart("Training", Curve([], [(0, 1.5)]))).findall(".//circle")) == 1


def test_long_runs_are_thinned_to_means():
    curve = Curve([(step, 1.0) for step in range(1, 10_001)], [])
    path = read(line_chart("Training", curve)).find(".//path[@class='curve']").get("d")
    assert 100 < path.count("L") <= 240


def test_heat_map_shades_by_share_and_frames_the_own_row():
    root = read(heat_map("Routing", ["a", "b"], ["0", "1", "2"], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], 1))
    cells = root.findall(".//rect[@class='heat']")
    assert [float(cell.get("fill-opacity")) for cell in cells] == [0.04, 1.0, 0.52, 0.52, 1.0, 0.04]
    assert len(root.findall(".//rect[@class='frame']")) == 1
    assert root.find("desc").text == "mean over layers: a 0.50, b 0.50"
    assert read(heat_map("Routing", ["a"], ["0"], [[1.0]], None)).find(".//rect[@class='frame']") is None


def test_text_is_escaped():
    hostile = "<script>&\"'"
    bars = [(hostile, [Bar(hostile, "base", Score(0.5, 1))])]
    for svg in (
        bar_chart(hostile, LOSS, bars),
        line_chart(hostile, Curve([(0, 1.0)], [])),
        heat_map(hostile, [hostile], [hostile], [[0.5]], 0),
    ):
        read(svg)
        assert "<script" not in svg


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_ticks_enclose_the_range(low, span, count):
    ticks = nice_ticks(low, low + span, count)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= count + 3
    slack = 1e-6 * max(1.0, abs(low) + span)
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + span - slack
