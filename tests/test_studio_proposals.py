"""Maps proposed by the studio's server: in the palette's colours, refused, one at a time, and given up."""

import io
import json
import queue
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glstylenet.numerics import Interrupted, interruption_point
from glstylenet.proposals import PORTRAIT_CLASSES, Proposal
from glstylenet.proposals.proposal import class_colours
from glstylenet.studio import map_proposals
from glstylenet.studio.limiter import BusyError
from glstylenet.studio.map_proposals import MAP_SIDE, MapProposals, ProposalRequest, in_palette_colours
from glstylenet.studio.requests import Requests
from glstylenet.studio.setting_schema import PALETTE, page_schema
from tests.test_portrait import sample
from tests.test_proposals import Pixels, proposed, scene
from tests.test_studio import Studio, idle, samples
from tests.test_studio_connections import Served

__all__ = ["idle", "samples"]  # fixtures

ADDRESS = "/api/maps/propose"


def upload(idle: Studio, pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return str(idle.upload(buffer.getvalue()).json()["id"])


def scenes(idle: Studio) -> dict[str, str]:
    return {
        role: upload(idle, scene(number, mirrored=bool(number))[0])
        for number, role in enumerate(("content", "style"))
    }


def picture(idle: Studio, name: str) -> Pixels:
    with Image.open(io.BytesIO(idle.ask("GET", f"/api/pictures/{name}").content)) as image:
        return np.asarray(image.convert("RGB"))


# --- colours


def test_classes_of_a_portrait_have_the_palette_s_colours() -> None:
    found = Proposal((), tuple(PORTRAIT_CLASSES.values()), (), tuple(PORTRAIT_CLASSES))
    colours = ["#{:02x}{:02x}{:02x}".format(*each) for each in in_palette_colours(found).colours]
    assert colours == [PALETTE[name] for name in PORTRAIT_CLASSES]


def test_every_class_has_the_nearest_free_colour() -> None:
    found = in_palette_colours(Proposal((), class_colours(len(PALETTE))))
    # The corners of the colour cube, then black: 128 from dark green, 143 from brown; both are free.
    assert found.colours[:5] == class_colours(5)
    assert found.colours[7] == (0, 128, 0)
    assert len(set(found.colours)) == len(PALETTE)


# --- answers


@pytest.mark.long
def test_maps_of_both_pictures_are_proposed(idle: Studio) -> None:
    found = idle.ask("POST", ADDRESS, json={**scenes(idle), "classes": 2}).json()
    oracle = proposed(2)
    assert [each["colour"] for each in found["classes"]] == ["#ff0000", "#00ff00"]
    assert [each["name"] for each in found["classes"]] == [None, None]
    for number, role in enumerate(("content", "style")):
        green = (picture(idle, found[f"{role}_map"]) == (0, 255, 0)).all(2)
        assert np.array_equal(green, oracle.labels[number].numpy() == 1)
        assert found["classes"][1][f"{role}_share"] == pytest.approx(green.mean())
    checked = idle.ask("POST", "/api/maps/check", json={**scenes(idle), **maps_of(found)}).json()
    assert len(checked["classes"]) == 2


@pytest.mark.long
def test_maps_of_several_styles_have_one_palette(idle: Studio) -> None:
    """The third picture is the second one again: so is its map."""
    pictures = scenes(idle)
    request = {**pictures, "further_styles": [pictures["style"]], "classes": 2}
    found = idle.ask("POST", ADDRESS, json=request).json()
    [further] = found["further_style_maps"]
    assert np.array_equal(picture(idle, further), picture(idle, found["style_map"]))
    for each in found["classes"]:
        assert each["further_style_shares"] == [each["style_share"]]
    missing = {**request, "further_styles": ["A" * 22]}
    assert "for the style 2" in idle.ask("POST", ADDRESS, json=missing).json()["error"]


@pytest.mark.long
def test_a_further_style_without_a_face_has_no_map_of_a_portrait(idle: Studio) -> None:
    """A landscape may be there for the background: it spoils no portrait's maps."""
    faces = [upload(idle, sample(role)[0].permute(1, 2, 0).numpy()) for role in ("content", "style")]
    further = [scenes(idle)["style"], faces[1]]
    request = {"content": faces[0], "style": faces[1], "further_styles": further, "portrait": True}
    found = idle.ask("POST", ADDRESS, json=request).json()
    assert [each["name"] for each in found["classes"]][:2] == ["background", "clothes"]
    without, again = found["further_style_maps"]
    assert without is None
    assert np.array_equal(picture(idle, again), picture(idle, found["style_map"]))
    for each in found["classes"]:
        assert each["further_style_shares"] == [None, each["style_share"]]
    assert found["notes"] == ["no face was found in the style 2: it has no map"]


def maps_of(found: Mapping[str, Any]) -> dict[str, str]:
    return {name: found[name] for name in ("content_map", "style_map")}


@pytest.mark.long
def test_a_map_is_no_larger_than_one_that_is_painted(idle: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAP_SIDE == 1600  # LONGEST of labels.js
    monkeypatch.setattr(map_proposals, "MAP_SIDE", 48)
    found = idle.ask("POST", ADDRESS, json={**scenes(idle), "classes": 2}).json()
    assert picture(idle, found["content_map"]).shape == (32, 48, 3)


def test_one_colour_is_one_class_and_is_said(idle: Studio) -> None:
    flat = upload(idle, np.full((40, 50, 3), 90, np.uint8))
    found = idle.ask("POST", ADDRESS, json={**scenes(idle), "content": flat}).json()
    assert [each["content_share"] for each in found["classes"]] == [1.0]
    assert "the content has one colour" in found["notes"][0]


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"content": "../../etc/passwd"}, 422, "no picture"),
        ({"style": "A" * 22}, 422, "for the style; load it again"),
        ({"classes": len(PALETTE) + 1}, 400, "classes"),
        ({"classes": 0}, 400, "classes"),
        ({"style": None}, 400, "style"),
        ({"seed": 1}, 400, "seed"),
    ],
)
def test_what_cannot_be_proposed_is_refused(
    idle: Studio, changes: dict[str, object], status: int, says: str
) -> None:
    answer = idle.ask("POST", ADDRESS, json={"content": "sample:demo", "style": "sample:demo", **changes})
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_a_foreign_page_proposes_nothing(idle: Studio) -> None:
    headers = {"Origin": "http://evil.example"}
    assert idle.ask("POST", ADDRESS, json={}, headers=headers).status_code == 403


