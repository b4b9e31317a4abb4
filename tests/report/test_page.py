"""report.html in a browser: what it asks for, how wide it is, and all that can be done with it."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.report.browser import Page, opened

LIMIT = 3_000_000


@pytest.fixture(scope="module")
def page(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(built / "report.html", tmp_path_factory.mktemp("profile"), 1280) as found:
        yield found


@pytest.fixture
def fresh(page: Page) -> Page:
    """The page as it is when it has just been opened."""
    page.driver.refresh()
    return page


@pytest.fixture(scope="module")
def report(built: Path) -> dict[str, object]:
    return json.loads((built / "report.json").read_text(encoding="utf-8"))


def number(text: str) -> int:
    return int(re.search(r"[\d,]+", text)[0].replace(",", ""))  # type: ignore[index]


def test_it_is_one_small_file(built: Path) -> None:
    assert (built / "report.html").stat().st_size < LIMIT


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_asked_for_and_nothing_overflows(built: Path, tmp_path: Path, width: int, dark: bool) -> None:
    with opened(built / "report.html", tmp_path, width, dark) as page:
        for summary in page.all("summary"):
            page.run("arguments[0].parentElement.open = true", summary)
        asked = [url for url in page.requests() if not url.startswith("data:")]
        assert (asked, page.complaints) == ([(built / "report.html").as_uri()], [])
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
        assert ("rgb(24, 23, 21)" in str(page.run("return getComputedStyle(document.body).backgroundColor"))) == dark


def test_the_text_is_escaped(page: Page) -> None:
    assert page.one(".about").text == 'Small digits </script> & "quotes"'
    assert 'description: Small digits </script> & "quotes"' in page.one(".listing").text


def test_dark_and_light(fresh: Page) -> None:
    before = fresh.run("return getComputedStyle(document.body).backgroundColor")
    fresh.click("#theme")
    assert fresh.run("return getComputedStyle(document.body).backgroundColor") != before
    fresh.driver.refresh()  # it is remembered
    assert fresh.run("return getComputedStyle(document.body).backgroundColor") != before
    fresh.click("#theme")
    assert fresh.run("return getComputedStyle(document.body).backgroundColor") == before


def test_the_treemap_opens_and_closes(fresh: Page, report: dict[str, dict[str, int]]) -> None:
    frames = fresh.all("#treemap .frame")
    assert sum(number(frame.get_attribute("aria-label").split(":")[1]) for frame in frames) == report["program"]["used"]
    fresh.click("#treemap [aria-label^='dense_1:'] > span")
    name = fresh.one("#treemap .frame").get_attribute("aria-label")
    assert name.startswith("dense_1: ")
    assert len(fresh.all("#treemap .frame")) == 1
    parts = [number(each.get_attribute("aria-label").split(":")[1]) for each in fresh.all("#treemap .symbol")]
    assert sum(parts) == number(name.split(":")[1])
    ActionChains(fresh.driver).send_keys(Keys.ESCAPE).perform()
    assert len(fresh.all("#treemap .frame")) == len(frames)


def test_the_treemap_by_keyboard(fresh: Page) -> None:
    fresh.run("document.querySelector('#treemap [tabindex=\"0\"]').focus()")
    first = fresh.one("#memory-detail").text
    ActionChains(fresh.driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert fresh.one("#memory-detail").text not in ("", first)
    ActionChains(fresh.driver).send_keys(Keys.ARROW_LEFT, Keys.ENTER).perform()
    assert len(fresh.all("#treemap .frame")) == 1
    on_top = (  # the frame has the focus, and yet its symbols are to be seen
        "const e = document.querySelector('#treemap .symbol'); e.scrollIntoView({block: 'center'});"
        "const b = e.getBoundingClientRect();"
        "return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2).closest('.symbol') === e"
    )
    assert fresh.run(on_top)
    fresh.click("#up")
    assert len(fresh.all("#treemap .frame")) > 1


def test_data_memory_and_what_is_free(fresh: Page, report: dict[str, dict[str, int]]) -> None:
    fresh.click("[data-memory=data]")
    fresh.click("#free")
    labels = [each.get_attribute("aria-label") for each in fresh.all("#treemap .frame")]
    sizes = {label.split(":")[0]: number(label.split(":")[1]) for label in labels}
    data = report["data"]
    assert sizes == {
        "activations": data["activations"],
        "static": data["static"],
        "stack, worst case": data["stack"],
        "free": data["budget"] - data["used"],
    }


def test_a_symbol_s_area_is_in_proportion(fresh: Page) -> None:
    fresh.click("#treemap .frame > span")  # the largest
    boxes = fresh.run(
        "return [...document.querySelectorAll('#treemap .symbol')].map("
        "e => [e.getAttribute('aria-label'), e.offsetWidth * e.offsetHeight])"
    )
    assert isinstance(boxes, list)
    large = [(number(label.split(":")[1]), area) for label, area in boxes if area > 4000]
    density = [area / size for size, area in large]
    assert len(large) >= 2
    assert max(density) < 1.15 * min(density)


def test_time_opens_into_functions(fresh: Page, report: dict[str, dict[str, int]]) -> None:
    fresh.click(".times summary")
    body = "return [...document.querySelectorAll('.times td[data-value]:nth-child(2)')].map(e => +e.dataset.value)"
    cycles = fresh.run(body)
    assert isinstance(cycles, list)
    assert sum(cycles) == report["latency"]["cycles"]
    assert fresh.one(".times details").get_attribute("open") is not None


def test_tables_sort_both_ways(fresh: Page) -> None:
    def column() -> list[float]:
        found = fresh.run(
            "return [...document.querySelectorAll('#layer-table td:nth-child(4)')].map(e => +e.dataset.value)"
        )
        assert isinstance(found, list)
        return found

    head = "#layer-table th:nth-child(4)"
    fresh.click(f"{head} button")
    assert (column(), fresh.one(head).get_attribute("aria-sort")) == ([512, 80], "descending")
    fresh.click(f"{head} button")
    assert (column(), fresh.one(head).get_attribute("aria-sort")) == ([80, 512], "ascending")


def test_a_layer_shows_its_histograms(fresh: Page) -> None:
    assert fresh.one("#layer-panel h3").text == "dense_1"
    fresh.click("#layer-table tr[data-layer='1'] button")
    assert fresh.one("#layer-panel h3").text == "dense_2"
    weights, activations = fresh.all("#layer-panel svg")
    assert weights.get_attribute("aria-label") == "Weights: 80 values over the codes −128 to 127"
    assert activations.get_attribute("aria-label") == "Activations: 2,560 values over the codes −128 to 127"
    before = fresh.one("#layer-panel .bars.values").get_attribute("d")
    fresh.click("#logarithmic")
    assert fresh.one("#layer-panel .bars.values").get_attribute("d") != before


def test_scales_of_the_training_have_round_figures_within_what_was_measured(fresh: Page, built: Path) -> None:
    epochs = json.loads((built / "model.history.json").read_text(encoding="utf-8"))["epochs"]
    for name, unit in (("loss", 1), ("accuracy", 100)):
        chart = next(each for each in fresh.all("#curves .chart") if each.text.startswith(name))
        texts = [each.text for each in chart.find_elements("css selector", "svg text[text-anchor=end]")]
        shown = [float(text.removesuffix(" %")) / unit for text in texts]
        measured = [epoch[key] for epoch in epochs for key in (name, f"validation_{name}")]
        assert 2 <= len(shown) <= 5
        assert min(measured) <= min(shown) and max(shown) <= max(measured)
        step = shown[1] - shown[0]
        assert [b - a for a, b in itertools.pairwise(shown)] == pytest.approx([step] * (len(shown) - 1))
        assert f"{step:.0e}"[0] in "125"


def test_bytes_are_called_bytes(fresh: Page) -> None:
    assert all(each.text.endswith(" B") for each in fresh.all(".figure:has(.meter) dd"))
    heads = [each.text for each in fresh.all("#treemap .frame > span") if any(map(str.isdigit, each.text.split()[-1]))]
    assert all(re.search(r"[\d,]+ B$|_\d+$", head) for head in heads)
    assert [each.text for each in fresh.all("table.candidates th[scope=col]")][-1] == "flash, B"


def test_a_histogram_tells_its_counts(fresh: Page) -> None:
    """The counts under the cursor, over all codes, are all weights."""
    svg = fresh.one("#layer-panel svg")
    fresh.run("arguments[0].focus()", svg)
    ActionChains(fresh.driver).send_keys(Keys.HOME).perform()
    assert fresh.one("#tip").text.startswith("code −128")
    seen = fresh.run(
        "const svg = arguments[0]; const seen = [];"
        "for (let i = 0; i < 256; i += 1) {"
        "  seen.push(svg.getAttribute('aria-valuetext'));"
        "  svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'})); }"
        "return seen;",
        svg,
    )
    assert isinstance(seen, list)
    assert sum(number(text.split(", ", 1)[1]) for text in seen) == 512
    ActionChains(fresh.driver).send_keys(Keys.ESCAPE).perform()
    assert not fresh.one("#tip").is_displayed()


def test_the_course_of_training(fresh: Page, built: Path) -> None:
    last = json.loads((built / "model.history.json").read_text(encoding="utf-8"))["epochs"][-1]
    accuracy = next(each for each in fresh.all("#curves .chart") if each.text.startswith("accuracy"))
    fresh.run("arguments[0].focus()", accuracy.find_element("css selector", "svg"))
    ActionChains(fresh.driver).send_keys(Keys.END).perform()
    assert fresh.one("#tip").text == (
        f"epoch 4\nvalidation {100 * last['validation_accuracy']:.2f} %\ntraining {100 * last['accuracy']:.2f} %"
    )


def test_the_matrix_picks_the_samples(fresh: Page, report: dict[str, dict[str, float]]) -> None:
    right = fresh.run("return [...document.querySelectorAll('#confusion .same')].map(e => +e.dataset.count)")
    assert isinstance(right, list)
    assert sum(right) / 597 == pytest.approx(report["accuracy"]["quantized"])
    cell = max(fresh.all("#confusion td.wrong"), key=lambda each: int(each.get_attribute("data-count")))
    fresh.run("arguments[0].firstChild.click()", cell)
    pictures = fresh.all("#wrong button")
    assert len(pictures) == int(cell.get_attribute("data-count"))
    said = f"{cell.get_attribute('data-right')} → {cell.get_attribute('data-says')}"
    assert {picture.text for picture in pictures} == {said}
    fresh.click("#all-samples")
    assert len(fresh.all("#wrong button")) == min(60, 597 - sum(right))


def test_a_picture_shows_its_scores(fresh: Page, digits_pixels: dict[int, list[int]]) -> None:
    fresh.run("arguments[0].click()", fresh.all("#wrong button")[1])
    assert len(fresh.all("#sample-detail .scores i")) == 10
    index = number(fresh.one("#sample-detail p").text)
    drawn = fresh.run(
        "const c = document.querySelector('#sample-detail canvas');"
        "return [...c.getContext('2d').getImageData(0, 0, 8, 8).data].filter((_, i) => i % 4 === 0)"
    )
    assert drawn == digits_pixels[index]


@pytest.fixture(scope="module")
def digits_data(built: Path) -> Path:
    """The samples of the model, among those of others."""
    plans = (built.parent / "datasets").glob("*.json")
    (data,) = (path.with_suffix(".npz") for path in plans if "digits" in path.read_text(encoding="utf-8"))
    return data


@pytest.fixture(scope="module")
def digits_pixels(digits_data: Path) -> dict[int, list[int]]:
    import numpy as np

    with np.load(digits_data) as archive:
        return {n: image.ravel().tolist() for n, image in enumerate(archive["x_test"])}


def test_what_changed_since_the_last_build(page: Page, report: dict[str, dict[str, float]]) -> None:
    """The build before was for a clock of 16 MHz."""
    rows = {row.text.split("\n")[0]: row for row in page.all("#changes tbody tr")}
    mean = next(row for text, row in rows.items() if text.startswith("time, mean"))
    ms = report["latency"]["ms"]
    assert [cell.text for cell in mean.find_elements("css selector", "td")] == [
        f"{1.25 * ms:.3f} ms", f"{ms:.3f} ms", f"−{0.25 * ms:.3f} ms", "better",
    ]  # fmt: skip


def test_everything_is_reached_by_keyboard(fresh: Page) -> None:
    """Tab comes to each section's controls, and whatever has the focus shows it."""
    reached = set()
    for _ in range(400):
        ActionChains(fresh.driver).send_keys(Keys.TAB).perform()
        section, visible = fresh.run(
            "const e = document.activeElement; return [e.closest('section')?.id ?? e.id, "
            "e === document.body || getComputedStyle(e).outlineStyle !== 'none']"
        )  # type: ignore[misc]
        assert visible
        reached.add(section)
        if section == "manifest":
            break
    assert {"theme", "changes", "memory", "time", "layers", "training", "answers", "manifest"} <= reached


