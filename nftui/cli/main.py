"""The command line's root: commands are loaded when they run, errors become one line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from nftui import __version__
from nftui.cli.diagnostics import report, say
from nftui.cli.standard_output import discard
from nftui.errors import NftuiError, OutputFailed

COMMANDS: dict[str, tuple[str, str]] = {
    "collect": ("nftui.cli.collect:collect", "Receive NetFlow and IPFIX into a store, without a screen."),
    "convert": ("nftui.cli.convert:convert", "Convert files of flows: nfdump, flow-tools, store, Parquet, csv, IPFIX."),
    "ctl": ("nftui.cli.ctl:ctl", "Control a probe with softflowctl's words, or ask a collector."),
    "compact": ("nftui.cli.compact:compact", "Join the files of finished hours and write their roll-ups."),
    "demo": ("nftui.cli.demo:demo", "Show nftui at work on generated traffic: no root, no router."),
    "dump": ("nftui.cli.dump:dump", "Filter, aggregate and print stored flows, as nfdump does."),
    "expire": (
        "nftui.cli.expire:expire",
        "Remove the oldest flows of a store, or say when it is full, as nfexpire does.",
    ),
    "ioc": ("nftui.cli.ioc:ioc", "Look for lists of bad addresses, networks and ports in stored flows."),
    "probe": ("nftui.cli.probe:probe", "Meter an interface or a capture file and export flows, as softflowd does."),
    "replay": ("nftui.cli.replay:replay", "Send stored flows to a collector as NetFlow v5, v9 or IPFIX."),
    "schema": ("nftui.cli.schema:schema", "List the fields of a flow, or make a ClickHouse table for them."),
    "serve": ("nftui.cli.serve:serve", "Show the screen in a browser."),
    "top": ("nftui.cli.top:top", "Print who talks now as text or ndjson, for pipes and scripts."),
    "upload": ("nftui.cli.upload:upload", "Copy the finished files of a store to a lake of several sites."),
    "verify": ("nftui.cli.verify:verify", "Check every byte of a store, name and repair what is damaged."),
}
"""Command name to where it lives and its line in the list: `nftui --help` loads none of them."""

_SCREEN = "nftui.cli.tui:tui"
_INTERRUPTED = 130


def _load(place: str) -> click.Command:
    module, _, name = place.partition(":")
    command = getattr(import_module(module), name)
    assert isinstance(command, click.Command)
    return command


class Root(click.Group):
    """`nftui COMMAND ...`, and without a command the screen, whose options are therefore the root's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names for the help."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command."""
        return _load(COMMANDS[cmd_name][0]) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments start with; an unknown one gets a suggestion."""
        if args[0] not in COMMANDS:
            from difflib import get_close_matches

            from nftui.cli.peer_words import PROGRAMS

            near = [PROGRAMS[args[0]]] if args[0] in PROGRAMS else get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(COMMANDS))}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The screen's options and the root's."""
        return [*_load(_SCREEN).params, *super().get_params(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


@click.command(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command the screen opens and collects. `nftui COMMAND --help` has examples.",
)
@click.version_option(__version__, "-V", "--version", prog_name="nftui")
@click.pass_context
def root(ctx: click.Context, /, **screen: object) -> object:
    """NetFlow in a terminal: collector, store, query tool and live screen in one program."""
    if ctx.invoked_subcommand is None:
        return ctx.invoke(_load(_SCREEN), **screen)
    typed = [name for name in screen if _is_typed(ctx, name)]
    if typed:
        raise click.UsageError(f"--{typed[0].replace('_', '-')} belongs after the command", ctx)
    return None


def run(argv: list[str]) -> int:
    """Run the command line.

    Returns:
        The exit code, see `nftui.errors`. A reader of standard output that has had enough is no error.
    """
    code = 0
    try:
        code = _finish(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        discard()
    except OutputFailed as error:
        discard()
        report(error)
        return error.exit_code
    return code


def _finish(argv: list[str]) -> int:
    """Run the command line and report what went wrong, except for failures of standard output."""
    try:
        with root.make_context("nftui", list(argv)) as ctx:
            result = root.invoke(ctx)
    except OutputFailed:
        raise
    except NftuiError as error:
        report(error)
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        where = f" (nftui {error.ctx.info_name} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        if isinstance(error, click.NoSuchOption) and error.ctx:
            from nftui.cli.peer_words import letter_hint

            where = letter_hint(error.ctx.info_name, error.option_name) + where
        say(f"nftui: {error.format_message()}{where.replace('nftui nftui', 'nftui')}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    return result if isinstance(result, int) else 0
