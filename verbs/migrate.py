"""`ordinal migrate`"""

from infra.store import migrations
from verbs.session import load_settings, opened
from verbs.terminal import console, verb

cli = verb()


@cli.command()
def migrate() -> None:
    """Bring the database up to date, as its owner."""
    settings = load_settings()
    with opened(settings, migrated=False) as conninfo:
        for name in migrations.migrate(conninfo):
            console.print(f"applied {name}")
