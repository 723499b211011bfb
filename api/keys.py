"""API keys, for administrators: make, list, rotate and revoke them."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from api.api_request import Asked
from api.fields import Body, Id, Moment
from api.granting import NotGrantable, granting
from api.office import record, refuse_reach
from api.problems import InvalidField
from api.reach import Dimension
from api.routing import Routes
from api.scopes import Role, Scope

routes = Routes("keys")

KeyId = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{12}$", examples=["0123456789ab"], description="Names the key."),
]
Values = Annotated[tuple[Id, ...], Field(min_length=1, max_length=1_000)]


class KeyBody(Body):
    """Whom the key is for. It may what its roles and scopes allow, as far as its reach goes."""

    name: Annotated[Id, Field(description="For people.")]
    channel: Annotated[Id, Field(description="Channel of the orders it places.")] = "web"
    caller: Annotated[
        Id | None, Field(description="Whose commands these are; the name unless told.")
    ] = None
    roles: Annotated[
        tuple[Role, ...], Field(max_length=20, description="Named sets of scopes.")
    ] = ()
    scopes: Annotated[
        tuple[Scope, ...], Field(max_length=50, description="What it may do besides.")
    ] = ()
    reach: Annotated[
        dict[Dimension, Values],
        Field(default_factory=dict, description="What it is narrowed by, and to which values."),
    ]
    expires_at: Annotated[Moment | None, Field(description="When it ends by itself.")] = None


class RotateBody(Body):
    """How long the old key still opens."""

    overlap_hours: Annotated[
        int, Field(ge=0, le=24 * 90, description="Hours until the old key ends.")
    ] = 24


class NewKey(BaseModel):
    """A key that was just made. The secret is told this once."""

    key_id: Annotated[str, Field(description="Names it; the first part of the secret's hash.")]
    secret: Annotated[str, Field(description="What is sent as the bearer.")]


class Revoked(BaseModel):
    """A key that opens nothing any more."""

    key_id: Annotated[str, Field(description="Which one.")]


class KeyView(BaseModel):
    """A key as it stands; the secret is nowhere."""

    key_id: Annotated[str, Field(description="Names it.")]
    name: Annotated[str, Field(description="For people.")]
    caller: Annotated[str, Field(description="Whose commands these are.")]
    channel: Annotated[str, Field(description="Channel of the orders it places.")]
    roles: Annotated[list[str], Field(description="Named sets of scopes.")]
    scopes: Annotated[list[str], Field(description="What it may do besides.")]
    reach: Annotated[
        dict[str, list[str]], Field(description="What it is narrowed by; nothing: all.")
    ]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    expires_at: Annotated[datetime | None, Field(description="When it ends by itself.")]
    last_used_at: Annotated[datetime | None, Field(description="To the minute.")]
    revoked: Annotated[bool, Field(description="Whether it opens nothing any more.")]


class KeyList(BaseModel):
    """All keys that ever were, in the order in which they were made."""

    items: Annotated[list[KeyView], Field(description="The keys.")]


@routes.query("/keys", private=True)
async def list_keys(asked: Asked) -> KeyList:
    """All keys that ever were, with what they may do, their end and their last use."""
    refuse_reach(asked)
    found = await asked.edge.key_office.listed()
    return KeyList(items=[KeyView(**key) for key in found])


@record(routes, "/keys", NewKey)
async def create_key(asked: Asked, body: KeyBody) -> NewKey:
    """Make a key; its secret is in the answer and nowhere else."""
    if not body.roles and not body.scopes:
        raise InvalidField("Name a role or a scope.", field="roles")
    try:
        grant = granting(**dict(body))
    except NotGrantable as error:
        raise InvalidField(str(error), field="reach") from error
    key_id, secret = await asked.edge.key_office.create(grant, asked.caller.caller)
    return NewKey(key_id=key_id, secret=secret)


@record(routes, "/keys/{key_id}/rotate", NewKey)
async def rotate_key(asked: Asked, key_id: KeyId, body: RotateBody) -> NewKey:
    """Make a key like this one, which ends after the overlap."""
    made = await asked.edge.key_office.rotate(key_id, body.overlap_hours, asked.caller.caller)
    return NewKey(key_id=made[0], secret=made[1])


@record(routes, "/keys/{key_id}/revoke", Revoked)
async def revoke_key(asked: Asked, key_id: KeyId) -> Revoked:
    """Let a key open nothing any more, within two seconds."""
    await asked.edge.key_office.revoke(key_id, asked.caller.caller)
    return Revoked(key_id=key_id)
