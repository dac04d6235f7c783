"""Every error a user can meet.

PalitraError                      exit code 1: a fault of ours or of the machine
├── InputError                    exit code 2: something the user handed in
│   ├── ImageError                the picture cannot be used
│   ├── WeightsError              the weights cannot be used
│   ├── ModelNotFoundError        no such model, or its files are not here
│   ├── ComposeError              two parts that cannot work together
│   ├── ConsentError              a photo of a person without the word that they agree
│   └── ContentRefusedError       a filter of the operator refuses the words or the picture
├── OutOfMemoryError              the device is full
├── DiskError                     a file cannot be written
├── ServiceError                  the service cannot do that now
│   ├── NotFoundError             no such job, file or picture, or not yours
│   │   └── LiveOffError          no live pictures here
│   ├── ConflictError             the state does not allow it
│   │   └── SupersededError       a newer live picture of the same tab is wanted
│   ├── BusyError                 a queue is full; says when to come back
│   │   └── LiveStartingError     who draws live pictures is not ready
│   ├── StorageError              so much is kept that nothing new is taken
│   └── AccessError               no key, a wrong one, or not allowed
└── Cancelled                     stopped on request; finished pictures are kept

A message is one sentence with the field's name, the bound and the value. `code` is stable: the
API, the bot and the command line translate by it.
"""

from __future__ import annotations


class PalitraError(Exception):
    """Base of all errors with a message meant for people."""

    code = "internal"
    exit_code = 1

    def __init__(self, message: str = "", ru: str | None = None) -> None:
        super().__init__(message)
        self.ru = ru

    def text(self, language: str = "en") -> str:
        """The sentence in "ru" where there is one, else in English."""
        return self.ru if language == "ru" and self.ru else str(self)


class InputError(PalitraError):
    """The user's input is out of bounds; the message names field, bound and value."""

    code = "bad_input"
    exit_code = 2


class ImageError(InputError):
    """A picture that cannot be decoded or is outside the limits."""

    code = "bad_image"


class WeightsError(InputError):
    """Weights of the wrong layout, pickled, or damaged."""

    code = "bad_weights"


class ModelNotFoundError(InputError):
    """A model name nobody knows, or one whose files are not on this machine."""

    code = "model_not_found"


class ComposeError(InputError):
    """Parts that cannot be combined; the message names both."""

    code = "cannot_combine"


class ConsentError(InputError):
    """A photo of a person may not be used before somebody says that the person agrees."""

    code = "consent_needed"


class ContentRefusedError(InputError):
    """Words or a picture that a filter of the operator refuses; nobody is told by which entry."""

    code = "content_refused"


class OutOfMemoryError(PalitraError):
    """The device ran out of memory; the message says what to lower."""

    code = "out_of_memory"


class DiskError(PalitraError):
    """A file could not be written (disk full, no permission)."""

    code = "disk"


class ServiceError(PalitraError):
    """The service cannot do that; `status` is the HTTP status."""

    code = "unavailable"
    status = 503


class NotFoundError(ServiceError):
    """There is no such thing, or it belongs to someone else: nobody can tell the two apart."""

    code = "not_found"
    status = 404


class ConflictError(ServiceError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    status = 409


class BusyError(ServiceError):
    """Too many jobs wait; `retry_after_s` says when to come back. Nothing was accepted."""

    code = "queue_full"

    def __init__(self, message: str, retry_after_s: float, status: int = 429, ru: str | None = None) -> None:
        super().__init__(message, ru)
        self.retry_after_s, self.status = retry_after_s, status


class LiveOffError(NotFoundError):
    """This service draws no live pictures."""

    code = "live_off"

    def __init__(self, message: str = "live pictures are switched off here", ru: str | None = None) -> None:
        super().__init__(message, ru)


class SupersededError(ConflictError):
    """A newer live picture of the same tab is wanted, so this one is not drawn, or not to its end."""

    code = "superseded"

    def __init__(
        self,
        message: str = "`number` must be the newest of its tab, got an older one",
        ru: str | None = None,
    ) -> None:
        super().__init__(message, ru)


class LiveStartingError(BusyError):
    """The process that draws live pictures starts, or starts again."""

    code = "live_starting"

    def __init__(
        self,
        message: str = "live pictures are starting: try again in a moment",
        retry_after_s: float = 1,
        status: int = 503,
        ru: str | None = None,
    ) -> None:
        super().__init__(message, retry_after_s, status, ru)


class StorageError(ServiceError):
    """An owner (413) or all together (503) keep as much as they may; the message says what to delete."""

    code = "storage_full"

    def __init__(self, message: str, status: int = 413, ru: str | None = None) -> None:
        super().__init__(message, ru)
        self.status = status


class AccessError(ServiceError):
    """No key or session, a wrong one (401), or one that is not allowed to (403)."""

    code = "no_access"

    def __init__(self, message: str, status: int = 401, ru: str | None = None) -> None:
        super().__init__(message, ru)
        self.status = status


class Cancelled(PalitraError):  # noqa: N818 - a request, not a failure
    """The run was stopped on request; what was finished is kept."""

    code = "cancelled"
    exit_code = 130


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise `InputError` unless `low <= value <= high`.

    The sentence follows one form: "`fidelity` must be in [0, 1], got 3".
    """
    if not low <= value <= high:
        raise InputError(f"`{name}` must be in [{low:g}, {high:g}], got {value:g}")
