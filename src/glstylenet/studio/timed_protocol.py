"""TimedProtocol: HTTP connections that are closed if a request's header does not arrive in time."""

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["TimedProtocol"]

_HEADER_SECONDS = 10.0
"""How long a header may take, from its first byte on or, of a new connection, from its beginning."""


class TimedProtocol(H11Protocol):
    """uvicorn's protocol for HTTP, which waits for ever for the rest of a header.

    It also fails where bytes that are no HTTP follow a whole request.
    """

    _deadline: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait_for_header()

    def data_received(self, data: bytes) -> None:
        """Read what arrived."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait_for_header()
        else:
            self._deadline = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; close the connection if it follows a request."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # h11 takes no more of the answer that is under way
            self.cycle.message_event.set()
            self.transport.close()
        elif self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _wait_for_header(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.time() + _HEADER_SECONDS
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(self._deadline, self.timeout_keep_alive_handler)
