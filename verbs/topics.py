"""`ordinal topics`"""

from typing import Annotated

import typer
from rich.table import Table as Grid

from consumers.channels import CHANNELS
from infra.intake import sources
from infra.kafka import topic_settings
from infra.kafka import topics as kafka_topics
from infra.postgres.connections import connect
from infra.runtime.settings import Settings
from verbs.session import load_settings, opened
from verbs.terminal import console, fail, show, verb

cli = verb()


@cli.command()
def topics(
    repair: Annotated[bool, typer.Option(help="Set what differs as it must be.")] = False,
    accept_lost: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="Read on where this topic lost messages.")
    ] = None,
) -> None:
    """Create the topics that are missing, compare the others, and list them all.

    Exits with 1 when a setting is not as it must be.
    """
    settings = load_settings()
    if accept_lost is not None:
        _accept(settings, accept_lost)
        return
    made = kafka_topics.ensure_topics(settings, CHANNELS)
    different = topic_settings.differences(settings, CHANNELS)
    if repair:
        topic_settings.repair(settings, different)
    show(_overview(settings, made), *([_table(different)] if different else []))
    if repair:
        console.print(f"{len(different)} settings repaired")
    elif different:
        fail("set them as they must be by `ordinal topics --repair`")


def _overview(settings: Settings, made: list[str]) -> Grid:
    grid = Grid("topic", "partitions", "")
    for topic in kafka_topics.topics(settings, CHANNELS):
        grid.add_row(topic.name, str(topic.partitions), "created" if topic.name in made else "")
    return grid


def _table(different: list[topic_settings.Difference]) -> Grid:
    grid = Grid("topic", "setting", "is", "must be")
    for each in different:
        grid.add_row(each.topic, each.setting, each.found, each.wanted)
    return grid


def _accept(settings: Settings, topic: str) -> None:
    with opened(settings) as conninfo, connect(conninfo, "ordinal_writer") as conn:
        try:
            begun = sources.accept(lambda said, given: conn.execute(said, given).fetchall(), topic)
        except LookupError as error:
            fail(str(error))
    places = ", ".join(f"partition {part} at {offset}" for part, offset in sorted(begun.items()))
    console.print(f"{topic} is read on: {places}")
