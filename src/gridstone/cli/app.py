"""The typer application: its commands, their help and their examples."""

from __future__ import annotations

from typing import Annotated

import typer

from gridstone import __version__
from gridstone.cli.advise import advise
from gridstone.cli.ask import ask
from gridstone.cli.compact import compact
from gridstone.cli.doctor import doctor
from gridstone.cli.fit import fit
from gridstone.cli.listing import list_probes
from gridstone.cli.report import report
from gridstone.cli.run import run
from gridstone.cli.show import show

# The mark keeps lines apart.
_EXIT_CODES = """\b
Exit codes:
  0 done, 2 bad usage or input that cannot be read, 3 nothing could be measured,
  70 a defect of gridstone, 130 interrupted, 143 or 129 told to end (SIGTERM,
  SIGHUP)

"""


def examples(*lines: str) -> str:
    """The epilog of a help text; the mark keeps its lines apart."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


app = typer.Typer(
    help="Measure a GPU, its host links and the machine around them, and keep what was measured.",
    epilog=_EXIT_CODES
    + examples(
        "gridstone run                          everything this machine can, about 15 minutes",
        "gridstone run latency --profile quick  one family, quickly",
        "gridstone list                         what there is to measure, and what runs here",
        "gridstone doctor                       what will be skipped here, why, and what to do",
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"gridstone {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


app.command(
    "list",
    epilog=examples(
        "gridstone list",
        "gridstone list 'latency/*' --axes",
        "gridstone list --bench my_probes/",
        "gridstone list --json | jq '.[].probe'",
    ),
)(list_probes)
app.command(
    epilog=examples(
        "gridstone run",
        "gridstone run latency copy/host_device --profile quick",
        "gridstone run latency/pointer_chase -a footprint=[4KiB:1GiB:x2]",
        "gridstone run host -a 'host/*.threads=1,2,4' --dry-run",
        "gridstone run --plan nightly.toml --shard 2/4",
        "gridstone run --resume results/runs/20261124T101500Z-node7-3fa2",
    )
)(run)
app.command(
    epilog=examples(
        "gridstone show results/runs/20261124T101500Z-node7-3fa2",
        "gridstone show RUN 'bandwidth/*' --sort value",
        "gridstone show RUN latency --metric latency --json",
    )
)(show)
app.command(
    short_help="Write the report of a run as one HTML file.",
    epilog=examples("gridstone report RUN", "gridstone report RUN -o report.html"),
)(report)
app.command(epilog=examples("gridstone doctor", "gridstone doctor --device 1 --json"))(doctor)
app.command(epilog=examples("gridstone compact RUN"))(compact)
app.command(
    short_help="Fit models to runs.",
    epilog=examples("gridstone fit RUN -o MODEL/", "gridstone fit results/runs -o MODEL/"),
)(fit)
app.command(
    short_help="Ask a fitted model.",
    epilog=examples(
        "gridstone ask MODEL/",
        "gridstone ask MODEL/ transfer_time src=host dst=device bytes=16MiB",
    ),
)(ask)
app.command(
    short_help="Decide by a fitted model.",
    epilog=examples(
        "gridstone advise MODEL/",
        "gridstone advise MODEL/ gather rows=1e6 row_bytes=2052 align=4 threads=16",
        "gridstone advise MODEL/ scatter blocks=256 block_bytes=64KiB direction=d2h --json",
    ),
)(advise)
