"""The front door: puts the rooms and the machines together, and the command line over them.

Every verb reads the settings once, opens the database they name, and works until it is done or
told to stop (SIGINT, SIGTERM).
"""

import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import psycopg
import structlog
import typer
from kafka.errors import KafkaError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as Grid
from typer.core import TyperGroup

from api.scopes import ALL_SCOPES
from commands import HANDLERS
from commands.handling import Context
from consumers import demo_day, marketplace, online_retail, order_files, orders
from consumers.consumer import Unreadable
from consumers.file_lines import UnreadableFile
from consumers.importing import ImportReport, Write
from infra import api_keys, broker, dead_letters, embedded, replay, showing
from infra.batch import Ask, Outcome
from infra.broker import BrokerError
from infra.codec import UnknownEvent
from infra.embedded import EmbeddedError
from infra.event_log import Connection, connect, connect_writer
from infra.feeds import Feed, StoreFeed
from infra.findings import Findings
from infra.generations import ContractBroken, drop_old
from infra.index_follower import Follower
from infra.intake import Intake
from infra.kafka import KafkaUnfit, ensure_topics
from infra.kafka import topics as all_topics
from infra.kafka_feed import KafkaFeed
from infra.migrations import NotMigrated, require_migrated
from infra.migrations import migrate as run_migrations
from infra.parking import NotParked, StillPoisoned, replay_parked
from infra.processes import STOPS, Family, spare_the_collector
from infra.progress import news_of_intake, news_of_projector, news_of_relay, telling
from infra.projector import Projector
from infra.rebuild import Progress as Built
from infra.rebuild import RebuildFailed, RebuildRunning
from infra.rebuild import rebuild as build_anew
from infra.reconcile import ReconcileRefused
from infra.reconcile import reconcile as compare
from infra.relay import Relay, RelayHalted
from infra.restore import NothingToAccept, WrittenSince
from infra.restore import accept_restore as accept
from infra.sessions import connect_projector
from infra.settings import Settings
from infra.snapshots import Snapshots
from infra.status import problems
from infra.status import status as look_around
from infra.telemetry import configure_logging
from infra.verify import verify_store, wait_for_lag_zero
from infra.verify_receipts import kept, verify_receipts
from infra.verify_topics import lag_of, verify_topics
from infra.writer import Unavailable, Writer
from projections import PROJECTIONS
from projections.projection import Projection

# What an operator can put right: a line says what is wrong, where a traceback would hide it.
EXPECTED = (
    BrokerError,
    EmbeddedError,
    KafkaError,
    KafkaUnfit,
    NotMigrated,
    RelayHalted,
    Unavailable,
    UnreadableFile,
    psycopg.OperationalError,
)


class Verbs(TyperGroup):
    """All verbs, and what they have in common: how they end when something is expected to fail."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            fail(str(error).strip() or type(error).__name__)


cli = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    help="Event-sourced order management.",
)
keys_cli = typer.Typer(no_args_is_help=True, help="API keys.")
import_cli = typer.Typer(no_args_is_help=True, help="Import files.")
parked_cli = typer.Typer(help="Streams that a read model could not fold.")
store_cli = typer.Typer(no_args_is_help=True, help="The store as a whole.")
cli.add_typer(keys_cli, name="keys")
cli.add_typer(import_cli, name="import")
cli.add_typer(parked_cli, name="parked", invoke_without_command=True)
cli.add_typer(store_cli, name="store")
console = Console(stderr=True)
log = structlog.get_logger("ordinal")


def fail(message: str) -> NoReturn:
    console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def load_settings() -> Settings:
    try:
        settings = Settings()
    except ValidationError as error:
        fail("\n".join(told_of(str(fault["loc"][0]), fault["msg"]) for fault in error.errors()))
    configure_logging(settings)
    return settings


def told_of(name: str, wrong: str) -> str:
    """What is wrong with a setting, and what it is for."""
    known = Settings.model_fields.get(name)
    about = known.description if known else None
    return f"ORDINAL_{name.upper()}: {wrong}. {about or ''}".strip()


@contextmanager
def opened(settings: Settings, *, migrated: bool = True) -> Iterator[str]:
    """The conninfo of a database that is up and, unless we are to migrate it, up to date."""
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS"):
        fail("POSTGRES_ENABLE_DB_FUNCTIONS is set: that way of appending takes no lock. Unset it.")
    with embedded.database(settings.database_url.get_secret_value(), Path.cwd()) as conninfo:
        if migrated:
            require_migrated(conninfo)
        yield conninfo


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set.

    A Python handler would not do. It runs in the main thread alone, which may hold the event's
    lock just then, or sleep in a join while another thread took the signal.
    """
    stop, (ours, theirs) = threading.Event(), socket.socketpair()
    theirs.setblocking(False)
    listener = threading.Thread(target=_listen, args=(ours, stop), name="signals")
    listener.start()
    heard_before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in STOPS}
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(heard_before)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stop.is_set() else handler)
        theirs.close()
        listener.join()
        ours.close()


