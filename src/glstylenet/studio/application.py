"""Application: the routes of the studio's API, and the page's files."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

import glstylenet
from glstylenet.errors import GLStyleNetError, InputError, MemoryLimitError
from glstylenet.pictures import output_format
from glstylenet.studio.job import FINISHED, ROLES, Job
from glstylenet.studio.limiter import BusyError
from glstylenet.studio.requests import JobRequest, MapsRequest, Requests
from glstylenet.studio.runner import Runner
from glstylenet.studio.setting_schema import page_schema
from glstylenet.studio.storage import FullError, Storage

__all__ = ["MOST_UPLOADS", "UPLOAD_BYTES", "make_application"]

UPLOAD_BYTES = 64 * 2**20
"""The most bytes of an uploaded file."""

MOST_UPLOADS = 4
"""The most uploads that are read at once; more are refused with a time to retry."""

_UPLOAD_SECONDS = 120.0
_WAIT = 0.1
_KEEP = 15.0
_PICTURES = ("result.png", "result.tiff", "preview.jpg", "thumbnail.jpg")


def make_application(storage: Storage, runner: Runner, samples: Mapping[str, Path]) -> FastAPI:
    """Create the application; ``samples``: the shipped pictures by role."""
    application = FastAPI(
        title="glstylenet studio",
        version=glstylenet.__version__,
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    requests = Requests(storage, samples)
    _add_error_handlers(application)
    _add_settings_and_samples(application, storage, samples)
    _add_pictures(application, storage)
    _add_jobs(application, storage, runner, requests)
    _add_events(application, runner)
    _add_files(application, storage)
    folder = Path(str(files("glstylenet.studio") / "static"))
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
    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        return _refusal(str(error.detail), error.status_code, error.headers)


def _refusal(sentence: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as JSON in ASCII: it may quote characters of the request that UTF-8 does not have."""
    body = json.dumps({"error": sentence})
    return Response(body, status, dict(headers or {}), media_type="application/json")


def _add_settings_and_samples(application: FastAPI, storage: Storage, samples: Mapping[str, Path]) -> None:
    @application.get("/api/health")
    def health() -> dict[str, object]:
        """Confirm that the server runs."""
        return {"ok": True, "version": glstylenet.__version__}

    @application.get("/api/settings")
    def settings() -> dict[str, object]:
        """Return settings with ranges and defaults, presets, qualities, terms, palette, limits, formats."""
        return page_schema(upload_bytes=UPLOAD_BYTES, max_pixels=storage.max_pixels)

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


@contextlib.asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """Read the form within a time limit, so that a slow client cannot block an upload slot for ever."""
    try:
        async with asyncio.timeout(_UPLOAD_SECONDS):
            form = await request.form(max_files=1, max_fields=4)
    except TimeoutError as error:
        raise HTTPException(408, f"the upload took longer than {_UPLOAD_SECONDS:g} s; try again") from error
    try:
        yield form
    finally:
        await form.close()


def _add_pictures(application: FastAPI, storage: Storage) -> None:
    reading = asyncio.Semaphore(MOST_UPLOADS)

    @application.post("/api/pictures", status_code=201)
    async def upload(request: Request) -> dict[str, object]:
        """Store a picture or map, the form's field ``file``; its content decides the format, not its name."""
        if reading.locked():
            raise HTTPException(
                429, f"{MOST_UPLOADS} uploads are being read; try again", {"Retry-After": "1"}
            )
        async with reading, _form(request) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise HTTPException(400, "got no file; send the picture as the form's field 'file'")
            with tempfile.NamedTemporaryFile(prefix="glstylenet-") as copy:
                size = 0
                while part := await file.read(2**20):
                    size += len(part)
                    copy.write(part)
                copy.flush()
                if size > UPLOAD_BYTES:
                    raise HTTPException(
                        413, f"the file has {size:,} bytes, and at most {UPLOAD_BYTES:,} are taken"
                    )
                return await run_in_threadpool(storage.keep_picture, Path(copy.name))

    @application.get("/api/pictures/{name}")
    def picture(name: str) -> FileResponse:
        """Return a stored picture as PNG."""
        place = storage.picture(name)
        if place is None:
            raise HTTPException(404, "there is no such picture")
        return FileResponse(place, media_type="image/png")


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

    @application.post("/api/maps/check")
    def check(request: MapsRequest) -> dict[str, object]:
        """Return the classes of two maps and their shares."""
        return requests.classes(request)


def _queued(job: Job, storage: Storage, runner: Runner) -> str:
    """Queue ``job`` and return its id; its folder is removed if the queue is full."""
    try:
        runner.add(job)
    except BusyError:  # another job took the last place while the pictures were read
        storage.remove(job.id)
        raise
    return job.id


def _add_events(application: FastAPI, runner: Runner) -> None:
    @application.get("/api/jobs/{name}/curve")
    def curve(name: str) -> dict[str, Any]:
        """Return [evaluation, each of the settings' ``terms``] after each evaluation."""
        if runner.job(name) is None:
            raise HTTPException(404, "there is no such run")
        return {"points": runner.curve(name)}

    @application.get("/api/jobs/{name}/events")
    async def events(
        name: str, last: int = 0, last_event_id: Annotated[str | None, Header()] = None
    ) -> StreamingResponse:
        """Send server-sent events after the last id.

        Their kinds are state, strokes, progress, preview, curve, warning and end.
        """
        if runner.job(name) is None:
            raise HTTPException(404, "there is no such run")
        seen = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else last
        return StreamingResponse(_stream(runner, name, seen), media_type="text/event-stream")


async def _stream(runner: Runner, name: str, after: int) -> AsyncIterator[str]:
    """Yield the messages of a job: first the earlier ones after number ``after``, then each new one."""
    yield _event("state", runner.shown(name) or {})
    yield _event("curve", {"points": runner.curve(name)})
    quiet = 0.0
    while (job := runner.job(name)) is not None:
        messages = runner.messages(name, after)
        for message in messages:
            after = message.number
            yield _event(message.kind, message.content, message.number)
            if message.kind == "end":
                return
        if not messages and job.state in FINISHED:
            yield _event("end", {"state": job.state})
            return
        quiet = 0.0 if messages else quiet + _WAIT
        if quiet >= _KEEP:
            quiet = 0.0
            yield ": keep\n\n"
        await asyncio.sleep(_WAIT)


def _event(kind: str, content: Mapping[str, Any], number: int | None = None) -> str:
    start = "" if number is None else f"id: {number}\n"
    return f"{start}event: {kind}\ndata: {json.dumps(content)}\n\n"


def _add_files(application: FastAPI, storage: Storage) -> None:
    @application.get("/api/jobs/{name}/{file}")
    def file(name: str, file: str) -> Response:
        """Return result.png, result.tiff (16 bits), preview.jpg or thumbnail.jpg of a run."""
        folder = storage.folder(name)
        place = None if folder is None or file not in _PICTURES else folder / file
        if place is None or not place.is_file():
            raise HTTPException(404, "there is no such file")
        form = output_format(place)
        media_type = None if form is None else form.media_type
        if file.endswith(".jpg"):  # replaced twice a second: length and content must be of one picture
            return Response(place.read_bytes(), media_type=media_type)
        return FileResponse(place, media_type=media_type)
