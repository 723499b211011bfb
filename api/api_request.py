"""A request as our routes see it: who asks, under which ids, with which body."""

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive
from starlette.types import Scope as AsgiScope

from api.auth import authenticated, demand
from api.fields import Id, Moment
from api.ports import Caller, Edge
from api.problems import BodyTooLarge, InvalidField, MalformedRequest, NotJson, TooBusy
from api.scopes import Scope
from api.visit import Visit
from commands.handling import Context
from domain.fast_init import maker
from domain.values import command_id_of, former_command_id_of, named_uuid
from projections.projection import Query

JSON = b"application/json"
KEY = re.compile(r'"([\x21\x23-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
VERSION = re.compile(r'"([0-9]{1,18})"|([0-9]{1,18})')
DIGITS = re.compile(r"[0-9]{1,18}")
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
NAME: TypeAdapter[str] = TypeAdapter(Id)

_context = maker(Context)


class Asking:
    """What a command's request says besides its body: who asks, under which ids, on what terms.

    `target` is its method and path, as fingerprints have it.
    """

    caller: Caller
    command_id: UUID
    former_id: UUID | None = None

    def __init__(self, visit: Visit, target: bytes) -> None:
        self.edge, self.visit, self.target = visit.edge, visit, target

    def allow(self, scope: Scope) -> None:
        """Find out who asks, and whether they may."""
        self.caller = authenticated(self.edge.keys, self.visit.fields.get(b"authorization"))
        self.visit.caller = self.caller.caller
        demand(self.caller, scope)

    def field(self, name: bytes) -> str | None:
        """The header of this lower-case name."""
        value = self.visit.fields.get(name)
        return None if value is None else value.decode("latin-1").strip()

    def refuse_other_bodies(
        self, media_types: Sequence[bytes] = (JSON,), limit: int | None = None
    ) -> None:
        """Than of these types and within the limit, as far as can be told beforehand."""
        limit = self.edge.max_body_bytes if limit is None else limit
        fields = self.visit.fields
        stated = fields.get(b"content-type", media_types[0])
        if stated not in media_types and _essence(stated) not in media_types:
            raise NotJson(f"Send {media_types[0].decode()}.")
        length = fields.get(b"content-length", b"0")
        if length.isdigit() and int(length[:19]) > limit:
            raise BodyTooLarge(limit=limit)

    def identify(self) -> None:
        """Give the command its id: a repeat under one key has the id of the first."""
        key = self.field(b"idempotency-key")
        if key is None:
            self.command_id = self.edge.new_id()
            return
        match = KEY.fullmatch(key)
        if match is None:
            raise MalformedRequest(
                "Idempotency-Key must be 1 to 255 visible ASCII characters.",
                field="Idempotency-Key",
            )
        caller, name = self.caller, match[1] or match[2]
        self.command_id = command_id_of(caller.caller, caller.channel, name)
        if self.edge.former_keys:
            self.former_id = former_command_id_of(caller.caller, name)

    def derived_id(self, what: str) -> str:
        """An id for something that this command makes: a repeat makes the same."""
        return str(named_uuid(self.command_id, what))

    def person(self, stated: str | None) -> str | None:
        """Who does it, of whom the body says this: whoever may not speak for others does it."""
        if "on-behalf-of" not in self.caller.scopes:
            return None
        return stated or self.on_behalf_of()

    def context(self, content: bytes, former: bytes = b"") -> Context:
        """Under which ids and conditions a command with this content is asked.

        `former` is the content as it was written when the `former_id` was given.
        """
        person = self.on_behalf_of()
        if person is not None:
            content += f"\non behalf of {person}".encode()
        return _context(
            command_id=self.command_id,
            actor=person or self.caller.caller,
            via=person and self.caller.caller,
            correlation_id=self.visit.request_id,
            channel=self.caller.channel,
            occurred_at=self._occurred_at(),
            expected_version=self._expected_version(),
            fingerprint=self._fingerprint(content),
            traceparent=self.visit.traceparent,
            former_id=self.former_id,
            former_fingerprint=self._fingerprint(former) if former else b"",
            reach=self.caller.reach,
        )

    def on_behalf_of(self) -> str | None:
        """The person for whom the key speaks, if it says so."""
        stated = self.visit.fields.get(b"ordinal-on-behalf-of")
        if stated is None:
            return None
        demand(self.caller, "on-behalf-of")
        try:
            return NAME.validate_python(stated.strip().decode())
        except ValueError as error:
            raise MalformedRequest(
                "Ordinal-On-Behalf-Of must be one name, in UTF-8.", field="Ordinal-On-Behalf-Of"
            ) from error

    def _fingerprint(self, content: bytes) -> bytes:
        return sha256(self.target + content).digest()

    def _expected_version(self) -> int | None:
        stated = self.field(b"if-match")
        if stated is None:
            return None
        match = VERSION.fullmatch(stated)
        if match is None:
            raise MalformedRequest('If-Match must be one version, as in "7".', field="If-Match")
        return int(match[1] or match[2])

    def _occurred_at(self) -> datetime | None:
        stated = self.field(b"ordinal-occurred-at")
        if stated is None:
            return None
        demand(self.caller, "history:write")
        try:
            return MOMENT.validate_python(stated)
        except ValidationError as error:
            raise MalformedRequest(
                "Ordinal-Occurred-At must be a date and time with its offset, as in"
                " 2024-05-01T12:00:00Z.",
                field="Ordinal-Occurred-At",
            ) from error


class Asked(Asking, Request):
    """One request: Starlette's own, so that FastAPI knows it, with our words added."""

    def __init__(self, scope: AsgiScope, receive: Receive) -> None:
        Request.__init__(self, scope, receive)
        target = f"{scope['method']} {scope['path']}\n".encode("utf-8", "replace")
        Asking.__init__(self, scope["ordinal.visit"], target)

    async def json_bytes(self) -> bytes:
        """The body, within the limit."""
        self.refuse_other_bodies()
        return await received(self.receive, self.edge)

    def refuse_parameters(self, known: Set[str] = frozenset()) -> None:
        """All but these, which may stand once each."""
        if not self.scope["query_string"]:
            return
        for name, times in Counter(name for name, _ in self.query_params.multi_items()).items():
            if name not in known:
                raise InvalidField("There is no such parameter.", field=name)
            if times > 1:
                raise InvalidField("This parameter stands more than once.", field=name)

    async def rows(self, query: Query) -> Sequence[Any]:
        """Those of the query that the caller reaches."""
        reach = self.caller.reach
        within = query if reach is None else replace(query, within=reach.allowed)
        return await self.edge.rows.fetch(within)

    def position(self) -> int | None:
        """The log position that the caller has heard of, from the header or the query."""
        stated = (self.field(b"ordinal-position"), self.query_params.get("position"))
        return max((_position(text) for text in stated if text is not None), default=None)


async def received(receive: Receive, edge: Edge, limit: int | None = None) -> bytes:
    """A body within the limit. Raises ClientDisconnect when it is cut."""
    limit = edge.max_body_bytes if limit is None else limit
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _within(message.get("body", b""), limit)
    parts, size = [], 0
    try:
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part = message.get("body", b"")
            size += len(part)
            fits = edge.bodies.take(len(part))
            parts.append(part)
            if size > limit:
                raise BodyTooLarge(limit=limit)
            if not fits:
                raise TooBusy("Too many bodies are on their way.")
            if not message.get("more_body", False):
                return b"".join(parts)
            message = await receive()
    finally:
        edge.bodies.let_go(size)


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BodyTooLarge(limit=limit)
    return body


def _essence(media_type: bytes) -> bytes:
    """Without its parameters."""
    return media_type.partition(b";")[0].strip().lower()


def _position(stated: str) -> int:
    if DIGITS.fullmatch(stated) is None:
        raise MalformedRequest("Ordinal-Position must be a number.", field="Ordinal-Position")
    return int(stated)
