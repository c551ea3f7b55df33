"""The report in a real browser: both themes, paper, wide and narrow; silent, offline, and alive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from synthetic import synthetic_run

from gridstone.report import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (apt-get install chromium)")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-quic"
).split()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(synthetic_run(tmp_path_factory.mktemp("runs"), hostile=True))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def noise() -> list[str]:
    """What a page said or asked for that it should not have."""
    return []


def _open(browser: Browser, report: Path, noise: list[str], *, theme: str = "light", width: int = 1280) -> Page:
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.on("console", lambda message: noise.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: None if request.url == report.as_uri() else noise.append(request.url))
    page.goto(report.as_uri())
    return page


def _luminance(page: Page, selector: str, style: str) -> float:
    """Relative luminance (WCAG) of a computed colour."""
    text = page.eval_on_selector(selector, f"e => getComputedStyle(e).{style}")
    channels = [int(v) / 255 for v in text[text.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(page: Page, selector: str, style: str = "color") -> float:
    one, two = _luminance(page, selector, style), _luminance(page, "body", "backgroundColor")
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_silent_offline_and_no_wider_than_its_window(
    browser: Browser, report: Path, noise: list[str], theme: str, width: int
) -> None:
    page = _open(browser, report, noise, theme=theme, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert noise == []


def test_what_others_published_is_read_without_scrolling(browser: Browser, report: Path, noise: list[str]) -> None:
    page = _open(browser, report, noise)
    long = "a remark on how this was found that is far longer than any number, and takes several lines to say"
    page.evaluate("text => document.querySelector('.published .num small').textContent = text", long)
    shown = page.evaluate(
        "() => { const t = document.querySelector('.published');"
        " return [t.scrollWidth, t.parentElement.clientWidth, t.rows[1].cells[3].clientWidth]; }"
    )
    table, room, published = shown
    assert table <= room and published > 0.3 * room
    narrow = _open(browser, report, noise, width=390)
    widths = narrow.evaluate("() => [...document.querySelectorAll('.published td')].map(cell => cell.offsetWidth)")
    assert min(widths) > 0.9 * 390 - 32, "on a phone cells lie above each other"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_figures_stand_out_in_both_themes(
    browser: Browser, report: Path, noise: list[str], theme: str
) -> None:
    page = _open(browser, report, noise, theme=theme)
    assert (_luminance(page, "body", "backgroundColor") < 0.1) == (theme == "dark")
    assert all(_contrast(page, selector) >= 4.5 for selector in ("h1", ".lead", ".caption", "nav a", ".counts .bad"))
    assert _contrast(page, "figure svg text", "fill") >= 4.5


def test_paper_is_white_even_from_a_dark_screen(browser: Browser, report: Path, noise: list[str]) -> None:
    page = _open(browser, report, noise, theme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert _luminance(page, "body", "backgroundColor") > 0.9
    assert not page.is_visible("nav") and not page.is_visible(".command button")
    assert page.is_visible("figure svg")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert noise == []


def test_a_table_opens_and_sorts_by_value_not_by_text(browser: Browser, report: Path, noise: list[str]) -> None:
    page = _open(browser, report, noise)
    details = page.locator("details", has_text="latency/pointer_chase").first
    assert not details.locator("table").is_visible()
    details.locator("summary").click()
    assert details.locator("table").is_visible()
    names = details.locator("th").all_inner_texts()
    column = next(i for i, name in enumerate(names) if name.startswith("value"))

    def shown() -> list[float]:
        raw = details.locator(f"tbody tr td:nth-child({column + 1})").evaluate_all(
            "cells => cells.map(c => c.dataset.v ?? c.textContent)"
        )
        known = [float(v) for v in raw if v]
        assert raw[: len(known)] == [v for v in raw if v], "missing values are last in both directions"
        return known

    header = details.locator("th button").nth(column)
    header.click()
    up = shown()
    assert up == sorted(up) and len(up) > 100
    header.click()
    assert shown() == sorted(up, reverse=True)
    assert details.locator("th").nth(column).get_attribute("aria-sort") == "descending"
    assert noise == []


def test_csv_and_command_are_copied(browser: Browser, report: Path, noise: list[str]) -> None:
    page = _open(browser, report, noise)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    details = page.locator("details", has_text="launch/sync").first
    details.locator("summary").click()
    details.locator("[data-csv]").click()
    details.locator("[data-csv]", has_text="copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").strip().split("\n")
    assert lines[0].startswith("method,metric,value,low,high")
    assert len(lines) == 6 and '""&\'' in lines[1], "a quote within a field is doubled"
    page.locator("#launch [data-copy]").click()
    page.locator("#launch [data-copy]", has_text="copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("gridstone run launch/graph")
    assert noise == []
