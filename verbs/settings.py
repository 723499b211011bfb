"""`ordinal settings`"""

from rich.table import Table as Grid

from verbs.session import load_settings
from verbs.terminal import show, verb

cli = verb()


@cli.command()
def settings() -> None:
    """Show the settings in force; secrets are masked."""
    grid = Grid("variable", "value")
    for name, value in load_settings():
        grid.add_row(f"ORDINAL_{name.upper()}", str(value))
    show(grid)
