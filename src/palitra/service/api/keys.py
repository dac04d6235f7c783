"""`/v1/keys`: who may come in; for operators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, Field

from palitra.service.api.context import OperatorDep, ServiceDep
from palitra.service.audit import record
from palitra.service.keys import Key, Role, add_key, list_keys, remove_key

router = APIRouter(prefix="/v1/keys", tags=["keys"])


class KeyView(BaseModel):
    """A key without its secret."""

    id: str
    owner: str
    name: str
    role: str
    created_at: float
    last_used_at: float | None


class NewKeyView(KeyView):
    """A key that was just made; `key` is told this once and never again."""

    key: str


class KeyWish(BaseModel):
    """Whose a key is to be, and what it may do."""

    owner: Annotated[str, Field(min_length=1, max_length=80)]
    name: Annotated[str, Field(max_length=80)] = ""
    role: Role = "user"


@router.get("")
def look(service: ServiceDep, caller: OperatorDep) -> list[KeyView]:
    """Every key, the oldest first."""
    return [_view(key) for key in list_keys(service.engine)]


@router.post("", status_code=201)
def make(
    wish: Annotated[KeyWish, Body()], response: Response, service: ServiceDep, caller: OperatorDep
) -> NewKeyView:
    """Make a key. The answer is the only place where it is ever seen."""
    kept, secret = add_key(service.engine, wish.owner, wish.name, wish.role)
    record("key.made", caller.owner, key=kept.id, given_to=kept.owner, role=kept.role)
    response.headers["cache-control"] = "no-store"
    return NewKeyView(**vars(kept), key=secret)


@router.delete("/{key}", status_code=204)
def remove(key: str, service: ServiceDep, caller: OperatorDep) -> None:
    """Delete a key; sessions that were opened with it end at once."""
    gone = remove_key(service.engine, key)
    record("key.removed", caller.owner, key=gone.id, given_to=gone.owner)


def _view(key: Key) -> KeyView:
    return KeyView(**vars(key))
