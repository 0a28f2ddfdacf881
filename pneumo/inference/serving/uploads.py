"""Request bodies in memory: bounded in size, in time, in number, and all together."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException, Request, status
from starlette.requests import ClientDisconnect

MOST_AT_ONCE = 64
"""Uploads that are read, decoded or scored at the same time; further ones are told to come back."""
LARGEST_TOGETHER = 8
"""Bytes of all uploads together, in multiples of the largest one."""
BODY_SECONDS = 60.0
TYPES = ("application/octet-stream", "application/dicom", "image/")
"""Content types of a radiograph, or their beginnings."""
CLOSE = {"Connection": "close"}


class Uploads:
    """The uploads that are in memory."""

    def __init__(self, largest: int) -> None:
        """Bound the size of each, in bytes."""
        self.largest = largest
        self.body_seconds = BODY_SECONDS
        """Time in which a file must arrive."""
        self._number = self._bytes = 0

    @contextmanager
    def admit(self) -> Iterator["Upload"]:
        """Admit one more upload, until the context ends; where there are too many, it will be refused."""
        upload = Upload(self, refusal=_overloaded() if self._number >= MOST_AT_ONCE else None)
        self._number += 1
        try:
            yield upload
        finally:
            self._number -= 1
            upload.release()

    def count(self, number: int) -> bool:
        """Count further bytes, or with a negative number fewer; False where all uploads together would take too many."""
        if self._bytes + number > LARGEST_TOGETHER * self.largest:
            return False
        self._bytes += number
        return True


class Upload:
    """One upload."""

    def __init__(self, uploads: Uploads, refusal: HTTPException | None) -> None:
        self._uploads, self._refusal = uploads, refusal
        self._counted = 0

    async def read(self, request: Request) -> bytes:
        """Read the body.

        Raises:
            HTTPException: 400, 408, 413, 415 or 503, with the reason.
        """
        self._refusal = self._refusal or self._refusal_by_headers(request)
        waits = request.headers.get("expect", "").lower() == "100-continue"
        if self._refusal is not None and waits:
            raise self._refusal
        seconds = self._uploads.body_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._read(request)
        except ClientDisconnect as error:
            raise HTTPException(status.HTTP_400_BAD_REQUEST, "the upload was broken off") from error
        except TimeoutError as error:
            reason = f"the file did not arrive within {seconds:g} seconds"
            raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT, reason, CLOSE) from error

    def release(self) -> None:
        """No longer count its bytes."""
        self._uploads.count(-self._counted)
        self._counted = 0

    async def _read(self, request: Request) -> bytes:
        content = bytearray()
        async for chunk in request.stream():
            if self._refusal is None:
                self._refusal = self._refusal_by_size(len(content), chunk)
            # The rest of a refused file is read and dropped: a client that still sends would not see the answer.
            if self._refusal is None:
                content += chunk
            else:
                content.clear()
                self.release()
        if self._refusal is not None:
            raise self._refusal
        return bytes(content)

    def _refusal_by_size(self, read: int, chunk: bytes) -> HTTPException | None:
        if read + len(chunk) > self._uploads.largest:
            return self._too_large()
        if not self._uploads.count(len(chunk)):
            return _overloaded()
        self._counted += len(chunk)
        return None

    def _refusal_by_headers(self, request: Request) -> HTTPException | None:
        headers = request.headers
        if not headers.get("content-type", TYPES[0]).lower().startswith(TYPES):
            reason = "send the file itself as the body, with Content-Type: application/octet-stream, and no form"
            return HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, reason, CLOSE)
        if headers.get("content-encoding", "identity").lower() != "identity":
            return HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "send the file without Content-Encoding", CLOSE)
        if int(headers.get("content-length", 0)) > self._uploads.largest:
            return self._too_large()
        return None

    def _too_large(self) -> HTTPException:
        reason = f"larger than {self._uploads.largest // 2**20} MiB"
        return HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, reason, CLOSE)


def _overloaded() -> HTTPException:
    reason = "too many requests at once; try again"
    return HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, reason, {"Retry-After": "2"} | CLOSE)
