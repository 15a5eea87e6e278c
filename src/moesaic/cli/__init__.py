"""The command line: ``moesaic``.

One file per group of commands; each adds its own to the app by ``register``. Nothing here imports torch before a
command runs, so that ``moesaic --help`` answers at once. Results go to stdout, progress to stderr; a user's mistake
ends with one message and exit code 2.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import traceback

import typer

from moesaic import __version__
from moesaic.cli import exchange, execute, generate, score, stages
from moesaic.errors import MoesaicError
from moesaic.progress import console

app = typer.Typer(
    name="moesaic",
    help="Fine-tune one expert per programming language, compose them into a Mixture-of-Experts, judge it honestly.",
    epilog="Start with: moesaic run recipes/quickstart.yaml",
    no_args_is_help=True,
    add_completion=False,
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
) -> None:
    if debug:
        os.environ["MOESAIC_DEBUG"] = "1"


for _group in (stages, generate, score, execute, exchange):
    _group.register(app)


def main() -> None:
    """Runs the command line and turns a user's mistake into one message and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # The process ends and its memory with it: to look for cycles among all of torch's objects first is lost time.
    atexit.register(gc.freeze)
    try:
        app()
    except MoesaicError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(f"no space left on the device ({error.filename or 'unknown file'}): free some and run again")
        if error.filename is None or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        _fail(f"{error.filename}: {error.strerror}; name a place that may be read and written")
    except KeyboardInterrupt:
        console.print("stopped; run the same command to go on where it stopped")
        sys.exit(130)


def _fail(message: str) -> None:
    if os.environ.get("MOESAIC_DEBUG"):
        traceback.print_exc()
    console.print(f"error: {message}", style="red", markup=False, soft_wrap=True)
    sys.exit(2)
