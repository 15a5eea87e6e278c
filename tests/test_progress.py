import io
import json

import pytest
from rich.console import Console

from moesaic import progress
from moesaic.progress import Bar, MetricsLog, read_metrics, say, track


@pytest.fixture
def screen(monkeypatch):
    """Replaces the console by one that writes to memory; ``terminal`` decides what it takes itself for."""

    def make(terminal):
        stream = io.StringIO()
        monkeypatch.setattr(progress, "console", Console(file=stream, force_terminal=terminal, width=120))
        return stream

    return make


def test_without_a_terminal_one_line_at_the_end(screen):
    stream = screen(False)
    with Bar("gates", 3, "steps") as bar:
        for step in range(3):
            bar.advance(1, loss=1.5 - 0.25 * step, device="cpu")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gates: 3/3 steps")
    assert lines[0].endswith("loss 1  device cpu")


def test_without_a_terminal_a_line_every_ten_seconds(screen, monkeypatch):
    stream = screen(False)
    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with Bar("[data]", 100, "programs") as bar:
        for _ in range(4):
            bar.advance(10)
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 3
    assert lines[0].startswith("[data]: 20/100 programs")
    assert "eta" in lines[0]
    assert "eta" not in lines[-1]


def test_a_failed_piece_of_work_is_not_reported_as_done(screen):
    stream = screen(False)
    with pytest.raises(RuntimeError), Bar("work", 2):
        raise RuntimeError
    assert stream.getvalue() == ""


def test_on_a_terminal_a_bar_with_its_facts(screen):
    stream = screen(True)
    with Bar("experts", 2, "steps") as bar:
        bar.advance(2, loss=0.5)
    text = stream.getvalue()
    assert "experts" in text
    assert "2/2" in text
    assert "loss 0.5" in text


def test_unknown_total(screen):
    stream = screen(False)
    assert list(track((number for number in range(5)), "reading", unit="lines")) == [0, 1, 2, 3, 4]
    assert stream.getvalue().startswith("reading: 5 lines")


def test_track_counts_sized_items(screen):
    stream = screen(False)
    assert list(track([1, 2], "reading")) == [1, 2]
    assert stream.getvalue().startswith("reading: 2/2 items")


def test_say_prints_names_in_brackets_as_they_are(screen):
    stream = screen(False)
    say("finished [red]experts[/red]")
    assert stream.getvalue() == "finished [red]experts[/red]\n"


def test_console_is_stderr():
    assert progress.console.stderr


def test_metrics_are_json_lines(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write(0, validation_loss=2.0)
    log.write(1, loss=1.5, rate=1e-4)
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == [0, 1]
    assert rows[1]["loss"] == 1.5
    assert rows[0]["seconds"] >= 0


def test_resume_cuts_what_comes_after_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path)
    for step in range(5):
        log.write(step, loss=float(step))
    with path.open("a") as file:
        file.write('{"step": 5, "lo')  # killed while writing
    assert len(read_metrics(path)) == 5
    MetricsLog(path, resume_step=2).write(3, loss=30.0)
    assert [(row["step"], row["loss"]) for row in read_metrics(path)] == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 30.0)]
    assert [item.name for item in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_seconds_go_on_after_a_resume(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 7, "seconds": 120.5, "loss": 1.0}) + "\n")
    MetricsLog(path, resume_step=7).write(8, loss=0.9)
    assert read_metrics(path)[-1]["seconds"] >= 120.5


def test_a_new_log_starts_empty(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "seconds": 0}\n')
    MetricsLog(path)
    assert read_metrics(path) == []


def test_a_slow_rate_is_said_in_seconds_and_none_is_left_out(screen, monkeypatch):
    stream = screen(False)
    clock = iter([0, 0, 12, 12, 24, 24, 36, 36, 36, 36])
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with Bar("programs", 2, "programs") as bar:
        bar.advance(0, tokens=7)
        bar.advance(1)
        bar.advance(1)
    lines = stream.getvalue().splitlines()
    assert "0.0/s" not in stream.getvalue()
    assert lines[0] == "programs: 0/2 programs  12 s tokens 7"
    assert lines[1].startswith("programs: 1/2 programs  24.0 s each  24 s eta 24 s")
    assert lines[-1].startswith("programs: 2/2 programs  18.0 s each  36 s")
    assert len(lines) == 3, "the last line comes once"


@pytest.mark.usefixtures("own_output")
def test_quiet_leaves_the_console_and_fills_the_log(screen, tmp_path):
    stream = screen(False)
    progress.log_to(tmp_path / "run.log")
    say("data: done")
    progress.be_quiet()
    say("experts: done")
    with Bar("gates", 1, "steps") as bar:
        bar.advance(1)
    assert stream.getvalue() == "data: done\n"
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line[20:].split(" ")[0] for line in lines] == ["data:", "experts:", "gates:"]
    assert all(line.startswith("20") for line in lines)


@pytest.mark.usefixtures("own_output")
def test_on_a_terminal_the_log_gets_lines(screen, tmp_path):
    screen(True)
    progress.log_to(tmp_path / "run.log")
    with Bar("gates", 1, "steps") as bar:
        bar.advance(1, loss=0.5)
    assert (tmp_path / "run.log").read_text().rstrip().endswith("loss 0.5")
