"""The web page and its server.

- ``server``: serves the application until it is stopped.
- ``application``: defines the routes of the API and serves the page.
- ``requests``: validates requests and turns them into jobs.
- ``security``: refuses foreign hosts, missing tokens and oversized requests.
- ``timed_protocol``: closes connections whose request does not arrive.
- ``archive``: packs what repeats a run into a zip file, and its result as JPEG.
- ``map_proposals``: proposes maps in the page's palette, for one request at a time.
- ``map_snapping``: brings an area that was outlined to the edges of its picture.
- ``time_estimates``: estimates the time of a run before it is queued.
- ``weight_trials``: tries weights for two pictures, and offers three recipes.
- ``giant_pictures``: shows giant pictures that another program paints or has painted.
- ``limiter``: lets one large task run at a time, and a few wait.
- ``storage``: keeps pictures and runs on disk within a quota.
- ``runner``: runs the queued jobs.
- ``job``: describes one job and its state.
- ``event_log``: keeps the numbered messages of a job and its loss curve.
- ``setting_schema``: describes settings, presets, loss terms and limits to the page.
"""

from glstylenet.studio.giant_pictures import GiantPictures
from glstylenet.studio.server import Address, is_loopback, serve
from glstylenet.studio.storage import Storage

__all__ = ["Address", "GiantPictures", "Storage", "is_loopback", "serve"]