def _listen(signals: socket.socket, stop: threading.Event) -> None:
    while numbers := signals.recv(64):
        if not STOPS.isdisjoint(numbers):
            stop.set()


def leave(*_: object) -> NoReturn:
    raise SystemExit(0)


def keeping_writer(settings: Settings, conninfo: str) -> Writer:
    """A writer for a long life: it keeps snapshots, so that the next one starts fast."""
    return Writer(
        lambda: connect_writer(conninfo),
        HANDLERS,
        cache_bytes=settings.cache_bytes,
        snapshots=Snapshots(lambda: connect(conninfo, "ordinal_writer")),
    )


@cli.command()
def serve() -> None:
    """Serve the HTTP API."""
    from serving import compose_api, run_http  # its frameworks are slow to import

    settings = load_settings()
    signal.signal(signal.SIGTERM, leave)
    with opened(settings) as conninfo:
        app = compose_api(settings, conninfo, keeping_writer(settings, conninfo))
        run_http(app, settings.http_host, settings.http_port)


# -- the processes behind the log


@cli.command()
def relay() -> None:
    """Publish the event log to Kafka."""
    settings = load_settings()
    with opened(settings) as conninfo, told_to_stop() as stop:
        machine = Relay(conninfo, settings)
        with telling(conninfo, "ordinal_writer", "relay", lambda: news_of_relay(machine.status)):
            machine.run(stop)


def feeds_of(settings: Settings, conninfo: str) -> Callable[[], Feed]:
    """Opens feeds; through Kafka, those of one process share a consumer."""
    if settings.kafka_bootstrap_servers:
        return partial(KafkaFeed, conninfo, Follower(settings))
    return partial(StoreFeed, conninfo)


