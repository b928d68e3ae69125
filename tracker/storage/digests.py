"""The SHA-256 of each file as it was uploaded, and downloads that are compared with it.

What is about to appear in the store is written down before it does, so a file that is there after a
crash is known, too. A row says that this content *may* be at this place: a presigned upload is
written down when its URL is made, and whether it comes at all nobody tells us. So there may be
several, any of which will do, and older ones are forgotten when enough others have come.

A file without a row, from before there were any or put into the store by hand, is not compared.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from podium.client.errors import DamagedFile, NotFound
from sqlalchemy import Connection, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from ..artifacts.base import ArtifactStore, Body, Content, Stored
from ..artifacts.paths import ArtifactPath
from ..clock import now_ms
from ..db import Database, insert
from .places import owner_of
from .tables import FileDigest

# A presigned URL lasts a quarter of this.
_UNDER_WAY_MS = 3_600_000
_KEPT = 8
# Up to here a file is read and compared before its first byte is sent.
_SMALL = 1024 * 1024
_UNKNOWN = Stored(-1, b"")
_LOG = logging.getLogger(__name__)

Complain = Callable[[str, str], None]


def put(
    db: Database,
    store: ArtifactStore,
    place: ArtifactPath,
    body: Body,
    *,
    length: int | None = None,
    sha256: bytes | None = None,
) -> Stored:
    """As :meth:`ArtifactStore.put`, with the digest written down before the file appears."""
    has_unknown, noted = False, 0

    def announce(what: Stored) -> None:
        nonlocal has_unknown, noted
        has_unknown = note(db, store, place, what)
        noted = now_ms()

    stored = store.put(place, body, length=length, sha256=sha256, announce=announce)
    if has_unknown:  # what was there is replaced; what has been announced since may come yet
        one = (FileDigest.place == place.key, FileDigest.sha256 == _UNKNOWN.sha256)
        with db.writing() as session:
            session.execute(delete(FileDigest).where(*one, FileDigest.at <= noted))
    return stored


def note(db: Database, store: ArtifactStore, place: ArtifactPath, what: Stored | None) -> bool:
    """Write down what may be at ``place`` from now on; None is something nobody has digested.

    Returns whether something of that kind may be there.
    """
    with db.reading() as session:
        is_known = session.scalar(select(exists().where(FileDigest.place == place.key)))
    maybe = [_UNKNOWN if what is None else what]
    if what is not None and not is_known and _is_there(store, place):
        maybe.insert(0, _UNKNOWN)  # which stays if this upload never comes, and was there before
    with db.writing() as session:
        for each in maybe:
            _add(session, place.key, each)
        rows = session.execute(
            select(FileDigest.sha256, FileDigest.at)
            .where(FileDigest.place == place.key)
            .order_by(FileDigest.at.desc())
        ).all()
        old = [sha256 for sha256, at in rows[_KEPT:] if at < now_ms() - _UNDER_WAY_MS]
        if old:
            one = (FileDigest.place == place.key, FileDigest.sha256.in_(old))
            session.execute(delete(FileDigest).where(*one))
    return _UNKNOWN.sha256 in {sha256 for sha256, _ in rows}


def add_missing(connection: Connection, files: Iterable[tuple[str, Stored]]) -> None:
    """Write down, in a transaction under way, what is at places of which something else is known.

    A backup has files that were replaced after its rows were read.
    """
    with Session(connection) as session:
        for key, what in files:
            rows = select(FileDigest.sha256).where(FileDigest.place == key)
            known = session.scalars(rows).all()
            if known and what.sha256 not in known:
                _add(session, key, what)


def known(db: Database, place: ArtifactPath) -> frozenset[tuple[int, bytes]]:
    """The sizes and digests one of which the file at ``place`` has; none where nobody knows."""
    with db.reading() as session:
        rows = session.execute(
            select(FileDigest.size, FileDigest.sha256).where(FileDigest.place == place.key)
        )
        found = frozenset((size, sha256) for size, sha256 in rows)
    return frozenset() if (_UNKNOWN.size, _UNKNOWN.sha256) in found else found


def forget(db: Database, place: ArtifactPath) -> None:
    """The file at ``place``, and all below it, are gone."""
    below = f"{place.key}/"
    with db.writing() as session:
        session.execute(
            delete(FileDigest).where(
                FileDigest.folder.in_({place.key, _folder(place.key), _folder(f"{below}x")})
                | FileDigest.folder.startswith(below, autoescape=True),
                or_(
                    FileDigest.place == place.key,
                    func.substr(FileDigest.place, 1, len(below)) == below,
                ),
            )
        )


def forget_folder(session: Session, folder: str) -> None:
    """The files of a run or logged model, whose folder this is, are gone."""
    session.execute(delete(FileDigest).where(FileDigest.folder == folder))


def compared(db: Database, content: Content, place: ArtifactPath, complain: Complain) -> Content:
    """A whole file, ``content``, that was opened before this is asked: as it comes, but its end.

    Where it is not what was uploaded it raises :class:`DamagedFile`: at once if it is small or of
    another size, else in place of the last bytes. ``complain`` is told the place and what is wrong.
    """
    wanted = known(db, place)
    if not wanted:
        return content
    fits = {sha256 for size, sha256 in wanted if size == content.size}
    if not fits:
        content.close()
        sizes = " or ".join(str(size) for size in sorted({size for size, _ in wanted}))
        raise _damaged(place, f"has {content.size} bytes instead of {sizes}", complain)
    checked = _Compared(content, fits, place, complain)
    return checked.held() if content.size <= _SMALL else checked


class _Compared(Content):
    """The whole of a file, whose end is held back until all of it is known to be right.

    A piece is digested in a thread beside the one that sends the piece before it.
    """

    def __init__(
        self, content: Content, fits: set[bytes], place: ArtifactPath, complain: Complain
    ) -> None:
        self._content = content
        self._fits = fits
        self._place = place
        self._complain = complain
        self.size, self.start, self.stop = content.size, content.start, content.stop

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        last = b""
        with ThreadPoolExecutor(1, "digest") as beside:
            for chunk in self._content:
                digested = beside.submit(digest.update, chunk)
                if last:
                    yield last
                digested.result()
                last = chunk
        if digest.digest() not in self._fits:
            wanted = " or ".join(sorted(each.hex() for each in self._fits))
            what = f"has the SHA-256 {digest.hexdigest()} instead of {wanted}"
            raise _damaged(self._place, what, self._complain)
        if last:
            yield last

    def held(self) -> Content:
        """All of it, read and compared now."""
        with self:
            return _Held(self.read())

    def close(self) -> None:
        self._content.close()


class _Held(Content):
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size, self.start, self.stop = len(data), 0, len(data)

    def __iter__(self) -> Iterator[bytes]:
        yield self._data

    def close(self) -> None:
        pass


def _damaged(place: ArtifactPath, what: str, complain: Complain) -> DamagedFile:
    _LOG.error("a file is not what was uploaded: %s %s", place.key, what)
    complain(place.key, what)
    return DamagedFile(
        f"{place.key!r} is not the file that was uploaded: it {what}. It was changed or damaged "
        "where it is kept. Upload it again, or have an administrator restore it from a backup."
    )


def _add(session: Session, key: str, what: Stored) -> None:
    values = {"size": what.size, "at": now_ms()}
    row = insert(session, FileDigest).values(
        place=key, folder=_folder(key), sha256=what.sha256, **values
    )
    session.execute(row.on_conflict_do_update(index_elements=["place", "sha256"], set_=values))


def _is_there(store: ArtifactStore, place: ArtifactPath) -> bool:
    try:
        store.stat(place)
    except NotFound:
        return False
    return True


def _folder(key: str) -> str:
    owner = owner_of(key)
    return owner.folder if owner else ""
