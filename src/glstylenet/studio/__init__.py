"""The web page and the server behind it.

- ``server``: serves the application until it is stopped.
- ``application``: answers the requests of the page.
- ``requests``: validates what the page sends.
- ``security``: refuses foreign hosts, missing tokens and oversized requests.
- ``limiter``: bounds how many requests are answered at once.
- ``storage``: keeps pictures and runs on disk within a quota.
- ``runner``: paints the queued runs.
- ``job``: describes one run and its state.
- ``event_log``: records the events of a run and streams them.
- ``setting_schema``: describes the settings to the page.
"""

from glstylenet.studio.server import Address, is_loopback, serve
from glstylenet.studio.storage import Storage

__all__ = ["Address", "Storage", "is_loopback", "serve"]
