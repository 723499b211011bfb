"""What is expected to fail, and what an operator can put right: a line says what is wrong, where a
traceback would hide it.
"""

import psycopg
from kafka.errors import KafkaError

from consumers.files.file_lines import UnreadableFile
from infra.kafka.clients import KafkaUnfit
from infra.local.embedded_postgres import EmbeddedError
from infra.local.kafka_broker import BrokerError
from infra.relay.relay import RelayHalted
from infra.store.migrations import NotMigrated
from infra.write_path.group_commit import LogUnavailable
from verbs.import_memory import Overtaken

EXPECTED = (
    BrokerError,
    EmbeddedError,
    KafkaError,
    KafkaUnfit,
    NotMigrated,
    RelayHalted,
    LogUnavailable,
    Overtaken,
    UnreadableFile,
    psycopg.OperationalError,
    psycopg.errors.InsufficientPrivilege,
)
