"""What errors of a filesystem mean to clients."""

from __future__ import annotations

import errno

from davshare.errors import Conflict, DavshareError, Forbidden, InsufficientStorage, Unavailable


def refusal(error: OSError) -> DavshareError:
    """What an error of the filesystem means to the client."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return InsufficientStorage("The storage is full.", condition="sufficient-disk-space")
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        return Conflict("Something that the server does not know yet is in the way.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Forbidden("The storage does not let the server do this.")
    return Unavailable("The storage reported an error.")


class Refusals:
    """Errors of the filesystem come out as what they mean."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise refusal(error) from error
