"""A stand-in for the studio's server with a scripted job, to build the page before the server is there."""

import io
import json
import re
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

import glstylenet
from glstylenet.settings import GROUPS, INIT_CHOICES, PRESETS, Settings, field_help

ROOT = Path(glstylenet.__file__).parent
STATIC = ROOT / "studio" / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
PALETTE = [
    ("background", "#ff0000"), ("skin", "#00ff00"), ("hair", "#0000ff"), ("clothes", "#ffff00"),
    ("eyes", "#ff00ff"), ("mouth", "#00ffff"), ("sky", "#0080ff"), ("water", "#000080"), ("plants", "#008000"),
    ("ground", "#804000"), ("building", "#808080"), ("other", "#ffffff"),
]
PICTURES: dict[str, Image.Image] = {}
JOBS: dict[str, dict[str, Any]] = {}
EVENTS: dict[str, list[tuple[str, Any]]] = {}
FILES: dict[str, Image.Image] = {}


def settings() -> dict[str, Any]:
    listed = []
    for name, info in Settings.model_fields.items():
        help_ = field_help(name)
        limits = {k: getattr(m, k) for m in info.metadata for k in ("ge", "gt", "le") if hasattr(m, k)}
        text = str(info.annotation)
        kind = "bool" if "bool" in text else "float" if "float" in text else "int" if "int" in text else "text"
        choices = re.findall(r"'([^']*)'", text) if "Literal" in text else None
        listed.append({
            "name": name, "group": help_.group, "symbol": help_.symbol, "description": help_.description,
            "default": help_.default, "minimum": limits.get("ge", limits.get("gt")), "maximum": limits.get("le"),
            "choices": choices, "kind": "choice" if choices else kind, "effect": "",
        })
    return {
        "groups": GROUPS, "settings": listed, "inits": INIT_CHOICES,
        "presets": [{"name": n, "description": p.description, "values": dict(p.values)} for n, p in PRESETS.items()],
        "palette": [{"name": n, "colour": c} for n, c in PALETTE],
        "limits": {"upload_bytes": 64 << 20, "max_pixels": 10**8},
    }


def picture(reference: str, role: str) -> Image.Image:
    if reference.startswith("sample:"):
        return Image.open(ROOT / "samples" / f"{role}.png").convert("RGB")
    return PICTURES[reference]


def emit(job: dict[str, Any], kind: str, data: Any) -> None:
    EVENTS[job["id"]].append((kind, json.loads(json.dumps(data))))


def run(job: dict[str, Any]) -> None:
    time.sleep(0.4)
    content = picture(job["content"], "content") if job["content"] else Image.new("RGB", (512, 384))
    style = picture(job["style"], "style").resize(content.size)
    job.update(state="running", width=content.width, height=content.height)
    emit(job, "state", job)
    total, delay = 80, float(sys.argv[2]) if len(sys.argv) > 2 else 0.06
    for n in range(1, total + 1):
        time.sleep(delay)
        losses = {"content": 9e4 / n + 2e4, "local": 4e5 / n**1.2 + 1e4, "global": 6e5 / n**1.5 + 3e3, "smoothness": 900.0}
        job["progress"] = {
            "evaluation": n, "evaluations": total, "scale": 1 + (n > 40), "scales": 2,
            "seconds_left": (total - n) * delay, "losses": losses,
        }
        emit(job, "progress", job["progress"])
        if n % 10 == 0:
            FILES[job["id"]] = Image.blend(content, style, 0.2 + 0.4 * n / total)
            job["preview"] = f"/api/jobs/{job['id']}/preview.jpg?n={n}"
            emit(job, "preview", {"url": job["preview"], "evaluation": n})
        if job["state"] == "stopping":
            break
    job.update(state="stopped" if job["state"] == "stopping" else "done", seconds=n * delay,
               thumbnail=f"/api/jobs/{job['id']}/thumbnail.jpg", result=f"/api/jobs/{job['id']}/result.png")
    emit(job, "state", job)
    emit(job, "end", {"state": job["state"]})


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        self.wfile.write(body)

    def json(self, value: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), "application/json")

    def image(self, image: Image.Image, kind: str = "PNG") -> None:
        out = io.BytesIO()
        image.save(out, kind)
        self.answer(200, out.getvalue(), f"image/{kind.lower()}")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if path == "/" or parts[0] == "static":
            file = STATIC / ("index.html" if path == "/" else path.removeprefix("/static/"))
            if not file.is_file():
                return self.json({"error": f"no {path}"}, 404)
            return self.answer(200, file.read_bytes(), TYPES.get(file.suffix, "text/plain"))
        if path == "/api/settings":
            return self.json(settings())
        if path == "/api/samples":
            names = ("content", "style", "content_map", "style_map")
            return self.json({"samples": [{"name": "portrait", **{n: f"/api/samples/portrait/{n}.png" for n in names}}]})
        if parts[1] == "samples":
            return self.image(picture("sample:portrait", parts[3].removesuffix(".png")))
        if parts[1] == "pictures":
            return self.image(PICTURES[parts[2]]) if parts[2] in PICTURES else self.json({"error": "gone"}, 404)
        if path == "/api/jobs":
            wanted = query.removeprefix("ids=").split(",")
            return self.json({"jobs": [JOBS[i] for i in wanted if i in JOBS]})
        if parts[2] not in JOBS:
            return self.json({"error": "there is no such job"}, 404)
        job = JOBS[parts[2]]
        if len(parts) == 3:
            return self.json(job)
        if parts[3] == "events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            k = int(self.headers.get("Last-Event-ID") or 0)
            while True:
                for kind, data in EVENTS[job["id"]][k:]:
                    k += 1
                    self.wfile.write(f"id: {k}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                    if kind == "end":
                        return None
                time.sleep(0.03)
        return self.image(FILES[job["id"]], "JPEG" if "jpg" in parts[3] else "PNG")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/api/pictures":
            try:
                image = Image.open(io.BytesIO(body.split(b"\r\n\r\n", 1)[1])).convert("RGB")
            except OSError:
                return self.json({"error": "the file is no picture"}, 400)
            key = uuid.uuid4().hex
            PICTURES[key] = image
            return self.json({"id": key, "width": image.width, "height": image.height, "url": f"/api/pictures/{key}"}, 201)
        if self.path == "/api/jobs":
            asked = json.loads(body)
            job = {
                **asked, "id": uuid.uuid4().hex, "state": "queued", "created": time.time(), "queue_position": 0, "width": None,
                "height": None, "progress": None, "losses": None, "seconds": None, "error": None, "preview": None,
                "command": "glstylenet stylize content.png style.png --preset portrait -o result.png",
                "thumbnail": None, "result": None, "warnings": [],
            }
            JOBS[job["id"]] = job
            EVENTS[job["id"]] = []
            threading.Thread(target=run, args=(job,), daemon=True).start()
            return self.json(job, 201)
        job = JOBS[self.path.split("/")[3]]
        if job["state"] == "running":
            job["state"] = "stopping"
        return self.json(job)

    def do_DELETE(self) -> None:
        JOBS.pop(self.path.split("/")[3], None)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
