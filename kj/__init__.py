"""`kj`: the command line for operators and developers, and the local runner.

A command is one file with one function. It is registered by one line in `COMMANDS` and imported only when it is asked
for, so that `kj --help` is quick and `kj serve` carries nothing of the others.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import typer

from kj.errors import CommandError
from shared.environment import SettingsError, refuse_unknown


class Command(NamedTuple):
    """Where a command's function is, and its line in the help."""

    function: str
    help: str


COMMANDS = {
    "up": Command("kj.up:up", "Start the whole system on this machine."),
    "down": Command("kj.down:down", "Stop it."),
    "status": Command("kj.status:status", "Show what runs and whether it serves."),
    "load": Command("kj.load:load", "Load a synthetic population."),
    "import": Command("kj.import_:import_", "Import FHIR R4 bundles of other systems."),
    "patients": Command("kj.patients:patients", "List the patients at hand in the local system."),
    "token": Command("kj.token:token", "Print a token of the local issuer."),
    "summary": Command("kj.summary:summary", "Show a patient's summary care record."),
    "check": Command("kj.check:check", "Check medicines against a patient's record."),
    "knowledge": Command("kj.knowledge:knowledge", "Show or load what medicines are checked against."),
    "trace": Command("kj.trace:trace", "Draw one request's way through the local system."),
    "accesses": Command("kj.accesses:accesses", "List who has opened a record, as the patient sees it."),
    "reviews": Command("kj.audit.reviews:reviews", "List accesses that wait for a review, and judge them."),
    "audit": Command("kj.audit.command:audit", "Verify, prove or export the access log."),
    "serve": Command("kj.serve:serve", "Run one service, or the gateway, in this environment."),
    "migrate": Command("kj.migrate:migrate", "Apply database migrations."),
}


def main() -> None:
    """Runs the command in `sys.argv`. A CommandError becomes one or two lines on standard error and exit code 1."""
    if any(word.partition("=")[0] == "--gateway" for word in sys.argv):
        # Before gRPC is loaded: its own lines about a handshake that fails would stand before ours.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        refuse_unknown(os.environ)
        application(sys.argv[1] if len(sys.argv) > 1 else None)()
    except CommandError as error:
        _say(error.what, error.next_step)
        sys.exit(1)
    except SettingsError as error:
        _say(str(error), "")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has had enough; Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def application(wanted: str | None) -> typer.Typer:
    """Returns the command line: every command is named in it, and only `wanted` is loaded."""
    app = typer.Typer(
        name="kj",
        help="A summary care record: on this machine, or behind any gateway.",
        no_args_is_help=True,
        add_completion=False,
        # A traceback with local variables would print secrets.
        pretty_exceptions_enable=False,
    )
    app.callback()(_no_options)  # a single command would otherwise take the place of the group
    for name, command in COMMANDS.items():
        function = _load(command.function) if name == wanted else _not_loaded
        app.command(name, help=None if name == wanted else command.help)(function)
    return app


def _load(path: str) -> Callable[..., object]:
    module, _, name = path.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function


def _not_loaded() -> None:
    """Stands for a command that was not asked for."""


def _no_options() -> None:
    """Stands for `kj` itself, which takes no options."""


def _say(what: str, next_step: str) -> None:
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"{red}kj:{plain} {what}", file=sys.stderr)
    if next_step:
        print(f"    {next_step}", file=sys.stderr)
