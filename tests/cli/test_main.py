"""How the command line ends: one line and exit code 2 for a mistake, exit code 1 for a defect of moesaic."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moesaic import cli
from moesaic.errors import DataError


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs the command line in this process: arguments -> exit code, stdout, stderr."""
    monkeypatch.delenv("MOESAIC_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(cli.gc, "freeze", lambda: None)  # the process of the tests goes on
    monkeypatch.setattr(cli.tempfile, "tempdir", str(tmp_path))

    def call(*arguments, error=None):
        def fail():
            raise error

        monkeypatch.setattr(sys, "argv", ["moesaic", *arguments])
        if error is not None:
            monkeypatch.setattr(cli, "app", fail)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("rows.jsonl:3: wrong"), "error: rows.jsonl:3: wrong"),
        (DataError("\x1b[31mred\x07 \x9b"), "error: \\x1b[31mred\\x07 \\x9b"),
        (
            OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "x"),
            "error: x: File name too long; name a place",
        ),
        (OSError(errno.ELOOP, os.strerror(errno.ELOOP), b"\xff"), "error: \\udcff: Too many levels of symbolic links"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "error: a/b: Not a directory"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "error: a: Permission denied"),
        (OSError(errno.ENOSPC, "full", "a"), "error: no space left on the device (a)"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, error, said):
    code, out, err = run(error=error)
    assert (code, out) == (2, "")
    assert err.startswith(said.encode("utf-8", "backslashreplace").decode()) or said in err
    assert err.count("\n") == 1


def test_an_argument_that_is_no_text_is_named(run):
    error = UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
    code, _, err = run("generate", "\udcff", error=error)
    assert code == 2
    assert r"the argument '\udcff' is not UTF-8" in err


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError("deep\ndeeper"), OSError("no file is named"), UnicodeError("x")]
)
def test_a_defect_is_one_line_exit_code_1_and_a_traceback_in_a_file(run, error):
    code, out, err = run("score", error=error)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert f"this is a bug of moesaic: {type(error).__name__}" in err
    text = Path(re.search(r"please report it with (\S+)", err)[1]).read_text()
    assert "Traceback" in text
    assert type(error).__name__ in text


def test_debug_shows_the_traceback(run, monkeypatch):
    monkeypatch.setenv("MOESAIC_DEBUG", "1")
    code, _, err = run(error=KeyError("x"))
    assert code == 1
    assert "Traceback" in err
    code, _, err = run(error=DataError("x"))
    assert code == 2
    assert "Traceback" in err


def test_a_traceback_that_no_file_can_take_is_shown(run, monkeypatch):
    monkeypatch.setattr(cli.tempfile, "tempdir", "/nowhere/at/all")
    code, _, err = run(error=KeyError("x"))
    assert code == 1
    assert "Traceback" in err
    assert "this is a bug of moesaic: KeyError" in err


WRONG = (
    "x" * 5000,
    "x/" * 3000,
    "\udcff\udcfe",
    "\udcff/y",
    "/dev/zero",
    "/dev",
    "",
    "file/below",
    "loop/x",
    "a\nb\x1b[2J",
)


@pytest.mark.parametrize("name", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "{}", "--language", "python"),
        ("score", "good.jsonl", "--language", "python", "--rows", "{}"),
        ("score", "good.jsonl", "--language", "{}"),
        ("score", "good.jsonl", "--language", "python", "--metric", "{}"),
        ("execute", "own", "{}"),
        ("execute", "{}", "good.jsonl"),
        ("execute", "corpus", "-", "{}"),
        ("validate", "{}"),
        ("run", "{}"),
        ("run", "recipe.yaml", "output={}"),
        ("report", "{}"),
        ("generate", "{}", "text"),
        ("inspect", "{}"),
        ("export", "{}", "out"),
        ("import", "out", "--checkpoint", "{}"),
        ("import", "out", "--expert", "java={}", "--base", "file"),
        ("import", "out", "--expert", "java=file", "--base", "{}"),
        ("run", "recipe.yaml", "data.source={}"),
        ("generate", "model", "{}"),
    ],
    ids=" ".join,
)
def test_names_that_nothing_can_have_end_in_one_message(run, tmp_path, monkeypatch, arguments, name):
    monkeypatch.chdir(tmp_path)
    Path("good.jsonl").write_text('{"prediction": "x = 1", "reference": "x = 1"}\n')
    Path("file").write_text("x")
    Path("recipe.yaml").write_text("base: {model: nowhere/at-all}\ndata: {source: file}\n")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("loop").symlink_to("loop")
    if name == "" and "--rows" in arguments:
        pytest.skip("no rows are asked for")
    code, _, err = run(*(argument.format(name) for argument in arguments))
    assert code == (0 if "--rows" in arguments and os.path.isfile(name) else 2), err  # noqa: PTH113  # Path raises for long names
    assert "Traceback" not in err
    assert "bug" not in err


def test_bytes_that_are_no_utf8_end_in_one_message_outside_of_tests_too(tmp_path):
    for arguments in ([b"score", b"\xff.jsonl", b"--language", b"python"], [b"\xff"], [b"score", b"x", b"--\xff"]):
        done = subprocess.run(
            [sys.executable, "-m", "moesaic", *arguments], capture_output=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 2, done.stderr
        assert b"Traceback" not in done.stderr


_WORKING = """
import sys, time
from moesaic import cli
def app():
    try:
        print("working", flush=True)
        time.sleep(1000)
    finally:
        print("tidied", flush=True)
cli.app = app
cli.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_with_how_to_go_on(name, code):
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKING, "run", "my recipe.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "working\n"
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=800)
    assert (process.returncode, out) == (code, "tidied\n")
    assert "stopped; run the same command to go on where it stopped: moesaic run 'my recipe.yaml'" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("before", [True, False])
def test_quiet_and_log_file_may_stand_before_and_behind_a_command(run, own_output, tmp_path, before):
    options = ["--quiet", "--log-file", str(tmp_path / "run.log")]
    code, _, err = run(*(options if before else []), "run", "none.yaml", *([] if before else options))
    assert code == 2
    assert "no such file" in err  # errors are shown all the same
    assert own_output.quiet
    assert "no such file" in (tmp_path / "run.log").read_text()
