"""Application: the routes of the studio's API, and the page's files."""

import asyncio
import json
import math
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, BinaryIO

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.responses import Response

import glstylenet
from glstylenet.deep_zoom import viewer_script
from glstylenet.errors import GLStyleNetError, InputError, MemoryLimitError
from glstylenet.numerics import Interrupted
from glstylenet.pictures import output_format
from glstylenet.studio.archive import as_jpeg, write_archive
from glstylenet.studio.event_log import Message
from glstylenet.studio.giant_pictures import GiantPictures
from glstylenet.studio.job import FINISHED, ROLES, Job
from glstylenet.studio.limiter import BusyError
from glstylenet.studio.map_proposals import MapProposals, ProposalRequest
from glstylenet.studio.map_snapping import MapSnapping, SnapRequest
from glstylenet.studio.requests import JobRequest, MapsRequest, Requests, TrialsRequest
from glstylenet.studio.runner import Runner
from glstylenet.studio.setting_schema import page_schema
from glstylenet.studio.storage import FullError, Storage
from glstylenet.studio.time_estimates import EstimateRequest, TimeEstimates
from glstylenet.studio.weight_trials import SECONDS, WeightTrials, can_try_weights

__all__ = ["MOST_UPLOADS", "UPLOAD_BYTES", "make_application"]

UPLOAD_BYTES = 64 * 2**20
"""The most bytes of an uploaded file."""

MOST_UPLOADS = 4
"""The most uploads that are read at once; more are refused with a time to retry."""

_WAIT = 0.1
_FILE_SECONDS = 60.0
"""How long a file of a run is waited for that is being written."""

_NUMBER_DIGITS = 15
"""More digits are no number of a message."""
_PICTURES = ("result.png", "result.tiff", "preview.jpg", "thumbnail.jpg")


def make_application(
    storage: Storage,
    runner: Runner,
    samples: Mapping[str, Path],
    machine: Mapping[str, object] = MappingProxyType({}),
    giants: GiantPictures | None = None,
) -> FastAPI:
    """Create the application; ``samples``: the shipped pictures by role.

    ``machine``: the settings that the server chose, for the command lines of runs. ``giants``: giant pictures
    to look at, by default none.
    """
    application = FastAPI(
        title="glstylenet studio",
        version=glstylenet.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    requests = Requests(storage, samples, machine)
    estimates = TimeEstimates(machine)
    _add_error_handlers(application)
    _add_settings_and_samples(application, storage, samples)
    _add_pictures(application, storage)
    _add_jobs(application, storage, runner, requests)
    _add_maps(application, runner, requests, MapProposals(storage, requests))
    _add_snapping(application, MapSnapping(storage, requests))
    _add_estimates(application, storage, requests, estimates)
    _add_trials(application, runner, WeightTrials(storage, requests, machine))
    _add_events(application, runner)
    _add_storage(application, storage, runner)
    _add_files(application, storage, runner)
    folder = Path(str(files("glstylenet.studio") / "static"))
    _add_giants(application, giants or GiantPictures(), folder / "giant.html")
    application.mount("/static", StaticFiles(directory=folder), name="static")

    @application.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})

    return application


def _add_error_handlers(application: FastAPI) -> None:
    """Answer every error with one JSON object with a sentence."""

    @application.exception_handler(GLStyleNetError)
    async def known(_request: Request, error: Exception) -> Response:
        if isinstance(error, BusyError):
            return _refusal(str(error), 429, {"Retry-After": "10"})
        if isinstance(error, FullError):
            return _refusal(str(error), 507)
        status = 422 if isinstance(error, InputError) else 413 if isinstance(error, MemoryLimitError) else 400
        return _refusal(str(error), status)

    @application.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
        return _refusal(f"the request is not as it should be: {found}", 400)

    @application.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        if error.status_code == 413 and error.detail == "Content Too Large":  # Starlette's own
            limit = request.scope[MAX_BODY_SIZE_SCOPE_KEY]
            sentence = f"got more than the {limit:,} bytes that are taken here"
            return _refusal(sentence, 413, {"Connection": "close"})  # the rest may be endless
        return _refusal(str(error.detail), error.status_code, error.headers)


