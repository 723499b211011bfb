"""What is expected to fail, and what an operator can put right: a line says what is wrong, where a
traceback would hide it.
"""

import psycopg
from kafka.errors import KafkaError

from consumers.file_lines import UnreadableFile
from infra.broker import BrokerError
from infra.embedded import EmbeddedError
from infra.kafka import KafkaUnfit
from infra.migrations import NotMigrated
from infra.relay import RelayHalted
from infra.writer import Unavailable

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
