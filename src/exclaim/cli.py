"""The command line: one command per verb. Each verb's module in ``exclaim.commands`` is imported only when it runs."""

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from exclaim import __version__
from exclaim.errors import ExclaimError

__all__ = ["app", "main"]

# verb -> (module in exclaim.commands, help in one line); each module has a Typer application named `app`
VERBS: dict[str, tuple[str, str]] = {
    "listen": ("listen", "Episodes in a recording or from the microphone."),
    "predict": ("predict", "One prediction per clip."),
    "evaluate": ("evaluate", "A model's quality on a corpus, with intervals."),
    "soundscape": ("soundscape", "Hours of recording with known events, to measure a detector on."),
    "report": (
        "report",
        "Runs as one page with tables and figures, two models clip by clip, condensed sets to look at.",
    ),
    "bench": ("bench", "Speed, size and memory of models, beside librosa and PyTorch."),
    "train": ("train", "Train a teacher, distil a student: one recipe, one run folder."),
    "condense": ("condense", "A corpus in a few hundred synthetic windows: one recipe, one sealed set."),
    "attack": ("attack", "What condensed sets tell of the clips and people they were made from."),
    "ablate": ("ablate", "One factor at a time: a recipe's arms and seeds, compared clip by clip."),
    "cross-validate": ("cross_validate", "A model for each fold of the speakers, judged on all of them."),
    "compress": ("compress", "A model in eight bits or with fewer channels, passed only if it is as good."),
    "corpora": ("corpora", "List, check and get the corpora."),
    "model": ("model", "Inspect, tune, pin and sign model files."),
    "sense": ("sense", "Run a device: capture, gate, frames, outbox."),
    "edge": ("edge", "Run the edge server."),
    "decide": ("decide", "Run the decision service and its web page."),
    "up": ("up", "Run device, edge and decision service together."),
    "demo": ("demo", "Play a scene of three devices, from sound to decision."),
    "config": ("config", "Write or check the configuration file."),
    "results": ("results", "Generate docs/results.md and the README's tables from docs/results.json."),
}


class _LazyVerbs(TyperGroup):
    """A group that knows its verbs by name and imports a verb's module when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"exclaim.commands.{VERBS[cmd_name][0]}")
        module.app._add_completion = False  # a verb is no program of its own
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


app = typer.Typer(
    cls=_LazyVerbs, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"exclaim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """exclaim hears emotion beyond words and turns it into decisions that people can trust."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an :class:`~exclaim.errors.ExclaimError` becomes one sentence and exit status 1."""
    try:
        app(arguments, standalone_mode=True)
    except ExclaimError as error:
        print(f"exclaim: {error}", file=sys.stderr)
        sys.exit(1)