def _refusal(sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as JSON in ASCII: it may quote characters of the request that UTF-8 does not have."""
    body = json.dumps({"error": sentence})
    return Response(body, status, dict(headers or {}), media_type="application/json")


def _add_settings_and_samples(application: FastAPI, storage: Storage, samples: Mapping[str, Path]) -> None:
    @application.get("/api/health")
    async def health() -> dict[str, object]:
        """Confirm that the server runs."""
        return {"ok": True, "version": glstylenet.__version__}

    @application.get("/api/settings")
    def settings() -> dict[str, object]:
        """Return settings with ranges and defaults, presets, qualities, terms, palette, limits, formats."""
        seconds = SECONDS if can_try_weights() else None
        return page_schema(upload_bytes=UPLOAD_BYTES, max_pixels=storage.max_pixels, trial_seconds=seconds)

    @application.get("/api/samples")
    def shipped() -> dict[str, object]:
        """List the pictures that ship with the package."""
        return {"samples": [{"name": "demo", **{role: f"/api/samples/demo/{role}.png" for role in ROLES}}]}

    @application.get("/api/samples/{name}/{role}.png")
    def sample(name: str, role: str) -> FileResponse:
        """Return one of the shipped pictures."""
        if name != "demo" or role not in samples:
            raise HTTPException(404, "there is no such sample")
        return FileResponse(samples[role], media_type="image/png")


def _add_pictures(application: FastAPI, storage: Storage) -> None:
    reading = asyncio.Semaphore(MOST_UPLOADS)

    @application.post("/api/pictures", status_code=201)
    async def upload(request: Request) -> dict[str, object]:
        """Store a picture or map, the form's field ``file``; its content decides the format, not its name."""
        if reading.locked():
            raise HTTPException(
                429, f"{MOST_UPLOADS} uploads are being read; try again", {"Retry-After": "1"}
            )
        async with reading, request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise HTTPException(400, "got no file; send the picture as the form's field 'file'")
            if file.size is not None and file.size > UPLOAD_BYTES:
                raise HTTPException(
                    413, f"the file has {file.size:,} bytes, and at most {UPLOAD_BYTES:,} are taken"
                )
            return await run_in_threadpool(_kept, storage, file.file)

    @application.get("/api/pictures/{name}")
    def picture(name: str) -> FileResponse:
        """Return a stored picture as PNG."""
        place = storage.picture(name)
        if place is None:
            raise HTTPException(404, "there is no such picture")
        return FileResponse(place, media_type="image/png")

    @application.delete("/api/pictures/{name}", status_code=204)
    def delete(name: str) -> Response:
        """Remove an uploaded picture; runs that use it keep theirs."""
        if not storage.remove_picture(name):
            raise HTTPException(404, "there is no such picture")
        return Response(status_code=204)


def _kept(storage: Storage, upload: BinaryIO) -> dict[str, object]:
    """Keep an upload as a picture: what reads pictures needs a file with a name."""
    with tempfile.NamedTemporaryFile(prefix="glstylenet-") as copy:
        shutil.copyfileobj(upload, copy, 2**20)
        copy.flush()
        return storage.keep_picture(Path(copy.name))


def _add_jobs(application: FastAPI, storage: Storage, runner: Runner, requests: Requests) -> None:
    def shown(name: str) -> dict[str, Any]:
        found = runner.shown(name)
        if found is None:
            raise HTTPException(404, "there is no such run")
        return found

    @application.post("/api/jobs", status_code=201)
    def create(request: JobRequest) -> dict[str, Any]:
        """Queue a run; inputs that cannot be painted are refused now."""
        runner.check_room()
        before = None
        if request.continue_from is not None:
            shown(request.continue_from)
            folder = storage.folder(request.continue_from)
            before = None if folder is None else folder / "result.png"
            if before is None or not before.is_file():
                raise HTTPException(409, "that run has no picture to go on from yet; stop it first")
        return shown(_queued(requests.job(request, before), storage, runner))

    @application.get("/api/jobs")
    def several(ids: str = "") -> dict[str, Any]:
        """Return those of the runs ``ids`` (separated by commas) that exist, newest first."""
        found = [each for name in ids.split(",")[:500] if (each := runner.shown(name)) is not None]
        return {"jobs": sorted(found, key=lambda job: -float(job["created"]))}

    @application.get("/api/jobs/{name}")
    def one(name: str) -> dict[str, Any]:
        """Return a run."""
        return shown(name)

    @application.post("/api/jobs/{name}/stop")
    def stop(name: str) -> dict[str, Any]:
        """End a run early; its best picture is its result."""
        shown(name)
        runner.stop(name)
        return shown(name)

    @application.post("/api/jobs/{name}/resume")
    def resume(name: str) -> dict[str, Any]:
        """Queue a stopped, interrupted or failed run again."""
        shown(name)
        runner.resume(name)
        return shown(name)

    @application.delete("/api/jobs/{name}", status_code=204)
    def delete(name: str) -> Response:
        """Remove a run with all its files."""
        shown(name)
        runner.delete(name)
        return Response(status_code=204)


def _add_maps(application: FastAPI, runner: Runner, requests: Requests, proposals: MapProposals) -> None:
    @application.post("/api/maps/check")
    def check(request: MapsRequest) -> dict[str, object]:
        """Return the classes of two maps and their shares."""
        return requests.classes(request)

    @application.post("/api/maps/propose")
    def propose(wanted: ProposalRequest, request: Request) -> dict[str, object]:
        """Propose maps of all pictures, and return their ids, the classes, and notes."""

        try:
            return proposals.of(wanted, _is_given_up(request, runner))
        except Interrupted as error:
            raise HTTPException(503, "the studio is being closed; propose the maps again") from error


def _is_given_up(request: Request, runner: Runner) -> Callable[[], bool]:
    """Return a function that tells whether nobody waits for the answer to ``request`` any more.

    It is called thousands of times a second from a thread, and the event loop is asked ten times.
    """
    asked = -math.inf

    def is_given_up() -> bool:
        nonlocal asked
        now = time.monotonic()
        if now - asked < _WAIT:
            return runner.is_closing
        asked = now
        return runner.is_closing or anyio.from_thread.run(request.is_disconnected)

    return is_given_up


def _add_snapping(application: FastAPI, snapping: MapSnapping) -> None:
    @application.post("/api/maps/snap")
    def snap(request: SnapRequest) -> dict[str, object]:
        """Bring an outlined area to the edges of its picture, and return its mask."""
        return snapping.of(request)


def _add_estimates(
    application: FastAPI, storage: Storage, requests: Requests, estimates: TimeEstimates
) -> None:
    @application.post("/api/estimate")
    def estimate(request: EstimateRequest) -> dict[str, object]:
        """Return the size of a run's result and its estimated ``seconds`` in each quality."""
        settings = requests.settings(request)
        return estimates.of(request, settings, max_pixels=storage.max_pixels)


def _add_trials(application: FastAPI, runner: Runner, trials: WeightTrials) -> None:
    @application.post("/api/trials")
    def try_weights(wanted: TrialsRequest, request: Request) -> dict[str, object]:
        """Try weights for some minutes, and return three recipes with their pictures."""

        try:
            return trials.of(wanted, _is_given_up(request, runner))
        except Interrupted as error:
            raise HTTPException(503, "the studio is being closed; try the weights again") from error


def _queued(job: Job, storage: Storage, runner: Runner) -> str:
    """Queue ``job`` and return its id; its folder is removed if the queue is full."""
    try:
        runner.add(job)
    except BusyError:  # another job took the last place while the pictures were read
        storage.remove(job.id)
        raise
    return job.id


def _add_events(application: FastAPI, runner: Runner) -> None:
    def known(name: str) -> str:
        if runner.job(name) is None:
            raise HTTPException(404, "there is no such run")
        return name

    # Records of long runs are read one after another: so many at once would leave the server no time.
    reading = CapacityLimiter(1)

    @application.get("/api/jobs/{name}/curve")
    async def curve(name: Annotated[str, Depends(known)]) -> Response:
        """Return [evaluation, each of the settings' ``terms``] of at most 4001 evaluations, evenly chosen."""

        def written() -> str:
            return json.dumps({"points": runner.curve(name)})

        text = await anyio.to_thread.run_sync(written, limiter=reading)
        return Response(text, media_type="application/json")

    @application.get("/api/jobs/{name}/events", response_class=EventSourceResponse)
    async def events(
        name: Annotated[str, Depends(known)],
        last: int | None = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Send server-sent events: the run as it is now, its curve, and every message from now on.

        With a ``Last-Event-ID`` or ``last`` the messages after that number come, too. Their kinds are state,
        strokes, progress, preview, curve, warning and end.
        """
        after = _number(last_event_id)
        async for event in _stream(runner, name, last if after is None else after, reading):
            yield event


def _number(text: str | None) -> int | None:
    """Return the number of a ``Last-Event-ID`` header; ``None`` for what is no number of a message."""
    is_number = text is not None and text.isascii() and text.isdecimal() and len(text) <= _NUMBER_DIGITS
    return int(text) if text is not None and is_number else None


async def _stream(
    runner: Runner, name: str, after: int | None, reading: CapacityLimiter
) -> AsyncIterator[ServerSentEvent]:
    """Yield what a job is now, its messages after number ``after``, and each new one."""

    def first() -> tuple[int, list[ServerSentEvent]]:
        number = runner.newest(name) if after is None else after
        # Read before the state is: what happens in between is told twice, and not never.
        curve = {"points": runner.curve(name)}
        return number, [_event("state", runner.shown(name) or {}), _event("curve", curve)]

    def more(number: int) -> tuple[bool, list[Message]]:
        # Before its messages: what has ended, and is left by its thread, tells nothing more.
        job, is_writing = runner.job(name), runner.is_writing(name)
        has_ended = job is not None and job.state in FINISHED and not is_writing
        return has_ended, runner.messages(name, number)

    number, now = await anyio.to_thread.run_sync(first, limiter=reading)
    for event in now:
        yield event
    while (job := runner.known(name)) is not None:
        if job.state in FINISHED or runner.has_more(name, number):
            has_ended, messages = await anyio.to_thread.run_sync(more, number, limiter=reading)
            for message in messages:
                number = message.number
                yield _event(message.kind, message.content, message.number)
                if message.kind == "end":
                    return
            if has_ended:
                yield _event("end", {"state": job.state})
                return
        if runner.is_closing:
            return  # the page asks the next server for the messages after the last one
        await asyncio.sleep(_WAIT)
    yield _event("end", {"state": "deleted"})


def _event(kind: str, content: Mapping[str, Any], number: int | None = None) -> ServerSentEvent:
    return ServerSentEvent(
        event=kind, raw_data=json.dumps(content), id=None if number is None else str(number)
    )


def _add_storage(application: FastAPI, storage: Storage, runner: Runner) -> None:
    @application.get("/api/storage")
    def fullness() -> dict[str, object]:
        """Return how full the folder is: ``bytes`` of ``quota``, and what would be freed first."""
        return storage.fullness()

    @application.delete("/api/storage", status_code=204)
    def delete_all() -> Response:
        """Remove every run, running ones included, and every uploaded picture."""
        runner.delete_all()
        for name in storage.pictures():
            storage.remove_picture(name)
        return Response(status_code=204)


def _file_name(job: Job) -> str:
    """Return what downloads of ``job`` are called, as its page has it; this name goes before the page's."""
    letters = "".join(each for each in job.id if each.isascii() and each.isalnum())
    return f"{job.preset or 'glstylenet'}-{letters[:6]}"


def _add_files(application: FastAPI, storage: Storage, runner: Runner) -> None:
    @application.get("/api/jobs/{name}/archive.zip")
    def archive(name: str) -> FileResponse:
        """Return a zip file with the inputs, maps, result, recipe and command of a run."""
        job, folder = runner.job(name), storage.folder(name)
        if job is None or folder is None:
            raise HTTPException(404, "there is no such run")
        with tempfile.NamedTemporaryFile(prefix="glstylenet-", suffix=".zip", delete=False) as file:
            place = Path(file.name)
            try:
                write_archive(file, job, folder)
            except BaseException:
                place.unlink()
                raise
        return FileResponse(
            place,
            media_type="application/zip",
            filename=f"{_file_name(job)}.zip",
            background=BackgroundTask(place.unlink, missing_ok=True),
        )

    @application.get("/api/jobs/{name}/result.jpg")
    def jpeg(name: str) -> Response:
        """Return the result as JPEG, with its recipe inside; nothing of it is kept in the folder."""
        folder = storage.folder(name)
        if folder is None or not (folder / "result.png").is_file():
            raise HTTPException(404, "there is no such file")
        return Response(as_jpeg(folder / "result.png", storage), media_type="image/jpeg")

    @application.get("/api/jobs/{name}/{file}")
    async def file(name: str, file: str) -> Response:
        """Return result.png, result.tiff (16 bits), preview.jpg or thumbnail.jpg of a run."""
        if file not in _PICTURES:
            raise HTTPException(404, "there is no such file")
        end = asyncio.get_running_loop().time() + _FILE_SECONDS
        # The file with 16 bits follows the result by seconds.
        while file == "result.tiff" and runner.is_writing(name) and asyncio.get_running_loop().time() < end:
            job = runner.known(name)
            if job is None or job.state not in FINISHED:
                break
            await asyncio.sleep(_WAIT)
        return await run_in_threadpool(given, name, file)

    def given(name: str, file: str) -> Response:
        folder = storage.folder(name)
        place = None if folder is None else folder / file
        if place is None or not place.is_file():
            raise HTTPException(404, "there is no such file")
        form = output_format(place)
        media_type = None if form is None else form.media_type
        if file.endswith(".jpg"):  # replaced twice a second: length and content must be of one picture
            return Response(place.read_bytes(), media_type=media_type)
        return FileResponse(place, media_type=media_type)


def _add_giants(application: FastAPI, giants: GiantPictures, page: Path) -> None:
    # Tiles are read one after another: a picture takes the memory of one, however many look at it. States are
    # not kept waiting by them.
    looking, reading = CapacityLimiter(1), CapacityLimiter(1)

    @application.get("/api/giant")
    async def several() -> dict[str, object]:
        """List the giant pictures that the server was started with."""
        return {"pictures": giants.names()}

    @application.get("/api/giant/{number}")
    async def one(number: str) -> dict[str, object]:
        """Return how far a giant picture is painted, and how its tiles are named."""
        state = await anyio.to_thread.run_sync(giants.state, number, limiter=looking)
        if state is None:
            raise HTTPException(404, "there is no such giant picture")
        return state

    @application.get("/api/giant/{number}/{picture}/{level}/{column}_{row}.jpg")
    async def tile(
        request: Request,
        *,
        number: str,
        picture: str,
        level: str,
        column: str,
        row: str,
        v: str | None = None,
    ) -> Response:
        """Return a tile of a level, as in the Deep Zoom format; with ``v`` it may be kept."""
        async with reading:
            # Whoever zooms through many levels waits for the last one alone.
            found = None
            if not await request.is_disconnected():
                found = await anyio.to_thread.run_sync(giants.tile, number, picture, level, column, row)
        if found is None:
            raise HTTPException(404, "there is no such tile")
        headers = {} if v is None else {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(found, media_type="image/jpeg", headers=headers)

    @application.get("/giant/{number}", include_in_schema=False)
    async def watch(number: str) -> FileResponse:
        if not giants.has(number):
            raise HTTPException(404, "there is no such giant picture")
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    @application.get("/static/deep_zoom/{name}", include_in_schema=False)
    def script(name: str) -> Response:
        if name not in ("openseadragon.js", "zoom.js"):
            raise HTTPException(404, "there is no such file")
        return Response(viewer_script(name), media_type="text/javascript")
