"""The numbers of the studio's settings: what may be written, what empty means, what is told and when."""

import json

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.studio_server import Server
from tests.test_studio_page import (
    browser,
    context,
    page,
    pictures,
    pytestmark,
    ready,
    set_value,
    still_page,
)

__all__ = ["browser", "context", "page", "pictures", "pytestmark", "still_page"]  # fixtures

WEIGHT = {"name": "content_weight", "kind": "float", "minimum": 0, "maximum": 1e9, "excludes_minimum": False}
SIZE = {"name": "size", "kind": "int", "minimum": 32, "maximum": 100_000, "excludes_minimum": False}
SCALE = {"name": "style_scale", "kind": "float", "minimum": 0, "maximum": 8, "excludes_minimum": True}


def read(page: Page, text: str, setting: dict[str, object]) -> dict[str, object]:
    """What the page makes of a written number, where the preset has 7."""
    source = "async ([text, setting]) => (await import('/static/settings.js')).readNumber(text, setting, 7)"
    return dict(page.evaluate(source, [text, setting]))


@pytest.mark.parametrize(
    ("text", "setting", "value"),
    [
        ("1.5", WEIGHT, 1.5),
        ("1,5", WEIGHT, 1.5),
        (" 0,25 ", WEIGHT, 0.25),
        ("2e3", WEIGHT, 2000),
        ("", WEIGHT, 7),
        ("512", SIZE, 512),
        ("0.5", SCALE, 0.5),
    ],
)
def test_numbers_are_read_as_they_are_written(
    still_page: Page, text: str, setting: dict[str, object], value: float
) -> None:
    assert read(still_page, text, setting) == {"value": value}


@pytest.mark.parametrize(
    ("text", "setting", "says"),
    [
        ("12.5", SIZE, "Longest side must be a whole number, 32 to 100000; it cannot be “12.5”."),
        ("31", SIZE, "Longest side must be a whole number, 32 to 100000; it cannot be “31”."),
        ("-1", WEIGHT, "Shapes of the content must be a number, 0 or more; it cannot be “-1”."),
        ("0", SCALE, "Size of the strokes must be a number, more than 0, at most 8; it cannot be “0”."),
        ("much", WEIGHT, "Shapes of the content must be a number, 0 or more; it cannot be “much”."),
        (
            "1,000",
            WEIGHT,
            "Shapes of the content must be a number, 0 or more; "
            "“1,000” could be two numbers: write 1000 or 1.000.",
        ),
    ],
)
def test_what_is_no_number_here_is_said(
    still_page: Page, text: str, setting: dict[str, object], says: str
) -> None:
    assert read(still_page, text, setting) == {"problem": says}


@pytest.mark.long
def test_a_wrong_number_is_told_at_its_field_and_beside_run(page: Page) -> None:
    set_value(page, "content_weight", "-3")
    field, wrong = page.locator("#set-content_weight"), page.locator("#set-content_weight-wrong")
    assert wrong.is_visible()
    assert field.get_attribute("aria-invalid") == "true"
    assert "-wrong" in str(field.get_attribute("aria-describedby"))
    page.locator("#run-hint", has_text="Shapes of the content must be").wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.locator("#run").click()
    page.locator("#notices", has_text="Shapes of the content must be").wait_for()
    assert "POST" not in sent, "told before anything was sent"
    set_value(page, "content_weight", "3")
    assert wrong.is_hidden()
    assert field.get_attribute("aria-invalid") == "false"


@pytest.mark.long
def test_an_emptied_field_is_the_presets(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    ready(page, server.address)
    schema = json.loads(context.request.get(f"{server.address}api/settings").text())
    usual = {each["name"]: each["default"] for each in schema["settings"]}
    preset, name, value = next(
        (preset["name"], name, value)
        for preset in schema["presets"]
        for name, value in preset["values"].items()
        if name.endswith("_weight") and value != usual[name]
    )
    page.locator(f"#presets input[value='{preset}']").check(force=True)
    field = page.locator(f"#set-{name}")
    set_value(page, name, "")
    assert float(field.input_value()) == value != usual[name]
    row = page.locator(".setting", has=field)
    assert "changed" not in str(row.get_attribute("class"))
    assert f"this preset has {value:g}" in row.inner_text()
    assert "default" not in row.inner_text()


@pytest.mark.long
def test_the_page_names_no_option_of_the_command_line(page: Page) -> None:
    words = page.evaluate(
        """async () => {
          const {inPageWords} = await import("/static/setting_words.js");
          return inPageWords("use a smaller --size or --style-scale, or more --memory; well-kept");
        }"""
    )
    assert words == (
        "use a smaller “Longest side” or “Size of the strokes”, "
        "or more “Memory” (chosen where the studio is started); well-kept"
    )
    page.evaluate("document.getElementById('advanced').open = true")
    titles = page.locator("#view-settings [title]").evaluate_all("all => all.map((each) => each.title)")
    assert len(titles) > 10
    assert [text for text in [*titles, page.locator("body").inner_text()] if "--" in text] == []


@pytest.mark.long
def test_warnings_call_settings_as_the_page_does(page: Page) -> None:
    words = page.evaluate(
        """async () => {
          const {inPageWords} = await import("/static/setting_words.js");
          return ["semantic_weight is 20.0 and has no effect: there are no maps",
            "statistics is regions and has no effect: there are no maps",
            "scheme is g and has no effect: local_weight and global_weight are 0, so no layers are fused",
            "the style map lacks my_own (3% of the content)"].map(inPageWords);
        }"""
    )
    assert words == [
        "“Strictness of the maps” is 20.0 and has no effect: there are no maps",
        "“Statistics” is regions and has no effect: there are no maps",
        "“Scheme” is g and has no effect: “Brush strokes of the style” and “Colours of the whole” are 0, "
        "so no layers are fused",
        "the style map lacks my_own (3% of the content)",
    ]
