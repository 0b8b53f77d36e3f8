"""The command line: argument parsing only; each command's work is a function in a room."""

import sys

import typer

from unbend._errors import UnbendError

__all__ = ["app", "main"]


def app() -> typer.Typer:
    """Build the application; every command lives in a file of its own."""
    from unbend.cli import _compare, _gallery, _list, _papers, _show, _study

    application = typer.Typer(
        name="unbend",
        help="Linear functions and the bends between them: build, swap, read, test.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback()(_root)
    for command in (_list, _show, _gallery, _papers, _study, _compare):
        command.register(application)
    return application


def main() -> None:
    """Run the command line; an error that unbend raises on purpose is one line and exit code 2."""
    try:
        app()()
    except UnbendError as error:
        typer.secho(f"unbend: {error}", fg="red", err=True)
        sys.exit(getattr(error, "exit_code", 2))


def _version(asked: bool) -> None:
    if asked:
        from unbend import __version__

        typer.echo(f"unbend {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None: ...
