"""What keeps the log in order and others away from it: triggers, functions, logins, views."""

import re
from collections.abc import Sequence

from infra.audit.findings import Finding, Findings
from infra.postgres.connections import Connection
from infra.readmodels.checkpoints import checkpoints
from infra.readmodels.tables import SCHEMA
from infra.readmodels.views import differing
from infra.store.migrations import available
from projections.projection import Projection

BEFORE_INSERT = "BEFORE INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION ordinal.guard_append()"
BEFORE_CHANGE = (
    "BEFORE DELETE OR UPDATE OR TRUNCATE ON {} FOR EACH STATEMENT"
    " EXECUTE FUNCTION ordinal.refuse_change()"
)
TRIGGERS = {
    ("ordinal.stored_events", "append_guard"): BEFORE_INSERT,
    ("ordinal.stored_events", "append_only"): BEFORE_CHANGE,
    ("ordinal.outbox", "append_guard"): BEFORE_INSERT,
}
FUNCTIONS = ("append_lock", "guard_append", "refuse_change", "clock")
BODY = re.compile(r"CREATE OR REPLACE FUNCTION ordinal\.(\w+)\(\).*?AS\s+\$\$(.*?)\$\$", re.DOTALL)
# Logins that are neither ours nor the owner's.
_STRANGERS = """
    SELECT rolname FROM pg_roles AS login WHERE rolcanlogin AND NOT rolsuper
    AND has_database_privilege(oid, current_database(), 'CONNECT')
    AND has_function_privilege(oid, 'pg_advisory_lock(bigint)', 'EXECUTE')
    AND oid <> (SELECT datdba FROM pg_database WHERE datname = current_database())
    AND NOT pg_has_role(oid, 'ordinal_writer', 'USAGE')
    AND NOT pg_has_role(oid, 'ordinal_projector', 'USAGE') ORDER BY rolname
"""
_ANALYSTS = """
    SELECT rolname, rolconnlimit >= 0, EXISTS (
        SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
        WHERE setrole = login.oid AND setting ~ '^statement_timeout=[1-9]')
    FROM pg_roles AS login WHERE rolcanlogin AND NOT rolsuper
    AND pg_has_role(oid, 'ordinal_analyst', 'USAGE')
    AND NOT pg_has_role(oid, 'ordinal_writer', 'USAGE') ORDER BY rolname
"""


def verify_guards(conn: Connection, findings: Findings) -> None:
    """I3: triggers and their functions. I11: nobody else can hold up the system.

    In a transaction of the caller's.
    """
    # What the server says is then written out in full.
    conn.execute("SET LOCAL search_path = pg_catalog")
    order = findings.begin("I3", "order of the log: guards, times, topics")
    _triggers(conn, order)
    _functions(conn, order)
    others = findings.begin("I11", "nobody else can hold up the system")
    for (name,) in conn.execute(_STRANGERS):
        others.holds(False)
        others.blame(f"the login {name} may take advisory locks, ours too")
    for name, limited, bounded in conn.execute(_ANALYSTS):
        if not others.holds(limited and bounded):
            lack = "statement_timeout" if limited else "connection limit"
            others.blame(f"the analyst's login {name} has no {lack} of its own")


def _triggers(conn: Connection, finding: Finding) -> None:
    for (table, name), definition in TRIGGERS.items():
        for part in _parts(conn, table):
            row = conn.execute(
                "SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger"
                " WHERE tgrelid = %s::regclass AND tgname = %s",
                (part, name),
            ).fetchone()
            if not finding.holds(row and row[0] != "D"):
                finding.blame(f"the trigger {name} of {part} is missing or disabled")
            elif row and not finding.holds(row[0] == "A"):
                finding.blame(f"the trigger {name} of {part} does not always fire")
            elif row and not finding.holds(row[1].endswith(definition.format(part))):
                finding.blame(f"the trigger {name} of {part} is another one: {row[1]}")


def _parts(conn: Connection, table: str) -> list[str]:
    """The table, and each partition: what is switched for the one is not for the others."""
    rows = conn.execute(
        "WITH RECURSIVE part AS (SELECT %s::regclass::oid AS oid UNION ALL"
        " SELECT inhrelid FROM pg_inherits JOIN part ON inhparent = part.oid)"
        " SELECT oid::regclass::text FROM part",
        (table,),
    )
    return [name for (name,) in rows]


def _functions(conn: Connection, finding: Finding) -> None:
    bodies = {name: body for _, _, sql in available() for name, body in BODY.findall(sql)}
    for name in FUNCTIONS:
        rows = conn.execute(
            "SELECT prosrc FROM pg_proc WHERE proname = %s"
            " AND pronamespace = 'ordinal'::regnamespace",
            (name,),
        ).fetchall()
        if not finding.holds(rows == [(bodies[name],)]):
            finding.blame(f"the function ordinal.{name} is not as the migrations made it")


# -- views


def verify_views(conn: Connection, projections: Sequence[Projection], findings: Findings) -> None:
    """I4: what analysts read without a number shows the tables that are live, as it was made."""
    finding = findings.begin("I4", "read models equal the fold of the log")
    for projection in projections:
        live = next((c for c in checkpoints(conn, projection.name) if c.live), None)
        if live is None or live.version != projection.version:
            continue  # a release is on its way, whose views are others
        for name in differing(conn, projection, live.generation):
            finding.holds(False)
            finding.blame(f"the view {SCHEMA}.{name} is not as the program made it")
