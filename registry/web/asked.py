"""What the address of an experiment's page says: which runs, in which order, with which columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from podium.client.entities import ViewType
from podium.client.errors import BadRequest
from werkzeug.datastructures import MultiDict

from .answers import link_to
from .table import DATASET, NEWEST_FIRST, STATUS, USER, Column, Order, parse_columns

VIEWS = {"active": ViewType.ACTIVE_ONLY, "deleted": ViewType.DELETED_ONLY}
_MAX_SELECTED = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """``columns`` is empty where nobody has chosen any; ``page`` is the token of one."""

    path: str
    filter: str = ""
    order: Order = NEWEST_FIRST
    view: str = "active"
    tab: str = "table"
    group: Column | None = None
    columns: tuple[Column, ...] = ()
    page: str = ""
    selected: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str, args: MultiDict[str, str]) -> Asked:
        """:class:`BadRequest` names the field that is wrong."""
        return cls(
            path,
            filter=args.get("filter", ""),
            order=Order.parse(args["order"]) if args.get("order") else NEWEST_FIRST,
            view="deleted" if args.get("view") == "deleted" else "active",
            tab="charts" if args.get("tab") == "charts" else "table",
            group=_group(args.get("group", "")),
            columns=parse_columns(args.getlist("column")),
            page=args.get("page", ""),
            selected=tuple(args.getlist("run")[:_MAX_SELECTED]),
        )

    def query(self, **changes: Any) -> dict[str, Any]:
        """The fields of the address with something else in them; what is usual is left out.

        Another order or filter begins at the first page.
        """
        given: dict[str, Any] = {
            "filter": self.filter,
            "order": "" if self.order == NEWEST_FIRST else str(self.order),
            "view": "" if self.view == "active" else self.view,
            "tab": "" if self.tab == "table" else self.tab,
            "group": self.group.name if self.group else "",
            "column": [column.name for column in self.columns],
        }
        return {name: value for name, value in (given | changes).items() if value}

    @property
    def text(self) -> str:
        """The query of the address."""
        return urlencode(self.query(), doseq=True)

    def link(self, **changes: Any) -> str:
        return link_to(self.path, **self.query(**changes))

    def within(self, group: Column, value: str | None) -> str:
        """The runs of one group, by themselves."""
        only = group.is_value(value)
        both = f"({self.filter}) AND {only}" if self.filter.strip() else only
        return self.link(filter=both, group="")

    def part(self, name: str, **changes: Any) -> str:
        """The address of something below this page, for the same runs."""
        return link_to(f"{self.path}/{name}", **self.query(tab="", **changes))

    def fields(self, *without: str) -> Sequence[tuple[str, str]]:
        """The same as hidden fields of a form."""
        return [
            (name, value)
            for name, values in self.query().items()
            if name not in without
            for value in (values if isinstance(values, list) else [values])
        ]


def _group(name: str) -> Column | None:
    if not name:
        return None
    column = Column.parse(name, "group")
    if column.kind not in ("params", "tags") and column not in (DATASET, STATUS, USER):
        raise BadRequest(f"'group' is {name[:100]!r}: give a param, a tag or datasets.name.")
    return column
