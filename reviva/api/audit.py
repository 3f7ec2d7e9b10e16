"""Who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from reviva.api.call import Answer, Call
from reviva.api.fields import Line, Moment
from reviva.api.listing import BEFORE, Listing, in_zone, render_page
from reviva.models.audit import ActorKind

Word = Annotated[str, Line(100)]


class AuditAnswer(TypedDict):
    """`before` and `after` hold the fields that changed; what was personal and is erased shows as `(personal)`."""

    id: int
    at: datetime
    actor_kind: ActorKind
    actor: str
    action: str
    entity: str
    entity_id: str
    before: Any
    after: Any
    request_id: str
    address: str


class AuditFaultAnswer(TypedDict):
    id: int
    problem: str


class VerdictAnswer(TypedDict):
    """`unsealed` rows are newer than the last seal; they are checked, too."""

    ok: bool
    rows: int
    unsealed: int
    faults: list[AuditFaultAnswer]


class Rows(Listing):
    sortable = ("id", "at")

    entity: Word | None = None
    entity_id: Word | None = None
    actor: Annotated[str, Line(254)] | None = Field(
        None, description="A user's id or address, a booking's reference or a command's name."
    )
    actor_kind: ActorKind | None = None
    action: Word | None = None
    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = Field(None, description=BEFORE)


def rows(call: Call) -> Answer:
    """What was changed, by whom, newest first."""
    return render_page(call, call.services.audit.list(in_zone(call)), lambda row: row)


def verify(call: Call) -> dict[str, Any]:
    """Whether every row is what it was; else the first bad ones."""
    found = call.services.audit_seal.verify()
    faults = [{"id": fault.id, "problem": fault.problem} for fault in found.faults]
    return {"ok": found.ok, "rows": found.rows, "unsealed": found.unsealed, "faults": faults}
