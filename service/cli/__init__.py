"""``andon``: parse, call, print, exit code.

Results go to standard output, everything else to standard error. Exit codes: 0 done or passed, 1 the verdict is no,
2 the input can't be used, 130 interrupted, 141 nobody reads the output any more, 128 + n ended by signal n.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

import click

from service import __version__
from service.cli import line, settings, use, versions
from service.cli.options import EXIT_NO
from service.errors import AndonError, StoreError, VersionNotFound
from service.revision import revision
from service.terminal import say

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""As of any command that SIGPIPE ends; 0 would be a verdict of `andon gate`, and 1 too."""


class _Stopped(BaseException):
    """SIGTERM or SIGHUP came: temporary files are removed on the way out, as after Ctrl-C."""

    def __init__(self, signum: int, frame: object) -> None:
        super().__init__(signum)
        self.signum = signum

    @classmethod
    def come(cls, signum: int, frame: object) -> None:
        """The signal's handler."""
        raise cls(signum, frame)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; no error that has a message ends in a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _Stopped.come)
    try:
        code = andon.main(args=arguments, prog_name="andon", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit:  # click leaves so when whoever reads our output has had enough
        return EXIT_BROKEN_PIPE
    except BaseException as error:  # noqa: B036 - what nobody foresaw, `_ending` raises again
        code, message = _ending(error)
        say(message)
        return code


def _ending(error: BaseException) -> tuple[int, str]:
    """The exit code and the last words for an error; one that nobody foresaw is raised again."""
    if isinstance(error, (click.exceptions.Abort, KeyboardInterrupt)):
        return EXIT_INTERRUPTED, "interrupted; nothing was left half done"
    if isinstance(error, _Stopped):
        return 128 + error.signum, f"ended by {signal.Signals(error.signum).name}; nothing was left half done"
    if isinstance(error, StoreError) and not isinstance(error, VersionNotFound):
        return EXIT_NO, f"error: {error}"
    if isinstance(error, AndonError):
        return EXIT_BAD_INPUT, f"error: {error}"
    if isinstance(error, MemoryError):
        return EXIT_BAD_INPUT, f"error: not enough memory: {error}"
    if isinstance(error, OSError):
        return EXIT_BAD_INPUT, f"error: {error.filename or 'the system'}: {error.strerror or error}"
    if isinstance(error, ModuleNotFoundError) and error.name in ("pyarrow", "tomli"):
        needed = f"{error.name} is not installed; this command needs it: pip install 'andon[train]'"
        return EXIT_BAD_INPUT, f"error: {needed}"
    raise error


def _show_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        known = revision()
        click.echo(f"andon {__version__}" + (f" (revision {known})" if known else ""))
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Which Andon this is."
)
def andon() -> None:
    """Predictions for high-cardinality categorical data, and the line that stops for a defect.

    Events become a candidate (train), the candidate is judged on events it has not seen (gate), what passes
    becomes the current version (promote), and the current version answers requests (serve) and scores files
    (score).

    \b
    Try it, without any data of your own:
        andon demo && andon serve
    """


for _command in (*line.COMMANDS, *versions.COMMANDS, *use.COMMANDS, *settings.COMMANDS):
    andon.add_command(_command)
