"""The sales of a file as messages for the topic of orders."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import BinaryIO

from consumers.files.file_lines import read_lines
from consumers.files.memory import Asked
from consumers.files.online_retail.rows import invoices
from consumers.files.online_retail.setting_up import Setup
from consumers.files.online_retail.sorting import order_message, sorted_out


def carried(file: BinaryIO, *, actor: str) -> Iterator[Asked]:
    """The commands that let the location carry all skus of the file, for sales sent by message."""
    setup = Setup(actor)
    for invoice in invoices(read_lines(file, _silent)):
        for job in setup.needed(sorted_out(invoice)):
            yield from job.asked


def messages(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The sales of the file as keys and values for the topic of orders."""
    for invoice in invoices(read_lines(file, _silent)):
        sale = sorted_out(invoice).sale
        if sale:
            message = asdict(order_message(sale))
            yield invoice.key.encode(), json.dumps(message, default=_plain).encode()


def _silent(lines: int, done: int) -> None:
    return None


def _plain(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
