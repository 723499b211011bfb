"""`ordinal topics`"""

from rich.table import Table as Grid

from infra.kafka import topics as kafka_topics
from verbs.session import load_settings
from verbs.terminal import show, verb

cli = verb()


@cli.command()
def topics() -> None:
    """Create the topics that are missing, check the others, and list them all."""
    settings = load_settings()
    made = kafka_topics.ensure_topics(settings)
    grid = Grid("topic", "partitions", "")
    for topic in kafka_topics.topics(settings):
        grid.add_row(topic.name, str(topic.partitions), "created" if topic.name in made else "")
    show(grid)
