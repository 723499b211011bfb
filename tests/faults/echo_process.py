"""A process that marks every delivery once, by a reaction; told so, it moves its checkpoint apart
from the commands, as a consumer would that commits its offset first.
"""

import sys
import threading
from collections.abc import Sequence
from unittest.mock import patch

import psycopg

from consumers.reaction import listed
from infra.postgres.connections import connect_writer
from infra.reactions.follower import Portion
from infra.reactions.runner import Runner
from infra.runtime.crash_points import crash_point
from infra.write_path.append_batch import CommandRequest
from infra.write_path.group_commit import Writer
from infra.write_path.side_writes import SideWrite, StepTaken
from tests.infra.reacting import CACHE, ECHO
from tests.infra.shop import MARKING

together = Portion.side_writes


def move_apart(conninfo: str) -> None:
    """The checkpoint has a transaction of its own, which comes first."""

    def apart(portion: Portion, done: Sequence[CommandRequest]) -> list[SideWrite]:
        writes = together(portion, done)
        steps = [each for each in writes if isinstance(each, StepTaken)]
        with psycopg.connect(conninfo, autocommit=True) as conn:
            for step in steps:
                conn.execute(
                    "UPDATE ordinal.steps SET position = %s WHERE name = %s",
                    (step.after.position, step.name),
                )
        crash_point("APART")
        return [each for each in writes if not isinstance(each, StepTaken)]

    patch.object(Portion, "side_writes", apart).start()


def main(conninfo: str, apart: bool) -> None:
    if apart:
        move_apart(conninfo)
    writer = Writer(lambda: connect_writer(conninfo), MARKING, cache_bytes=CACHE)
    Runner(conninfo, listed(ECHO), writer, cache_bytes=CACHE).run(threading.Event())


if __name__ == "__main__":
    main(sys.argv[1], "apart" in sys.argv)
