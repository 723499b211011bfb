"""The API put together, and the process that serves it.

Its frameworks take a third of a second to import, which no other verb needs to pay.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from api.app import Api, create_app
from api.ports import Edge
from consumers.channels import CHANNELS
from infra.ops.metrics import BusFigures, Figures
from infra.ops.metrics_collector import Collector, show_bus
from infra.postgres.connections import connect
from infra.readmodels.reader import RowReader
from infra.runtime.settings import Settings, program_version
from infra.store.contacts_vault import Vault
from infra.store.key_ring import ANSWER_LIMIT, KeyRing
from infra.store.receipt_retention import Housekeeper, knows_former_keys
from infra.write_path.command_bus import CommandBus
from infra.write_path.group_commit import Writer
from projections import PROJECTIONS
from verbs.edge_adapters import BusDispatch, BusSubmit, Readiness, Requests, RingKeys, VaultContacts
from verbs.key_office import StoredKeys


def compose_api(settings: Settings, conninfo: str, writer: Writer) -> Api:
    """The API with everything behind it; its lifespan starts and ends the machines."""
    figures = Figures()
    bus = CommandBus(
        writer,
        answer_timeout=settings.answer_timeout,
        queue_limit=settings.queue_limit,
        observer=BusFigures(figures),
    )
    show_bus(figures, bus)
    relayed = bool(settings.kafka_bootstrap_servers)
    collector = Collector(conninfo, figures, PROJECTIONS, relayed=relayed, channels=tuple(CHANNELS))
    ring = KeyRing(partial(connect, conninfo, "ordinal_writer", timeout=ANSWER_LIMIT))
    reader = RowReader(conninfo, PROJECTIONS, wait_timeout=settings.read_wait_timeout)
    vault = Vault(lambda: connect(conninfo, "ordinal_writer"))
    keeper = Housekeeper(
        lambda: connect(conninfo, "ordinal_writer"), idempotency_days=settings.idempotency_days
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for machine in (ring, keeper, collector):
                machine.start()
                stack.callback(machine.stop)
            await stack.enter_async_context(reader)
            await bus.start()
            stack.push_async_callback(bus.stop)
            yield

    edge = Edge(
        dispatch=BusDispatch(bus),
        submit=BusSubmit(bus),
        rows=reader,
        keys=RingKeys(ring),
        key_office=StoredKeys(partial(connect, conninfo, "ordinal_keeper")),
        health=Readiness(bus, reader),
        contacts=VaultContacts(vault),
        metrics=figures,
        observe=Requests(figures),
        new_id=uuid.uuid4,
        version=program_version(),
        max_body_bytes=settings.max_body_bytes,
        patience=settings.answer_timeout,
        former_keys=_former_keys(settings, conninfo),
    )
    return create_app(edge, lifespan=lifespan)


def _former_keys(settings: Settings, conninfo: str) -> bool:
    with connect(conninfo, "ordinal_writer") as conn:
        return knows_former_keys(conn, settings.idempotency_days)
