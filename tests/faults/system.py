"""A whole Ordinal as real processes, and the checker over it."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from api.scopes import ALL_SCOPES
from consumers.channels import CHANNELS
from infra.audit.verify import Findings, verify_store, wait_for_lag_zero
from infra.audit.verify_topics import lag_of, verify_topics
from infra.kafka.topics import ensure_topics
from infra.runtime.settings import Settings
from infra.store import api_keys
from projections import PROJECTIONS
from tests.faults.http import Answer, Lost, call, free_port
from tests.faults.processes import Makers, Origin, Process
from tests.faults.receipts import Receipts
from tests.faults.watch import Watch
from tests.infra.relaying import settings_for
from tests.infra.shop import ask, open_shop, order, writing

CALLER = "customers"
SKU = "85123A"
# Seconds. The machine may be busy with others.
START_LIMIT = 30.0
ANSWER_LIMIT = 15.0
HEALING_LIMIT = 40.0


@dataclass(slots=True)
class Api:
    """An API process and the port it listens on."""

    process: Process
    port: int


class System:
    """One store and the processes over it; a test starts those that it needs.

    `conninfo` is the owner's; processes get the same, unless a test gives them another way in.
    """

    def __init__(
        self, origin: Origin, folder: Path, conninfo: str, settings: Settings | None = None
    ) -> None:
        self._origin = origin
        self._folder = folder
        self._numbers = count(1)
        self.conninfo = conninfo
        self.settings = settings
        self.processes: list[Process] = []
        self.receipts = Receipts(CALLER, "web")
        self.watch = Watch(conninfo)
        self.secret = f"faults_{secrets.token_urlsafe(16)}"
        if settings is not None:
            ensure_topics(settings, CHANNELS)

    @property
    def kafka(self) -> Settings:
        assert self.settings is not None
        return self.settings

    # -- processes

    def start(self, *verb: str, crash_at: str = "", without: str = "", **given: object) -> Process:
        """A process of one verb; `crash_at` is where it kills itself, `without` names a guard that
        it lacks, `given` are settings.
        """
        environment = self._environment(given)
        if crash_at:
            environment["ORDINAL_CRASH_AT"] = crash_at
        log = self._folder / f"{next(self._numbers):03}-{verb[0]}.log"
        process = self._origin.start(verb, environment, self._folder, log, without)
        self.processes.append(process)
        return process

    def _environment(self, given: dict[str, object]) -> dict[str, str]:
        values: dict[str, object] = {"database_url": self.conninfo, "log_level": "debug"}
        if self.settings is not None:
            values |= {
                "kafka_bootstrap_servers": self.settings.kafka_bootstrap_servers,
                "topic_prefix": self.settings.topic_prefix,
                "topic_partitions": self.settings.topic_partitions,
            }
        return {f"ORDINAL_{name.upper()}": str(value) for name, value in (values | given).items()}

    def serve(self, *, port: int = 0, **given: Any) -> Api:
        """An API process that answers."""
        port = port or free_port()
        process = self.start("serve", http_port=port, **given)
        await_health(process, port)
        return Api(process, port)

    def stop(self) -> None:
        """End all processes that still run."""
        for process in self.processes:
            process.kill()

    # -- requests

    def key_of(self, caller: str, channel: str = "web", secret: str | None = None) -> str:
        """The secret of a new key with every scope."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            grant = api_keys.Grant(name=caller, caller=caller, channel=channel, scopes=ALL_SCOPES)
            return api_keys.create(conn, grant, actor="test", secret=secret)

    def open_shop(self, *skus: str, units: int = 0, backorders: int | None = 0) -> None:
        """A key for the customers, a location, and stock."""
        self.key_of(CALLER, secret=self.secret)
        with writing(self.conninfo) as writer:
            open_shop(writer, skus or (SKU,), units=units, backorders=backorders)

    def post(
        self, api: Api, path: str, body: Any = None, *, key: str | None = None,
        if_match: int | None = None, secret: str | None = None, limit: float = ANSWER_LIMIT,
    ) -> Answer:  # fmt: skip
        """Ask for a command once; an accepted answer under a key is remembered."""
        known = f"Bearer {secret or self.secret}"
        headers = {"Authorization": known, "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        answer = call(api.port, "POST", f"/v1{path}", body=body, headers=headers, limit=limit)
        if answer.accepted and key is not None and secret is None:
            self.receipts.keep(key, answer.body)
        return answer

    def get(self, api: Api, path: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.secret}", "Ordinal-Reason": "a test"}
        return call(api.port, "GET", path, headers=headers, limit=ANSWER_LIMIT)

    def order(self, api: Api, key: str, sku: str = SKU, **given: Any) -> Answer:
        """Place an order of one line under this key, which is its reference as well."""
        return self.post(api, "/orders", order_body(key, sku, **given), key=key)

    def fill(self, count: int, name: str = "filled") -> int:
        """Place orders without a process, quickly; returns the head of the log."""
        with writing(self.conninfo) as writer:
            writer.write([ask(order(f"{name}-{n}", SKU)) for n in range(count)])
        return self.head()

    def insist(
        self,
        apis: Sequence[Api],
        path: str,
        body: Any,
        key: str,
        patience: float = HEALING_LIMIT,
    ) -> Answer:
        """Repeat under the same key until there is an answer, as a customer's shop would."""
        deadline = time.monotonic() + patience
        while True:
            for api in apis:
                with suppress(Lost):
                    answer = self.post(api, path, body, key=key)
                    if answer.status != 503:
                        return answer
            assert time.monotonic() < deadline, f"nobody answers to {key}"
            time.sleep(0.05)

    # -- the checker

    def findings(self, seconds: float = HEALING_LIMIT) -> Findings:
        """What the checker says once everybody had the time to come to the log's end."""
        found = Findings()
        wait_for_lag_zero(self.lag, found, seconds=seconds)
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            verify_store(conn, PROJECTIONS, found)
            self.receipts.verify(conn, found)
        if self.settings is not None:
            verify_topics(self.conninfo, self.settings, found)
        self.watch.report(found)
        return found

    def lag(self) -> dict[str, int]:
        """Whoever was started counts, also one that has not come to its first checkpoint."""
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            return dict.fromkeys(self._followers(), 1) | lag_of(conn, self.settings)

    def _followers(self) -> set[str]:
        verbs = [process.name.split() for process in self.processes]
        every = [projection.name for projection in PROJECTIONS]
        return {name for verb in verbs if verb[0] == "project" for name in verb[1:] or every}

    def check(self, seconds: float = HEALING_LIMIT) -> None:
        """Every invariant holds."""
        found = self.findings(seconds)
        assert found.sound, f"{named(found)}\n{self.tails()}"

    def tails(self) -> str:
        """What the processes said last, for whoever must find out."""
        return "\n".join(f"-- {p.name} {p.code}\n{p.tail()}" for p in self.processes[-6:])

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as conn:
            return conn.execute(statement.encode(), parameters or None).fetchall()

    def head(self) -> int:
        ((head,),) = self.rows(
            "SELECT coalesce(max(notification_id), 0) FROM ordinal.stored_events"
        )
        return int(head)


def order_body(reference: str, sku: str = SKU, quantity: int = 1, **more: Any) -> dict[str, Any]:
    line = {"sku": sku, "quantity": quantity, "unit_price": 250}
    body = {"reference": reference, "country": "GB", "currency": "GBP", "lines": [line]}
    return body | more


def await_health(process: Process, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        with suppress(Lost):
            if call(port, "GET", "/health", headers={}, limit=5).status == 200:
                return
        assert process.alive, f"{process.name} ended with {process.code}\n{process.tail()}"
        assert time.monotonic() < deadline, f"{process.name} does not answer\n{process.tail()}"
        time.sleep(0.02)


def named(found: Findings) -> str:
    """The breaches, one a line."""
    lines = [f"{f.invariant} ({f.breaches}): {f.breach}" for f in found.of.values() if f.breaches]
    return "\n".join(lines) or "all invariants hold"


def all_at_once(*work: Callable[[], Any]) -> list[Any]:
    """Results of calls that begin together, each in a thread; what one raises is raised."""
    barrier = threading.Barrier(len(work))
    results: list[Any] = [None] * len(work)
    raised: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(30)
            results[number] = work[number]()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return results


@contextmanager
def system_over(
    makers: Makers, folder: Path, conninfo: str, *, kafka: str | None = None, prefix: str = "",
    **more: Any,
) -> Iterator[System]:  # fmt: skip
    """A system whose processes end with the block."""
    settings = settings_for(kafka, prefix or f"faults-{os.getpid()}", **more) if kafka else None
    system = System(makers, folder, conninfo, settings)
    try:
        with system.watch:
            yield system
    finally:
        system.stop()