def test_portraits_are_offered_where_the_models_can_run(
    idle: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: Any = page_schema(upload_bytes=1, max_pixels=2)
    assert table["proposals"] == {"portrait": True}
    for name in ("ai_edge_litert", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, name, None)
    table = page_schema(upload_bytes=1, max_pixels=2)
    assert table["proposals"] == {"portrait": False}
    request = {"content": "sample:demo", "style": "sample:demo", "portrait": True}
    answer = idle.ask("POST", ADDRESS, json=request)
    assert answer.status_code == 400
    assert "pip install 'glstylenet[maps]'" in answer.json()["error"]


# --- many, and given up


def test_four_at_once_and_no_more(
    idle: Studio, samples: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    proposals = MapProposals(idle.storage, Requests(idle.storage, samples, {}))
    request = ProposalRequest(content="sample:demo", style="sample:demo")
    begun, ended = threading.Event(), threading.Event()
    inside: list[int] = []
    answers: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def wait(*_arguments: object, **_options: object) -> Proposal:
        inside.append(len(inside))
        begun.set()
        ended.wait()
        raise Interrupted

    def ask() -> None:
        try:
            proposals.of(request, lambda: False)
        except Exception as error:
            answers.put(error)

    monkeypatch.setattr(map_proposals, "propose_maps", wait)
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        refused = [answers.get(timeout=60) for _ in range(2)]  # whichever came last
        assert begun.wait(60)
        assert inside == [0]
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert {str(each) for each in refused} == {"too many maps are being proposed; try again in a moment"}
    assert all(isinstance(each, BusyError) for each in refused)
    assert [type(answers.get_nowait()) for _ in range(4)] == [Interrupted] * 4


def test_a_proposal_is_given_up_when_its_page_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def compute(*_arguments: object, **_options: object) -> Proposal:
        begun.set()
        try:
            while True:
                interruption_point()
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(map_proposals, "propose_maps", compute)
    served = Served(tmp_path / "data")
    try:
        names = {}
        for role in ("content", "style"):
            buffer = io.BytesIO()
            Image.new("RGB", (20, 20)).save(buffer, "PNG")
            names[role] = served.ask("POST", "/api/pictures", files={"file": buffer.getvalue()}).json()["id"]
        body = json.dumps(names).encode()
        head = (
            f"POST {ADDRESS} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nContent-Type: application/json\r\n"
        )
        with served.connect() as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert begun.wait(60)
            assert not ended.wait(0.3)
        assert ended.wait(60)
    finally:
        served.end()
    assert served.failures == []
