"""Accesses object stores (``s3://`` by s3fs, ``gs://`` by gcsfs) and explains their errors in words.

Only three things are required of a store: an object appears complete or not at all, a write replaces an object at once,
and an object can be created on the condition that none exists under its key.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from moesaic.errors import DependencyError, MoesaicError, StoreError
from moesaic.files import cache_folder, space_errors

PACKAGES: Final = {"s3": "s3fs", "gs": "gcsfs"}
"""Scheme of a URL -> the package that accesses such stores."""

_URL: Final = re.compile(r"(s3|gs)://([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])((?:/[\w.=+@:-]+)*)/?")


@dataclass(frozen=True)
class StoreUrl:
    """A place in an object store.

    Attributes:
        scheme: ``s3`` or ``gs``.
        bucket: Name of the bucket.
        prefix: The beginning of all keys, without slashes at its ends; "" for the whole bucket.
    """

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def below(self, name: str) -> StoreUrl:
        """Returns the place with this name below this place."""
        return StoreUrl(self.scheme, self.bucket, f"{self.prefix}/{name}".strip("/"))

    @property
    def working_folder(self) -> Path:
        """The local folder in which this machine works on the files of this place."""
        return cache_folder() / "stores" / self.scheme / self.bucket / self.prefix


def parse_url(text: str) -> StoreUrl | None:
    """Returns the place in an object store that a text names, or None if the text names a folder.

    Raises:
        ValueError: The text looks like a URL but is not one of a known kind.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text):
        return None
    found = _URL.fullmatch(text)
    if found is None or {".", ".."} & set(found[3].split("/")):
        raise ValueError(
            f"{text!r} is not a place for runs: give a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX "
            "(letters, digits and -_.=+@: between the slashes)"
        )
    return StoreUrl(found[1], found[2], found[3].strip("/"))


class ObjectStore:
    """Reads and writes the objects below one place.

    Args:
        url: The place. Credentials and endpoint are those configured on the machine, as for every other program.

    Raises:
        DependencyError: The package for this kind of store is not installed.
        StoreError: The bucket does not exist, access is refused, or the store cannot be reached.
    """

    def __init__(self, url: StoreUrl) -> None:
        self.url = url
        package = PACKAGES[url.scheme]
        try:
            __import__(package)
        except ImportError:
            raise DependencyError(package, "stores", f"output: {url}") from None
        import fsspec

        logging.getLogger(package).setLevel(logging.CRITICAL)  # it warns of every missing object
        with self._errors():
            # Other machines write to the store, too, so an earlier listing may be out of date.
            self._files: Any = fsspec.filesystem(url.scheme, use_listings_cache=False)
            try:
                self._files.ls(self._path(""), detail=False)
            except FileNotFoundError:
                self._files.ls(url.bucket, detail=False)  # an empty place does not exist; its bucket has to

    def read(self, key: str) -> bytes | None:
        """Returns an object's bytes, or None if the object does not exist.

        Raises:
            StoreError: The store refuses access or cannot be reached.
        """
        with self._errors():
            try:
                return bytes(self._files.cat_file(self._path(key)))
            except FileNotFoundError:
                return None

    def write(self, key: str, data: bytes) -> None:
        """Writes an object and replaces an existing one.

        Raises:
            StoreError: As for ``read``.
        """
        with self._errors():
            self._files.pipe_file(self._path(key), data)

    def create(self, key: str, data: bytes) -> bool:
        """Writes an object unless it exists, and returns whether it was written.

        Raises:
            StoreError: As for ``read``.
        """
        with self._errors():
            try:
                self._files.pipe_file(self._path(key), data, mode="create")
            except FileExistsError:
                return False
            except Exception as error:
                if getattr(error, "code", None) in (412, "412"):  # gcsfs: the object exists
                    return False
                raise
        return True

    def upload(self, path: Path, key: str) -> None:
        """Uploads a file as an object, which appears when it is complete.

        Raises:
            StoreError: As for ``read``.
        """
        with self._errors():
            self._files.put_file(str(path), self._path(key))

    def download(self, key: str, path: Path) -> bool:
        """Downloads an object into a file, and returns whether the object exists.

        Raises:
            SpaceError: The disk is full.
            StoreError: As for ``read``.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors(), space_errors(path):
            try:
                self._files.get_file(self._path(key), str(path))
            except FileNotFoundError:
                path.unlink(missing_ok=True)
                return False
        return True

    def keys(self, prefix: str) -> list[str]:
        """Returns the keys of all objects below a prefix, which is written like the name of a folder.

        Raises:
            StoreError: As for ``read``.
        """
        start = len(self._path("")) + 1
        with self._errors():
            return [path[start:] for path in self._files.find(self._path(prefix)) if not path.endswith("/")]

    def remove(self, keys: Iterable[str]) -> None:
        """Removes objects and ignores those that do not exist.

        Raises:
            StoreError: As for ``read``.
        """
        with self._errors():
            for key in keys:
                with contextlib.suppress(FileNotFoundError):
                    self._files.rm_file(self._path(key))

    def _path(self, key: str) -> str:
        return "/".join(filter(None, (self.url.bucket, self.url.prefix, key)))

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns the different exceptions of the libraries into ``StoreError`` with a message for people."""
        try:
            yield
        except MoesaicError:
            raise
        except Exception as error:
            kind, where = type(error).__name__, f"output: {self.url}"
            reason = " ".join((str(error).strip() or kind).split())[:200]
            if isinstance(error, FileNotFoundError):
                message = f"{where}: there is no bucket {self.url.bucket!r} ({reason}): make it, or name another"
            elif isinstance(error, PermissionError) or "Credential" in kind or "Refresh" in kind:
                message = (
                    f"{where}: access is refused ({reason}): give this machine credentials that may list, read, write "
                    "and delete there"
                )
            else:
                message = (
                    f"{where} cannot be reached or does not answer as it should ({kind}: {reason}): run the same "
                    "command again when it does, which goes on from what was uploaded"
                )
            raise StoreError(message) from error
