"""The machines of a test run: one PostgreSQL and one Kafka, started when first asked for.

With several workers each has a PostgreSQL of its own, since roles belong to a whole server; one
Kafka, started before them, serves them all, since topics are told apart by their prefix.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from infra.local import embedded_postgres, kafka_broker

ROOT = Path(__file__).parents[1]
RUN = f"{os.getpid():x}{time.time_ns():x}"
NUMBERS = count(1)
KAFKA_LACKS = pytest.StashKey[str]()
SHARED = pytest.StashKey[ExitStack]()
FreshStore = Callable[[], AbstractContextManager[str]]

KAFKA_ADVICE = "install Java 17 and Maven, or name a broker in ORDINAL_TEST_KAFKA_BOOTSTRAP_SERVERS"


def pytest_sessionstart(session: pytest.Session) -> None:
    """What all workers share is started by whoever starts them."""
    shared = session.config.stash[SHARED] = ExitStack()
    if not getattr(session.config.option, "numprocesses", None) or _given_kafka():
        return
    if kafka_broker.missing() is None:
        folder = shared.enter_context(public_temporary_folder())
        running = shared.enter_context(kafka_broker.broker(folder / "kafka"))
        os.environ["ORDINAL_TEST_KAFKA_BOOTSTRAP_SERVERS"] = running.bootstrap_servers


def pytest_sessionfinish(session: pytest.Session) -> None:
    if shared := session.config.stash.get(SHARED, None):
        shared.close()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch Kafka's jars before the first test, whose time limit a slow network may exceed."""
    ours = {"kafka_machine"} if _given_kafka() else {"kafka", "kafka_machine"}
    wanted = any(ours & set(getattr(item, "fixturenames", ())) for item in session.items)
    if wanted and not session.config.option.collectonly and kafka_broker.missing() is None:
        kafka_broker.jars()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lacking = config.stash.get(KAFKA_LACKS, None)
    if lacking is not None:
        line = f"KAFKA TESTS SKIPPED: {lacking} To run them, {KAFKA_ADVICE}."
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(scope="session")
def run_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of this run, open to the user that PostgreSQL runs as; a failed run's logs stay."""
    with public_temporary_folder() as folder:
        yield folder
        if request.session.testsfailed:
            keep_logs(folder)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder of one test that every user may enter, which pytest's own are not."""
    with public_temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> Iterator[str]:
    """The conninfo of a server's owner, who may make databases and roles."""
    url = os.environ.get("ORDINAL_TEST_DATABASE_URL", f"embedded:{run_folder / 'postgres'}")
    with embedded_postgres.database(url, ROOT) as conninfo:
        yield conninfo


@pytest.fixture
def database(postgres_server: str) -> Iterator[str]:
    """The conninfo of an empty database of this test's own."""
    with _scratch_database(postgres_server, template="template1") as name:
        yield make_conninfo(postgres_server, dbname=name)


@pytest.fixture(scope="session")
def ordinal_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    from infra.store.migrations import migrate

    with _scratch_database(postgres_server, template="template1") as name:
        migrate(make_conninfo(postgres_server, dbname=name))
        yield name


@pytest.fixture
def ordinal_database(postgres_server: str, ordinal_template: str) -> Iterator[str]:
    """The conninfo of a migrated database of this test's own, as its owner."""
    with _scratch_database(postgres_server, template=ordinal_template) as name:
        yield make_conninfo(postgres_server, dbname=name)


@pytest.fixture
def fresh_store(postgres_server: str, ordinal_template: str) -> FreshStore:
    """For tests that need many: a migrated database for as long as a block lasts."""

    @contextmanager
    def store() -> Iterator[str]:
        with _scratch_database(postgres_server, template=ordinal_template) as name:
            yield make_conninfo(postgres_server, dbname=name)

    return store


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, run_folder: Path) -> Iterator[str]:
    """The bootstrap servers of a real Kafka."""
    given = _given_kafka()
    if given:
        yield given
        return
    _check_kafka(request.config)
    with kafka_broker.broker(run_folder / "kafka") as running:
        yield running.bootstrap_servers


@pytest.fixture(scope="session")
def kafka_machine(request: pytest.FixtureRequest) -> None:
    """For tests that start brokers of their own: there is what it takes."""
    _check_kafka(request.config)


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """What every topic of this test begins with, so that tests can share a broker."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{name[:48]}-{RUN}-{next(NUMBERS)}"


@contextmanager
def public_temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ordinal-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _scratch_database(server: str, template: str) -> Iterator[str]:
    name = f"test_{RUN}_{next(NUMBERS)}"
    _execute(server, "CREATE DATABASE {} TEMPLATE {}", name, template)
    try:
        yield name
    finally:
        _execute(server, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(server: str, statement: str, *names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _given_kafka() -> str:
    return os.environ.get("ORDINAL_TEST_KAFKA_BOOTSTRAP_SERVERS", "")


def _check_kafka(config: pytest.Config) -> None:
    lacking = kafka_broker.missing()
    if lacking is None:
        return
    if os.environ.get("ORDINAL_TEST_REQUIRE_KAFKA") == "1":
        pytest.fail(f"{lacking} To run the tests that need it, {KAFKA_ADVICE}.", pytrace=False)
    config.stash[KAFKA_LACKS] = lacking
    pytest.skip(lacking)


def keep_logs(folder: Path) -> None:
    for log in folder.rglob("*.log"):
        kept = ROOT / ".logs" / folder.name / log.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        if log.is_file():
            shutil.copyfile(log, kept)
