"""Maps proposed on the studio's page, in a real browser: edited, taken back, painted with, and given up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route

from glstylenet.studio.setting_schema import PALETTE
from tests.studio_server import Server
from tests.test_proposals import scene
from tests.test_studio_page import (
    PHONE_WIDTH,
    at,
    browser,
    choose_pictures,
    colours,
    context,
    drag,
    no_overflow,
    no_violations,
    page,
    paint_both,
    palette,
    pytestmark,
    saved_map,
    state,
    tool,
    until,
)

__all__ = ["browser", "context", "page", "pytestmark"]  # fixtures

ADDRESS = "**/api/maps/propose"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two drawn scenes of the same two patterns."""
    folder = tmp_path_factory.mktemp("scenes")
    files = {}
    for number, role in enumerate(("content", "style")):
        files[role] = folder / f"{role}.png"
        Image.fromarray(scene(number, mirrored=bool(number))[0]).save(files[role])
    return files


def propose(page: Page) -> None:
    page.get_by_role("button", name="Propose maps").click()
    page.locator("#notices", has_text="classes are proposed").wait_for()


@pytest.mark.long
def test_proposed_maps_are_edited_taken_back_and_painted_with(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    def maps() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        return [saved_map(page, role, tmp_path) for role in ("content", "style")]

    choose_pictures(page, pictures)
    paint_both(page)
    painted = maps()
    propose(page)
    proposed = maps()
    for each in proposed:
        assert 2 <= len(colours(each)) <= 6
        assert colours(each) <= set(PALETTE.values())
    assert colours(proposed[0]) & colours(proposed[1])
    page.locator("#palette input[value='11']").check(force=True)
    tool(page, "brush")
    drag(page, page.locator("#canvas-content"), (0.3, 0.3), (0.6, 0.6))
    assert "#ff8000" in colours(saved_map(page, "content", tmp_path))

    undo = [page.get_by_role("button", name=f"Undo on the {role}") for role in ("content", "style")]
    undo[0].click()
    for found, expected in zip(maps(), proposed, strict=True):
        assert np.array_equal(found, expected)
    for button in undo:
        button.click()
    for found, expected in zip(maps(), painted, strict=True):
        assert np.array_equal(found, expected)
    for role in ("content", "style"):
        page.get_by_role("button", name=f"Redo on the {role}").click()

    page.locator("#quality input[value=preview]").check()
    page.locator("#run").click()
    state(page, "Finished")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    page.locator("[data-goto=paint]").click()
    until(page, "document.querySelectorAll('.swatch.used').length > 1")
    for found, expected in zip(maps(), proposed, strict=True):
        assert np.array_equal(found, expected)


def names(page: Page) -> list[str]:
    return page.locator(".swatch.used .name").all_inner_texts()


@pytest.mark.long
def test_proposed_classes_are_numbered_until_they_are_taken_back(
    page: Page, pictures: dict[str, Path]
) -> None:
    """The palette's names would say "skin" of what is alike in two pictures."""
    choose_pictures(page, pictures)
    paint_both(page)
    painted = names(page)
    assert "skin" in painted
    propose(page)
    are_numbered = "used.length > 2 && used.every((each) => each.textContent.startsWith('class '))"
    until(page, f"((used) => {are_numbered})([...document.querySelectorAll('.swatch.used .name')])")
    numbered = names(page)
    assert sorted(numbered) == [f"class {number}" for number in range(1, len(numbered) + 1)]
    page.get_by_role("button", name="Undo on the style").click()
    assert not [each for each in page.locator(".swatch .name").all_inner_texts() if each.startswith("class ")]
    page.get_by_role("button", name="Redo on the style").click()
    until(page, f"((used) => {are_numbered})([...document.querySelectorAll('.swatch.used .name')])")
    assert names(page) == numbered
    page.locator(".swatch.used .name", has_text="class 1").dblclick()
    page.keyboard.type("the sea")
    page.keyboard.press("Enter")
    propose(page)  # again: what one has named stays
    until(page, "document.querySelectorAll('.swatch.used').length > 1")
    assert "the sea" in names(page)
    for role in ("content", "style"):
        page.get_by_role("button", name=f"Clear the map of the {role}").click()
    until(page, "document.querySelectorAll('.swatch.used').length === 0")
    left = page.locator(".swatch .name").all_inner_texts()
    assert not [each for each in left if each.startswith("class ")]
    assert "the sea" in left


@pytest.mark.long
def test_one_colour_is_said_and_changes_no_map(page: Page, pictures: dict[str, Path], tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    Image.new("RGB", (96, 64), (90, 120, 60)).save(flat)
    choose_pictures(page, {**pictures, "style": flat})
    paint_both(page)
    before = [saved_map(page, role, tmp_path) for role in ("content", "style")]
    page.get_by_role("button", name="Propose maps").click()
    page.locator("#notices", has_text="Only one class was found").wait_for()
    for role, expected in zip(("content", "style"), before, strict=True):
        assert np.array_equal(saved_map(page, role, tmp_path), expected)
    assert page.locator("#proposing").is_hidden()


@pytest.mark.long
def test_without_two_pictures_it_says_what_is_lacking(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, {"content": pictures["content"]})
    page.get_by_role("button", name="Propose maps").click()
    page.locator("#notices", has_text="Choose a style picture first").wait_for()


@pytest.mark.long
def test_a_portrait_without_faces_says_so(page: Page, pictures: dict[str, Path]) -> None:
    choose_pictures(page, pictures)
    page.get_by_label("Portrait (faces)").check()
    page.get_by_role("button", name="Propose maps").click()
    page.locator("#notices", has_text="No face was found").wait_for()


@pytest.mark.long
def test_a_proposal_is_cancelled_and_overtaken(page: Page, pictures: dict[str, Path]) -> None:
    asked: list[Route] = []
    given_up: list[str] = []
    page.route(ADDRESS, lambda route: asked.append(route))  # noqa: PLW0108 - it names its handler
    page.on("requestfailed", lambda request: given_up.append(request.url))
    choose_pictures(page, pictures)
    button = page.locator("#propose")

    def choose_another() -> None:
        page.set_input_files("#file-style", pictures["content"])

    overtakers: tuple[Callable[[], None], ...] = (button.click, choose_another)
    for overtake in overtakers:
        count = len(given_up)
        button.click()
        page.locator("#proposing", has_text="Comparing").wait_for()
        assert button.inner_text() == "Cancel"
        no_violations(page)
        overtake()
        page.locator("#proposing").wait_for(state="hidden")
        assert button.inner_text() == "Propose maps"
        assert len(given_up) == count + 1
    assert len(asked) == 2


@pytest.mark.long
def test_a_stroke_that_is_being_painted_ends_before_the_proposal(
    page: Page, pictures: dict[str, Path], tmp_path: Path
) -> None:
    """Were it not ended, what it paints afterwards could not be taken back."""
    waiting: list[Route] = []
    page.route(ADDRESS, lambda route: waiting.append(route))  # noqa: PLW0108
    choose_pictures(page, pictures)
    page.locator("#propose").click()
    until(page, "document.getElementById('proposing').hidden === false")
    canvas = page.locator("#canvas-content")
    palette(page, "building")
    page.mouse.move(*at(canvas, 0.4, 0.5))
    page.mouse.down()
    page.mouse.move(*at(canvas, 0.5, 0.5), steps=4)
    waiting[0].continue_()
    page.locator("#notices", has_text="classes are proposed").wait_for()
    page.mouse.move(*at(canvas, 0.8, 0.8), steps=4)
    page.mouse.up()
    assert "#ff8000" not in colours(saved_map(page, "content", tmp_path))
    page.get_by_role("button", name="Undo on the content").click()
    assert colours(saved_map(page, "content", tmp_path)) == {"#ff0000", "#ff8000"}


@pytest.mark.long
def test_the_button_has_its_place_on_a_phone(page: Page, server: Server, pictures: dict[str, Path]) -> None:
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 844})
    choose_pictures(page, pictures)
    assert page.locator("#propose").is_visible()
    no_overflow(page, PHONE_WIDTH)
