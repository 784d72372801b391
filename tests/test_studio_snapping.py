"""Areas that are outlined on the studio's page: the server brings them to the edges of the picture."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from glstylenet.pictures import Picture, read_picture
from glstylenet.studio import map_snapping
from tests.test_studio import Studio, idle, samples

__all__ = ["idle", "samples"]  # fixtures

ADDRESS = "/api/maps/snap"
HEIGHT, WIDTH = 120, 160

Mask = NDArray[np.bool_]


def disc(radius: float, centre: tuple[int, int] = (70, 50)) -> Mask:
    """A disc of the map."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2)


def png(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture(idle: Studio) -> str:
    """A light disc of radius 30 on a dark ground, twice as large as its map."""
    light = np.kron(disc(30), np.ones((2, 2), np.bool_))
    pixels = np.where(light[..., None], (230, 200, 150), (40, 60, 90)).astype(np.uint8)
    return str(idle.upload(png(pixels)).json()["id"])


def request(picture: str, drawn: Mask) -> dict[str, object]:
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    top, left = (int(each[0]) if len(each) else 0 for each in (rows, columns))
    cut = drawn[top : rows[-1] + 1, left : columns[-1] + 1] if len(rows) else drawn
    return {
        "picture": picture,
        "width": WIDTH,
        "height": HEIGHT,
        "left": left,
        "top": top,
        "mask": base64.b64encode(png(cut)).decode(),
    }


def area(answer: dict[str, Any]) -> Mask:
    """The answer's area on the whole map."""
    with Image.open(io.BytesIO(base64.b64decode(answer["mask"]))) as image:
        mask = np.asarray(image.convert("1"))
    whole = np.zeros((HEIGHT, WIDTH), np.bool_)
    whole[answer["top"] :, answer["left"] :][: mask.shape[0], : mask.shape[1]] = mask
    return whole


def agreement(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_an_outlined_area_is_brought_to_the_edges(idle: Studio, picture: str) -> None:
    """A little too large, and a pixel to the side: both are within the reach of 3 %."""
    drawn = disc(31, (71, 50))
    found = area(idle.ask("POST", ADDRESS, json=request(picture, drawn)).json())
    assert agreement(drawn, disc(30)) < 0.94
    assert agreement(found, disc(30)) > 0.97


def test_an_area_at_the_corner_stays_within_the_map(idle: Studio, picture: str) -> None:
    drawn = disc(40, (155, 115))
    answer = idle.ask("POST", ADDRESS, json=request(picture, drawn)).json()
    assert agreement(area(answer), drawn) > 0.9


def test_the_picture_of_the_area_before_is_not_read_again(
    idle: Studio, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = idle.ask("POST", ADDRESS, json=request(picture, disc(31))).json()
    read: list[object] = []

    def read_mask_alone(source: Any, **options: Any) -> Picture:
        read.append(type(source))
        return read_picture(source, **options)

    monkeypatch.setattr(map_snapping, "read_picture", read_mask_alone)
    assert idle.ask("POST", ADDRESS, json=request(picture, disc(31))).json() == first
    assert read == [io.BytesIO]
    idle.storage.remove_picture(picture)
    assert idle.ask("POST", ADDRESS, json=request(picture, disc(31))).status_code == 422


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"picture": "../../etc/passwd"}, 422, "no picture"),
        ({"left": 130}, 400, "is not within the map of 160 x 120"),
        ({"left": -1}, 400, "left"),
        ({"width": 40}, 400, "not within the map"),
        ({"height": 300}, 422, "the aspect ratios differ"),
        ({"width": 10**9}, 400, "width"),
        ({"mask": "no"}, 400, "mask"),
        ({"mask": base64.b64encode(b"<svg/>").decode()}, 422, "picture"),
        ({"mask": base64.b64encode(png(np.zeros((4, 4), np.bool_))).decode()}, 400, "no white pixels"),
        ({"role": "init"}, 400, "role"),
    ],
)
def test_what_cannot_be_snapped_is_refused(
    idle: Studio, picture: str, changes: dict[str, object], status: int, says: str
) -> None:
    answer = idle.ask("POST", ADDRESS, json={**request(picture, disc(30)), **changes})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]
