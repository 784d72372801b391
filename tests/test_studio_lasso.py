"""The lasso on the studio's page, filled at once, brought to edges, taken back as one step."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Route

from tests.test_studio_page import (
    at,
    browser,
    choose_pictures,
    colours,
    context,
    drag,
    page,
    palette,
    pytestmark,
    saved_map,
    still_page,
    tool,
    until,
)
from tests.test_studio_undo import run

__all__ = ["browser", "context", "page", "pytestmark", "still_page"]  # fixtures

GREEN = (0, 255, 0)
RADIUS, DRAWN = 60, 67  # of the disc, and of the corners around it
CORNERS = [
    (0.5 + DRAWN * math.cos(k) / 250, 0.5 + DRAWN * math.sin(k) / 200) for k in np.arange(8) * math.pi / 4
]
"""Eight places around the disc, in shares of the picture."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A light disc on a dark ground, and the same again."""
    file = tmp_path_factory.mktemp("disc") / "disc.png"
    Image.fromarray(np.where(disc()[..., None], (230, 200, 150), (40, 60, 90)).astype(np.uint8)).save(file)
    return {"content": file, "style": file}


def disc() -> NDArray[np.bool_]:
    y, x = np.mgrid[:200, :250]
    return np.asarray((x - 125) ** 2 + (y - 100) ** 2 < RADIUS**2)


def green(page: Page, folder: Path) -> NDArray[np.bool_]:
    return np.asarray((saved_map(page, "content", folder) == GREEN).all(-1))


def agreement(found: NDArray[np.bool_]) -> float:
    return float((found & disc()).sum() / (found | disc()).sum())


def go_around(page: Page) -> None:
    tool(page, "lasso")
    palette(page, "skin")
    drag(page, page.locator("#canvas-content"), *CORNERS)


SETTLED = "!document.querySelector('.snapping')"


@pytest.mark.long
def test_an_outline_is_filled_snapped_and_taken_back_in_one_step(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    held: list[Route] = []
    page.route("**/api/maps/snap", lambda route: held.append(route))  # noqa: PLW0108 - it names its handler
    choose_pictures(page, pictures)
    canvas = page.locator("#canvas-content")
    go_around(page)
    until(page, "document.querySelector('.snapping') !== null")
    filled = green(page, tmp_path)
    assert 0.8 < agreement(filled) < 0.93, "what is within the corners"
    request = json.loads(held[0].request.post_data or "{}")
    assert (request["width"], request["height"], request["role"]) == (250, 200, "content")
    held[0].continue_()
    until(page, SETTLED)
    snapped = green(page, tmp_path)
    assert agreement(snapped) > 0.95
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Save the map of the content").click()
    page.locator("#notices", has_text="Nothing is painted on the content").wait_for()
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(green(page, tmp_path), snapped)

    # By the keyboard, and as it was drawn.
    page.get_by_label("Snap to edges").uncheck()
    palette(page, "sky")
    canvas.focus()
    for key in ("Space", *["ArrowRight"] * 3, *["ArrowDown"] * 3, "Space"):
        page.keyboard.press(key)
    page.locator("#say", has_text="Area outlined and filled").wait_for(state="attached")
    assert colours(saved_map(page, "content", tmp_path)) == {"#ff0000", "#00ff00", "#00ffff"}
    assert len(held) == 1


@pytest.mark.long
def test_what_is_painted_meanwhile_stays(page: Page, pictures: dict[str, Path], tmp_path: Path) -> None:
    held: list[Route] = []
    page.route("**/api/maps/snap", lambda route: held.append(route))  # noqa: PLW0108
    choose_pictures(page, pictures)
    go_around(page)
    tool(page, "brush")
    palette(page, "hair")
    canvas = page.locator("#canvas-content")
    page.mouse.move(*at(canvas, 0.5, 0.5))
    page.mouse.down()
    until(page, "document.querySelector('.snapping') !== null")
    held[0].continue_()
    until(page, SETTLED)
    page.mouse.up()
    until(page, "document.querySelectorAll('.swatch.used').length === 3")
    page.wait_for_timeout(300)
    after = saved_map(page, "content", tmp_path)
    yellow = (after == (255, 255, 0)).all(-1)
    assert yellow[100, 125]
    assert agreement(green(page, tmp_path) | yellow) > 0.95
    for _ in range(2):  # the change, and the stroke; then there is what was drawn
        page.keyboard.press("Control+z")
    assert 0.8 < agreement(green(page, tmp_path)) < 0.93


@pytest.mark.long
def test_an_outline_is_filled_by_hand(still_page: Page) -> None:
    """Pixels whose centres are within, also of an outline that goes around twice, or beyond the map."""

    def within(*outline: tuple[float, float]) -> Any:
        return run(
            still_page,
            f"""
            const area = new Labels(6, 4).within({json.dumps(outline)});
            return area && [area.left, area.top, area.width, area.height, [...area.mask].join("")];
            """,
        )

    square = [(1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0)]
    assert within(*square) == [1, 1, 3, 2, "111111"]
    assert within(*square, *square) == [1, 1, 3, 2, "111111"], "twice around is no hole"
    assert within((-9.0, -9.0), (2.0, -9.0), (2.0, 2.0), (-9.0, 2.0)) == [0, 0, 2, 2, "1111"]
    assert within((0.0, 0.0), (4.0, 0.0), (0.0, 4.0)) == [0, 0, 4, 4, "1110110010000000"]
    assert within((1.0, 1.0)) is None
    assert within((1.6, 1.6), (1.9, 1.6), (1.9, 1.9)) is None, "no pixel's centre"


@pytest.mark.long
def test_a_step_that_was_taken_back_is_not_amended(still_page: Page) -> None:
    found = run(
        still_page,
        """
        const labels = new Labels(6, 1);
        const area = (left, mask) =>
          ({left, top: 0, width: mask.length, height: 1, mask: Uint8Array.from(mask)});
        const drawn = area(1, [1, 1]);
        step(labels, () => labels.paint(drawn, 3));
        const made = labels.lastStep;
        labels.undo();
        labels.amend(made, drawn, area(3, [1]), 3);
        const kept = [...labels.data].join();
        labels.redo();
        labels.amend(made, drawn, area(2, [1, 1]), 3);
        const amended = [...labels.data].join();
        labels.undo();
        return [kept, amended, [...labels.data].join(), labels.done.length];
        """,
    )
    bare = "255,255,255,255,255,255"
    assert found == [bare, "255,255,3,3,255,255", bare, 0]