def chosen_projections(names: Sequence[str]) -> list[Projection]:
    known = {projection.name: projection for projection in PROJECTIONS}
    if unknown := [name for name in names if name not in known]:
        fail(f"no read model is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(PROJECTIONS)


@cli.command()
def project(names: Annotated[list[str] | None, typer.Argument(help="Read models.")] = None) -> None:
    """Keep read models up to date: all of them, or the named ones."""
    settings = load_settings()
    spare_the_collector()
    with opened(settings) as conninfo, told_to_stop() as stop:
        feed = feeds_of(settings, conninfo)
        threads = [
            threading.Thread(target=_project, args=(conninfo, each, feed, stop), name=each.name)
            for each in chosen_projections(names or [])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _project(
    conninfo: str, each: Projection, feed: Callable[[], Feed], stop: threading.Event
) -> None:
    """A read model that halts waits for its operator; the others go on."""
    machine = Projector(conninfo, each, feed)
    news = partial(news_of_projector, machine.status)
    try:
        with telling(conninfo, "ordinal_projector", f"projector {each.name}", news):
            machine.run(stop)
    except Exception as error:
        log.error("projector_halted", projection=each.name, error=str(error))


@cli.command()
def consume(
    shape: Annotated[str, typer.Argument(help="orders or marketplace")],
    channel: Annotated[str | None, typer.Option(help="Channel of the orders.")] = None,
    history: Annotated[bool, typer.Option(help="Believe the time of sale.")] = False,
) -> None:
    """Take a channel's orders from its topic."""
    makers = {
        "orders": orders.orders_consumer,
        "marketplace": marketplace.marketplace_consumer,
    }
    if shape not in makers:
        fail(f"no consumer is called {shape}; there are {', '.join(makers)}")
    made = makers[shape](channel or shape, history=history)
    settings = load_settings()
    spare_the_collector()
    with opened(settings) as conninfo, told_to_stop() as stop:
        machine = Intake(settings, made, keeping_writer(settings, conninfo))
        news = partial(news_of_intake, machine.status)
        with telling(conninfo, "ordinal_writer", f"intake {made.name}", news):
            machine.run(stop)


@cli.command()
def migrate() -> None:
    """Bring the database up to date, as its owner."""
    settings = load_settings()
    with opened(settings, migrated=False) as conninfo:
        for name in run_migrations(conninfo):
            console.print(f"applied {name}")


@cli.command()
def topics() -> None:
    """Create the topics that are missing, check the others, and list them all."""
    settings = load_settings()
    made = ensure_topics(settings)
    grid = Grid("topic", "partitions", "")
    for topic in all_topics(settings):
        grid.add_row(topic.name, str(topic.partitions), "created" if topic.name in made else "")
    show(grid)


# -- keys


@keys_cli.command("create")
def keys_create(
    name: Annotated[str, typer.Option(help="For people.")],
    channel: Annotated[str, typer.Option(help="Channel of the orders it places.")] = "web",
    caller: Annotated[str | None, typer.Option(help="Whose commands these are.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="One or more; all when none.")] = None,
) -> None:
    """Make a key and print its secret, once."""
    unknown = set(scope or ()) - set(ALL_SCOPES)
    if unknown:
        fail(f"no such scope: {', '.join(sorted(unknown))}; there are {', '.join(ALL_SCOPES)}")
    with owner() as conn:
        secret = api_keys.create(
            conn, name=name, caller=caller or name, channel=channel, scopes=scope or ALL_SCOPES
        )
    sys.stdout.write(f"{secret}\n")


@keys_cli.command("list")
def keys_list() -> None:
    """List the keys; secrets are not kept."""
    grid = Grid("id", "name", "caller", "channel", "scopes", "revoked")
    with owner() as conn:
        for key in api_keys.listed(conn):
            revoked = "yes" if key.revoked else ""
            scopes = " ".join(key.scopes)
            grid.add_row(key.key_id, key.name, key.caller, key.channel, scopes, revoked)
    show(grid)


@keys_cli.command("revoke")
def keys_revoke(key_id: str) -> None:
    """Let a key open nothing any more."""
    with owner() as conn:
        if not api_keys.revoke(conn, key_id):
            fail(f"there is no key {key_id} in force")


@contextmanager
def owner() -> Iterator[Connection]:
    """A session of the database's owner."""
    with opened(load_settings()) as conninfo, psycopg.connect(conninfo, autocommit=True) as conn:
        yield conn


@cli.command()
def settings() -> None:
    """Show the settings in force; secrets are masked."""
    grid = Grid("variable", "value")
    for name, value in load_settings():
        grid.add_row(f"ORDINAL_{name.upper()}", str(value))
    show(grid)


# -- history


@cli.command()
def events(
    after: Annotated[int, typer.Option(help="Position to begin behind.")] = 0,
    until: Annotated[int | None, typer.Option(help="Position to end with.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on as events come.")] = False,
) -> None:
    """Write the event log to standard output, one JSON object a line."""
    out = sys.stdout.buffer
    with (
        opened(load_settings()) as conninfo,
        told_to_stop() as stop,
        connect(conninfo, "ordinal_projector", timeout=60) as conn,
    ):
        while not stop.is_set():
            for seen, line in replay.lines(conn, after, until):
                out.write(line + b"\n")
                after = seen
                if stop.is_set():
                    break
            out.flush()
            if not follow or stop.wait(0.2):
                return


@cli.command()
def state(
    stream: Annotated[str, typer.Argument(help="order-…, stock-LOCATION-sku or sourcing")],
    at: Annotated[str | None, typer.Option(help="A position, or an ISO 8601 time.")] = None,
) -> None:
    """Show what was true of a stream then, folded from history."""
    with opened(load_settings()) as conninfo, connect(conninfo, "ordinal_projector") as conn:
        try:
            found = replay.state_at(conn, stream, _position(conn, at))
        except LookupError as error:
            fail(str(error))
    sys.stdout.buffer.write(replay.as_json(found) + b"\n")


def _position(conn: Connection, at: str | None) -> int | None:
    if at is None or at.isdecimal():
        return None if at is None else int(at)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        fail(f"{at} is neither a position nor an ISO 8601 time")
    return replay.position_at(conn, moment if moment.tzinfo else moment.replace(tzinfo=UTC))


# -- looking after it


def show(*grids: Grid) -> None:
    """Tables on standard output; whoever reads them with a program gets whole lines."""
    out = Console(width=None if sys.stdout.isatty() else 240)
    for grid in grids:
        out.print(grid)


@cli.command()
def status() -> None:
    """Tell where everything stands; exit 1 when something is not as it should be."""
    settings = load_settings()
    relayed = bool(settings.kafka_bootstrap_servers)
    try:
        # Asking for its migrations has no time limit, and a server may hang.
        with opened(settings, migrated=False) as conninfo:
            found = look_around(conninfo, PROJECTIONS, relayed=relayed)
    except psycopg.errors.UndefinedTable:
        fail("the database lacks tables: run `ordinal migrate`")
    except psycopg.Error as error:
        fail(f"the database cannot be asked: {error}")
    show(showing.show_log(found), showing.show_read_models(found), showing.show_parts(found))
    if wrong := problems(found):
        fail("\n".join(wrong))
    console.print("all is well")


@cli.command()
def rebuild(
    names: Annotated[list[str], typer.Argument(help="Read models, or all.")],
    old: Annotated[
        bool, typer.Option("--drop-old", help="Build nothing; drop what is not read any more.")
    ] = False,
) -> None:
    """Build read models anew from the log, beside the ones that are read."""
    chosen = chosen_projections([] if names == ["all"] else names)
    with opened(load_settings()) as conninfo:
        try:
            drop(conninfo, chosen) if old else build(conninfo, chosen)
        except (RebuildFailed, RebuildRunning, ContractBroken, LookupError) as error:
            fail(str(error))


def build(conninfo: str, chosen: Sequence[Projection]) -> None:
    with rebuild_bar() as progress:
        build_anew(conninfo, chosen, progress=progress)


def drop(conninfo: str, chosen: Sequence[Projection]) -> None:
    with connect_projector(conninfo, "drop old") as conn:
        for each in chosen:
            gone = drop_old(conn, each)
            console.print(f"{each.name}: dropped {len(gone)} generations")


@contextmanager
def rebuild_bar() -> Iterator[Callable[[Built], None]]:
    with Progress(*Progress.get_default_columns(), console=console) as progress:
        task = progress.add_task("folding", total=None)
        yield lambda built: progress.update(
            task,
            description=built.phase,
            completed=built.position if built.head else 1,
            total=built.head or 1,
        )


@cli.command()
def reconcile(
    repair: Annotated[bool, typer.Option("--repair", help="Send a lost tail again.")] = False,
) -> None:
    """Compare the topics with the log; exit 1 when they differ. To repair, stop the relay."""
    settings = load_settings()
    with opened(settings) as conninfo:
        try:
            report = compare(conninfo, settings, repair=repair)
            if repair and not report.clean:
                show(showing.show_comparison(report))
                console.print(f"{report.resent} events were sent again")
                report = compare(conninfo, settings, repair=False)
        except (ReconcileRefused, RelayHalted, KafkaUnfit, KafkaError) as error:
            fail(str(error))
    show(showing.show_comparison(report))
    if not report.clean:
        fail("the topics are not what the log is")
    console.print(f"{report.events} events up to position {report.position} are in the topics")


@cli.command()
def verify(
    wait: Annotated[float | None, typer.Option(help="Seconds for lag to come to 0.")] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(help="Accepted answers: NDJSON of caller, key, body.", exists=True),
    ] = None,
) -> None:
    """Check every invariant of log, topics and read models; exit 1 naming the first breach."""
    settings, found = load_settings(), Findings()
    with opened(settings) as conninfo, connect(conninfo, "ordinal_writer", timeout=3600) as conn:
        brokers = settings if settings.kafka_bootstrap_servers else None
        if wait is not None:
            wait_for_lag_zero(lambda: lag_of(conn, brokers), found, seconds=wait)
        verify_store(conn, PROJECTIONS, found)
        if brokers:
            verify_topics(conninfo, brokers, found)
        if receipts:
            hold_receipts(conn, receipts, found)
    show(showing.show_findings(found))
    for breach in (f for f in found.of.values() if f.breach):
        fail(f"{breach.invariant}: {breach.breach}")


def hold_receipts(conn: Connection, file: Path, found: Findings) -> None:
    with file.open("rb") as lines:
        try:
            verify_receipts(conn, kept(lines), found)
        except ValueError as error:
            fail(f"{file.name}: {error}")


@parked_cli.callback()
def parked(context: typer.Context) -> None:
    """List the streams that a read model could not fold."""
    if context.invoked_subcommand is None:
        with opened(load_settings()) as conninfo:
            show(showing.show_parked(look_around(conninfo, PROJECTIONS)))


@parked_cli.command("replay")
def parked_replay(projection: str, stream: str) -> None:
    """Fold a parked stream anew, and let its events in again."""
    (chosen,) = chosen_projections([projection])
    with opened(load_settings()) as conninfo:
        try:
            count = replay_parked(conninfo, chosen, stream)
        except (NotParked, StillPoisoned, UnknownEvent) as error:
            fail(str(error))
    console.print(f"{count} events of {stream} are in {projection}")


@cli.command("dead-letters")
def list_dead_letters(
    letter: Annotated[str | None, typer.Argument(help="Show this one, as JSON.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send its message again.")] = False,
    limit: Annotated[int, typer.Option(help="List so many.")] = 50,
) -> None:
    """Messages that could not become commands, the newest first: reason and coordinates."""
    settings = load_settings()
    with opened(settings) as conninfo, connect(conninfo, "ordinal_writer") as conn:
        if letter is None:
            show(showing.show_dead_letters(dead_letters.newest(conn, limit)))
            return
        try:
            found = dead_letters.find(conn, letter)
            offset = dead_letters.send_again(settings, found) if again else None
        except (LookupError, KafkaUnfit, KafkaError) as error:
            fail(str(error))
    sys.stdout.buffer.write(dead_letters.as_json(found) + b"\n")
    if offset is not None:
        place = f"{found.source_topic}/{found.source_partition}/{offset}"
        console.print(f"sent again as {place}")


@store_cli.command("accept-restore")
def store_accept_restore() -> None:
    """Go on from a restored backup; what others have seen beyond it becomes void.

    As the owner of the database, before anything else of Ordinal is started.
    """
    settings = load_settings()
    with opened(settings) as conninfo:
        try:
            accepted = accept(conninfo, settings, PROJECTIONS)
        except NothingToAccept as nothing:
            console.print(str(nothing))
            return
        except (WrittenSince, ReconcileRefused, RelayHalted, KafkaUnfit, KafkaError) as error:
            fail(str(error))
        console.print(
            f"store epoch {accepted.store_epoch}: what was seen behind position"
            f" {accepted.void_after} is void, the log goes on behind {accepted.to}"
        )
        if accepted.behind:
            build(conninfo, chosen_projections(accepted.behind))


# -- imports


@import_cli.command("online-retail")
def import_online_retail(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go.")] = None,
) -> None:
    """Import a file in the UCI Online Retail format, as its shop would have sent it."""
    _import(online_retail.import_online_retail, file, rejects)


@import_cli.command("orders")
def import_orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    channel: Annotated[str, typer.Option(help="Channel of the orders.")] = "file",
    rejects: Annotated[Path | None, typer.Option(help="Where rejected lines go.")] = None,
) -> None:
    """Import orders from CSV (a row a line of an order) or NDJSON (an order a line)."""
    run = partial(order_files.import_orders, channel=channel, decode=read_order)
    _import(run, file, rejects)


def read_order(line: bytes) -> orders.OrderMessage:
    """An order from its JSON; raises Unreadable."""
    try:
        return msgspec.json.decode(line, type=orders.OrderMessage)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unreadable(str(error)) from error


def _import(run: Callable[..., ImportReport], file: Path, rejects: Path | None) -> None:
    rejects = rejects or file.with_name(f"{file.stem}.rejects.csv")
    began = time.monotonic()
    with (
        opened(load_settings()) as conninfo,
        bar(file.stat().st_size, file.name) as progress,
        file.open("rb") as source,
        rejects.open("w", encoding="utf-8", newline="") as bad,
    ):
        report = run(
            source,
            rejects=bad,
            write=patient_write(writer_of(conninfo)),
            progress=lambda _, done: progress(done),
            actor="import",
        )
    _show_report(report, rejects, time.monotonic() - began)
    raise typer.Exit(0 if report.lines_in == report.applied + report.rejected.total() else 1)


def _show_report(report: ImportReport, rejects: Path, seconds: float) -> None:
    grid = Grid("what", "count")
    grid.add_row("lines in", str(report.lines_in))
    grid.add_row("applied", str(report.applied))
    for reason, count in sorted(report.rejected.items()):
        grid.add_row(f"rejected: {reason}", str(count))
    grid.add_row("orders", str(report.orders))
    grid.add_row("cancellations", str(report.cancellations))
    grid.add_row("adjustments", str(report.adjustments))
    for name, sums in (("revenue", report.revenue), ("cancelled", report.cancelled)):
        for currency, amount in sorted(sums.items()):
            grid.add_row(f"{name}, minor units of {currency}", str(amount))
    grid.add_row("seconds", f"{seconds:.1f}")
    Console().print(grid)
    console.print(f"rejected lines are in {rejects}")


@contextmanager
def bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar; what it yields is told how much is done."""
    with Progress(*Progress.get_default_columns(), console=console) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def writer_of(conninfo: str, cache_bytes: int = 256_000_000) -> Writer:
    return Writer(lambda: connect_writer(conninfo), HANDLERS, cache_bytes=cache_bytes)


def patient_write(writer: Writer) -> Write:
    """Carries batches out in order, and waits for a database that is away: repeats are harmless."""

    def write(asked: Sequence[tuple[object, Context]]) -> list[Outcome]:
        asks = [Ask(command, context) for command, context in asked]
        for pause in (0.1, 0.3, 1.0, 3.0, 10.0):
            try:
                writer.write(asks)
                break
            except Unavailable as error:
                log.warning("import_waits", error=str(error))
                time.sleep(pause)
        else:
            writer.write(asks)
        return [ask.outcome or Unavailable("no outcome") for ask in asks]

    return write


# -- everything at once


@cli.command()
def kafka() -> None:
    """Run a broker of this folder's own, for development."""
    with broker.broker(Path.cwd() / ".data" / "kafka") as machine, told_to_stop() as stop:
        console.print(f"ORDINAL_KAFKA_BOOTSTRAP_SERVERS={machine.bootstrap_servers}")
        stop.wait()


@cli.command()
def up() -> None:
    """Run everything: API, projectors and, with Kafka, relay and intake."""
    settings = load_settings()
    with opened(settings, migrated=False) as conninfo, told_to_stop() as stop:
        run_migrations(conninfo)
        if settings.kafka_bootstrap_servers:
            ensure_topics(settings)
        family = Family(verbs_of(settings))
        family.start()
        family.watch(stop)


@cli.command()
def demo(
    kafka: Annotated[bool, typer.Option("--kafka", help="Put a real broker in between.")] = False,
) -> None:
    """A day of trade on the embedded database, and the API over it, until Ctrl-C."""
    settings = load_settings()
    configure_logging(settings.model_copy(update={"log_level": "warning"}))
    with ExitStack() as stack:
        conninfo = stack.enter_context(opened(settings, migrated=False))
        run_migrations(conninfo)
        key = demo_key(conninfo)
        play_day(conninfo)
        if kafka:
            machine = stack.enter_context(broker.broker(Path.cwd() / ".data" / "kafka"))
            servers = machine.bootstrap_servers
            settings = settings.model_copy(update={"kafka_bootstrap_servers": servers})
            ensure_topics(settings)
        stop = stack.enter_context(told_to_stop())
        family = Family(verbs_of(settings), demo_environment(settings))
        family.start()
        if await_ready(settings, stop):
            show_around(settings, conninfo, key)
        family.watch(stop)


def demo_environment(settings: Settings) -> dict[str, str]:
    servers = settings.kafka_bootstrap_servers
    kafka = {"ORDINAL_KAFKA_BOOTSTRAP_SERVERS": servers} if servers else {}
    return {"ORDINAL_LOG_LEVEL": "warning", **kafka}


def demo_key(conninfo: str) -> str:
    """The demo's own key: random, in a file that only its owner can read."""
    file = Path.cwd() / ".data" / "demo.key"
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"demo_{secrets.token_urlsafe(24)}", encoding="ascii")
    secret = file.read_text(encoding="ascii")
    with psycopg.connect(conninfo, autocommit=True) as conn:
        api_keys.create(
            conn, name="demo", caller="demo", channel="web", scopes=ALL_SCOPES, secret=secret
        )
    return secret


def play_day(conninfo: str) -> None:
    """Once; a second start finds the day as it was left."""
    writer = writer_of(conninfo)
    known = "SELECT 1 FROM ordinal.commands WHERE command_id = %s"
    if writer.read(known, (demo_day.CLOSING,)):
        writer.close()
        return
    with bar(1, "a day of trade") as progress:
        share = lambda done, of: progress(done / of)  # noqa: E731
        report = demo_day.play(patient_write(writer), datetime.now(UTC), share)
    writer.close()
    console.print(f"{report.asked} commands, {report.refused} of them refused, as some should be")


def await_ready(settings: Settings, stop: threading.Event) -> bool:
    """Until the API answers and the read models have caught up."""
    url = f"http://{settings.http_host}:{settings.http_port}/ready"
    while not stop.wait(0.05):
        with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    return False


GUIDE = """
The shop is open. Its day is over; its API is at {base} ([bold]{base}/docs[/bold]).

Orders, newest first:
  curl -s -H 'Authorization: Bearer {key}' '{base}/v1/orders?limit=3'
Place one; send it twice, it is placed once:
  curl -s -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -H 'Idempotency-Key: first-{sku}' {base}/v1/orders -d '{order}'
Stock of a sku, over all locations:
  curl -s -H 'Authorization: Bearer {key}' '{base}/v1/inventory/by-sku?sku={sku}'
As an analyst, with SQL:
  {psql} "{conninfo} options='-c role=ordinal_analyst'" -c 'SELECT * FROM read.report_channel'
{topics}
Ctrl-C ends everything and keeps the data.
"""


def show_around(settings: Settings, conninfo: str, key: str) -> None:
    sku = one_sku(conninfo)
    line = {"sku": sku, "quantity": 1, "unit_price": 1999}
    order = {"reference": f"hello-{sku}", "country": "DE", "currency": "EUR", "lines": [line],
             "shortage_policy": "backorder"}  # fmt: skip
    servers = settings.kafka_bootstrap_servers
    console.print(
        GUIDE.format(
            base=f"http://{settings.http_host}:{settings.http_port}",
            key=key,
            order=json.dumps(order),
            sku=sku,
            psql=embedded.psql(settings.database_url.get_secret_value(), Path.cwd()),
            conninfo=conninfo,
            topics=f"The topics are at {servers}.\n" if servers else "",
        ),
        soft_wrap=True,
        highlight=False,
    )


def one_sku(conninfo: str) -> str:
    """A sku of the shop that is there to be had: mostly the same one, start after start."""
    with connect(conninfo, "ordinal_writer") as conn:
        row = conn.execute(
            "SELECT sku FROM read.inventory WHERE available > 0 ORDER BY on_hand DESC, sku LIMIT 1"
        ).fetchone()
    return str(row[0]) if row else "TEA"


def verbs_of(settings: Settings) -> list[tuple[str, ...]]:
    verbs: list[tuple[str, ...]] = [("serve",), ("project",)]
    if settings.kafka_bootstrap_servers:
        verbs += [("relay",), ("consume", "orders"), ("consume", "marketplace")]
    return verbs


if __name__ == "__main__":
    cli()