def made(built: Path, folder: Path, **other: Path) -> Path:
    """The page that the stage makes, as SCons runs it, but with ``other`` files than the build's."""
    given = {
        "budgets": "plan/memory.json", "quantization": "plan/quantization.json", "memory": "memory.json",
        "latency": "latency.json", "accuracy": "accuracy.json", "ranges": "ranges.json", "description": "network.json",
        "elf": "firmware.elf", "host": "host/network", "network": "quantized.npz", "model": "model.h5",
        "history": "model.history.json", "manifest": built.parents[1] / "models/digits.yaml",
        "output": folder / "digits/report.html", **other,
    }  # fmt: skip
    words = [word for name, path in given.items() for word in (f"--{name}", str(built / path))]
    subprocess.run(
        [sys.executable, "-m", "toolchain", "report", *words], cwd=built.parents[1], check=True, capture_output=True
    )
    return folder / "digits/report.html"


def test_samples_that_are_no_pictures_have_a_table(built: Path, digits_data: Path, tmp_path: Path) -> None:
    """The same digits as rows of 64 values, of which the first stand there."""
    with np.load(digits_data) as archive:
        rows = {
            name: archive[name].reshape(len(archive[name]), -1) if name[0] == "x" else archive[name] for name in archive
        }
    np.savez(tmp_path / "rows.npz", **rows)
    with opened(made(built, tmp_path, dataset=tmp_path / "rows.npz"), tmp_path / "profile", 400) as page:
        assert "picture" not in page.one("#answers .lead").text
        index, *_, values = [cell.text for cell in page.all("#sample-table tbody tr:first-child td")]
        assert values == ", ".join(f"{float(value)}" for value in rows["x_test"][int(index)][:16]) + ", …"
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_model_that_does_not_fit_has_a_page(built: Path, digits_data: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "memory.json"
    budgets.write_text(json.dumps({"program": 2000, "data": 6144}), encoding="utf-8")
    file = made(built, tmp_path, budgets=budgets, dataset=digits_data)
    with opened(file, tmp_path / "profile", 400) as page:
        assert page.one(".verdict").text.startswith("Does not fit the ATmega4809")
        assert re.search(r"of 2,000 B, [\d,]+ B too many", page.one(".figure .of").text)
        assert page.all("#changes") == []  # there is no build before in that folder
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")
