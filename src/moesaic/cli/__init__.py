"""The command line, ``moesaic``.

There is one module per group of commands; its function ``register`` adds the commands to the app. Nothing here imports
torch before a command runs, so that ``moesaic --help`` answers at once. Results go to stdout, progress to stderr. After
a user's mistake, the command prints one message and ends with exit code 2. After a defect of moesaic, it prints one
line, writes the traceback to a file and ends with exit code 1; with ``--debug``, it shows the traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import re
import shlex
import signal
import sys
import tempfile
import traceback
from typing import NoReturn

import typer

from moesaic import __version__
from moesaic.cli import chat, exchange, execute, generate, growing, score, serve, stages, starting
from moesaic.cli.output import LogFile, Quiet, Stopped, catch_signals, one_of_several
from moesaic.errors import MoesaicError, ProcessError
from moesaic.progress import console, record

app = typer.Typer(
    name="moesaic",
    help="Fine-tune one expert per programming language, compose them into a Mixture-of-Experts, judge it honestly.",
    epilog="Start with: moesaic init, or moesaic run recipes/quickstart.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"moesaic {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_show_version, is_eager=True
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback for every error."),
    quiet: Quiet = False,
    log_file: LogFile = None,
) -> None:
    if debug:
        os.environ["MOESAIC_DEBUG"] = "1"


for _group in (starting, stages, growing, generate, chat, serve, score, execute, exchange):
    _group.register(app)


def _forget_cycles() -> None:
    if "triton" not in sys.modules:  # triton would report objects that were not collected as leaks
        gc.freeze()


def main() -> None:
    """Runs the command line and turns a user's mistake into one message and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # The memory is freed when the process ends, so a search for cycles among all of torch's objects would waste time.
    atexit.register(_forget_cycles)
    with contextlib.suppress(AttributeError):  # a test may have replaced the stream
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what cannot be shown is escaped
    catch_signals()
    try:
        with one_of_several(sys.argv[1:], {"run", "reproduce", *stages.STAGE_HELP}):
            app()
    except MoesaicError as error:
        if isinstance(error, ProcessError) and error.is_said:
            sys.exit(error.exit_code)
        _fail(str(error), error.exit_code)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(f"no space left on the device ({error.filename or 'unknown file'}): free some and run again")
        if error.filename is None:
            _bug(error)
        _fail(f"{os.fsdecode(error.filename)}: {error.strerror}; name a place that may be read and written")
    except KeyboardInterrupt:
        _say_how_to_go_on(signal.SIGINT)
    except Stopped as stopped:
        _say_how_to_go_on(stopped.signal)
    except Exception as error:
        # torch's error is recognised by its name, because torch may not be imported.
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            reason = (str(error).strip() or "no more said").splitlines()[0]
            _fail(f"the memory is full ({reason}): do less at a time (a smaller batch, shorter answers), or use a CPU")
        for argument in sys.argv[1:]:
            if isinstance(error, UnicodeError) and not _is_text(argument):
                _fail(f"the argument {argument!r} is not UTF-8: write it in a terminal whose encoding is UTF-8")
        _bug(error)


def _say_how_to_go_on(number: int) -> NoReturn:
    """Says how to continue, and ends with the exit code that shells expect after a signal, 128 + ``number``."""
    again = "run the same command to go on where it stopped"
    if not set(sys.argv[1:]) & {"run", "grow", "reproduce", *stages.STAGE_HELP}:
        again = "nothing is left half-written; run the same command to start again"
    _show(f"stopped; {again}: {shlex.join(['moesaic', *sys.argv[1:]])}", "note")
    sys.exit(128 + number)


def _is_text(argument: str) -> bool:
    """Returns whether an argument was valid UTF-8; Python passes other bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def _fail(message: str, code: int = 2) -> NoReturn:
    if os.environ.get("MOESAIC_DEBUG"):
        traceback.print_exc()
    _show(message)
    sys.exit(code)


def _bug(error: Exception) -> NoReturn:
    """Prints one line and ends with exit code 1. The traceback goes to a file, as the error may be hard to repeat."""
    if os.environ.get("MOESAIC_DEBUG"):
        traceback.print_exc()
        sys.exit(1)
    text = traceback.format_exc()
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", prefix="moesaic-", suffix=".txt", delete=False
        ) as file,
    ):
        file.write(text)
        _show(f"this is a bug of moesaic: {_first_line(error)}; please report it with {file.name}")
        sys.exit(1)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    _show(f"this is a bug of moesaic: {_first_line(error)}; please report it with the traceback above")
    sys.exit(1)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:300]


def _show(message: str, kind: str = "error") -> None:
    """Prints an error with escaped control characters, so that names and values cannot control the terminal."""
    if (rank := os.environ.get("RANK", "0")) != "0":
        kind = f"process {rank}: {kind}"
    text = message.encode("utf-8", "backslashreplace").decode()
    shown = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    record(f"{kind}: {shown}")
    console.print(f"{kind}: {shown}", style="red" if kind.endswith("error") else None, markup=False, soft_wrap=True)
