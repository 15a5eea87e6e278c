"""The page in a real browser: it streams and stops, for mouse, keyboard and screen reader, and fits a phone."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from running import EXPERTS, held, running, until

from moesaic.model.decode.generate import generate
from moesaic.model.moe import force_base
from moesaic.serve.guard import Keys, Policy

_PATIENCE_MS = 120_000
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.untraced,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: scripts/install-tools browser, or name one in CHROMIUM"),
]
FOCUSED = "(({id, textContent, value}) => id || textContent || value)(document.activeElement)"
LAYERS = 30
SHOTS = os.environ.get("MOESAIC_SHOTS")  # a folder to look at


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server():
    with running(slots=4, layers=LAYERS) as found:
        yield found


@pytest.fixture
def open_page(browser, server):
    """Opens the page; whatever it logs as an error, or asks from elsewhere, is a failure."""
    contexts, problems = [], []

    def visit(hash_="", url=server.url, **options):
        options = {"viewport": {"width": 1200, "height": 900}, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(url) else problems.append(request.url))
        page.set_default_timeout(_PATIENCE_MS)
        page.goto(f"{url}/{hash_}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [text for text in problems if "status of" not in text] == []


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def write(page, task="Sum of a list", tokens=40):
    page.get_by_label("Task").fill(task)
    page.get_by_text("Settings").click()
    page.get_by_label("Most tokens").fill(str(tokens))
    # It waits for no navigation: none comes, and on a busy machine the stream keeps that wait from ending.
    page.get_by_role("button", name="Write").click(no_wait_after=True)


def done(page, number=3):
    from playwright.sync_api import expect

    expect(page.locator(".state", has_text=re.compile("tokens in"))).to_have_count(number, timeout=_PATIENCE_MS)


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_same_task_is_written_in_all_languages(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.get_by_role("heading", name="pico").wait_for()
    assert violations(page) == []
    write(page)
    done(page)
    assert page.locator("article h2").all_inner_texts() == ["Python", "Java", "C++"]
    for card in page.locator("article").all():
        tokens = card.locator("pre span")
        assert 1 <= tokens.count() <= 40
        colours = tokens.evaluate_all("all => all.map((each) => each.style.getPropertyValue('--c'))")
        assert set(colours) <= {"var(--e0)", "var(--e1)", "var(--e2)"}
        shares = [int(text.split()[0]) for text in card.locator(".share").all_inner_texts()]
        assert sum(shares) == pytest.approx(100, abs=2)
        cells = [float(each) for each in card.locator("td").evaluate_all("all => all.map((each) => each.textContent)")]
        assert len(cells) == LAYERS * len(EXPERTS)
        assert sum(cells) == pytest.approx(100 * LAYERS, abs=LAYERS)
    shoot(page, f"wide-{scheme}")
    assert violations(page) == []


def test_the_base_writes_beside_the_experts(open_page, server):
    page = open_page("#task=Sum+of+a+list&in=python&most=30&temperature=1&seed=3&base=1", color_scheme="light")
    page.get_by_label("Java", exact=True).wait_for()
    page.get_by_role("button", name="Write").click()
    done(page, 2)
    assert page.locator("article h2").all_inner_texts() == ["Python", "Python, base alone"]
    ours, base = page.locator("article").all()
    assert ours.bounding_box()["y"] == base.bounding_box()["y"]
    prompts = server.service.prompts
    prompt = prompts.prompt_ids("Sum of a list", "python")
    with force_base(server.model):
        alone = generate(server.model, [prompt], 30, prompts.stop_ids, temperature=1.0, seed=3)[0]
    texts = base.locator("pre span").all_text_contents()
    assert len(texts) == len(alone.ids)
    half = "\N{REPLACEMENT CHARACTER}"  # a character that the most tokens cut
    assert "".join(texts).rstrip(half) == prompts.text_of(alone.ids).rstrip(half)
    colours = base.locator("pre span").evaluate_all("all => all.map((each) => each.style.getPropertyValue('--c'))")
    assert set(colours) == {"var(--base)"}
    assert base.get_by_role("heading", name="Experts by layer").count() == 0
    page.get_by_text("then another").or_(page.get_by_text("from the first token on")).first.wait_for()
    told = re.search(r"the experts' for (\d+) token", base.locator(".state").inner_text())
    same = int(told[1]) if told else 0
    written = ours.locator("pre span").all_text_contents()
    assert written[:same] == texts[:same]
    assert written[same] != texts[same]
    marked = "all => all.findIndex((each) => each.classList.contains('parts'))"
    assert [card.locator("pre span").evaluate_all(marked) for card in (ours, base)] == [same, same]
    base.locator("pre span").nth(same).hover()
    assert re.fullmatch(r"\S+ probability 0\.\d+\s*", base.locator(".token").inner_text())
    assert violations(page) == []
    shoot(page, "base")


def test_a_base_that_did_not_answer_is_not_compared(open_page):
    page = open_page("#task=Sort&in=python&most=5&base=1")
    page.get_by_label("Java", exact=True).wait_for()
    refused = {"error": {"message": "at most 1 requests at the same time"}}
    page.route(
        "**/v1/chat/completions",
        lambda route: (
            route.fulfill(status=429, json=refused) if route.request.post_data_json.get("base") else route.continue_()
        ),
    )
    page.get_by_role("button", name="Write").click()
    page.get_by_text("at most 1 requests").wait_for()
    page.locator("#write:not([disabled])").wait_for()
    state = page.locator("article").nth(1).locator(".state").inner_text()
    assert state.startswith("failed: 0 tokens in ")
    assert "experts" not in state
    assert page.locator(".parts").count() == 0


@pytest.mark.parametrize("width", [390, 1200])
def test_the_comparison_goes_by_a_link_and_on_a_phone(open_page, width):
    page = open_page("#task=Sort&in=python,java&most=5&base=1", viewport={"width": width, "height": 844})
    page.get_by_label("Java", exact=True).wait_for()
    assert page.get_by_label("with the base beside it").is_checked()
    page.get_by_role("button", name="Write").click()
    done(page, 4)
    assert page.locator("article h2").all_inner_texts() == [
        "Python", "Python, base alone", "Java", "Java, base alone",
    ]  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("link copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith("&seed=0&base=1")
    assert violations(page) == []
    shoot(page, f"base-{width}")


def test_a_token_shows_its_experts_to_mouse_and_keyboard(open_page):
    page = open_page()
    write(page, tokens=20)
    done(page)
    card = page.locator("article").first
    texts = card.locator("pre span").all_text_contents()
    place = next(number for number, text in enumerate(texts) if number and text.isprintable() and text.strip())
    card.locator("pre span").nth(place).hover()
    by_mouse = card.locator(".token").inner_text()
    assert re.search(r"(Python|Java|C\+\+) \d+ %.*probability 0\.\d+", by_mouse)
    card.locator("pre").focus()
    page.keyboard.press("Home")
    card.get_by_text("by layer", exact=True).click()
    first = card.locator(".token").inner_text()
    card.locator("pre").focus()
    for _ in range(place):
        page.keyboard.press("ArrowRight")
    assert card.locator(".token").inner_text().splitlines()[0] == by_mouse.splitlines()[0]
    assert len(re.findall(r"^\d+: ", card.locator(".token").inner_text(), re.MULTILINE)) == LAYERS  # kept open
    assert first != by_mouse
    shoot(page, "token")


def test_everything_is_reached_by_keyboard(open_page):
    page = open_page()
    page.get_by_label("Python").wait_for()
    seen = []
    page.keyboard.press("Tab")
    for _ in range(12):
        seen.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.textContent || document.activeElement.value"
            )
        )
        page.keyboard.press("Tab")
    for wanted in ("Skip to the programs", "task", "python", "java", "cpp", "Settings", "write", "share"):
        assert wanted in seen
    page.get_by_label("Task").focus()
    page.keyboard.type("Sort a list")
    page.keyboard.press("Control+Enter")
    page.locator("article pre span").first.wait_for(state="attached")
    page.keyboard.press("Escape")
    done(page)


def test_stop_frees_the_slots(open_page, server):
    page = open_page()
    with held(steps=5):
        write(page, tokens=1900)
        page.locator("article pre span").nth(2).wait_for(state="attached")
        page.get_by_role("button", name="Stop").click()
        done(page)
        server.until_idle()
    assert "stopped" in page.locator(".state").first.inner_text()
    assert page.get_by_role("button", name="Write").is_enabled()


def test_a_phone_does_not_scroll_sideways(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    write(page, "A task with a very-long-word-" + "x" * 200, 30)
    done(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shoot(page, "phone")
    assert violations(page) == []


def test_a_link_carries_the_task(open_page):
    page = open_page("#task=Reverse+%3Cb%3Ea%3C%2Fb%3E&in=java,cpp&most=7&seed=3")
    page.get_by_label("Java").wait_for()
    assert page.get_by_label("Task").input_value() == "Reverse <b>a</b>"
    assert not page.get_by_label("Python").is_checked()
    page.get_by_role("button", name="Write").click()
    done(page, 2)
    assert "7 tokens" in page.locator(".state").first.inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("link copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url.partition("#")[0] + (
        "#task=Reverse+%3Cb%3Ea%3C%2Fb%3E&in=java%2Ccpp&most=7&temperature=0&seed=3"
    )
    page.get_by_role("button", name="Copy the Java program").click()
    page.get_by_text("Java program copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("article pre").first.text_content()


def test_errors_are_said_in_their_place(open_page):
    page = open_page()
    write(page, "x" * 5000)
    page.locator(".error").first.wait_for()
    assert "tokens; 1 to 2,047 are allowed" in page.locator(".error").first.inner_text()
    assert violations(page) == []
    for box in ("Python", "Java", "C++"):
        page.get_by_label(box, exact=True).first.uncheck()
    page.get_by_role("button", name="Write").click()
    page.get_by_text("choose a language").wait_for()


def test_a_key_is_asked_for(open_page, tmp_path):
    (tmp_path / "keys").write_text("open-sesame\n")
    with running(Policy(keys=Keys.read(tmp_path / "keys"))) as server:
        page = open_page(url=server.url)
        page.get_by_text("a valid API key is needed").wait_for()
        page.get_by_label("API key").fill("open-sesame")
        page.get_by_label("API key").press("Tab")
        page.get_by_label("Python").wait_for()
        page.get_by_label("Task").fill("Sort")
        page.get_by_label("Most tokens").fill("5")
        page.get_by_role("button", name="Write").click()
        done(page)
        assert "open-sesame" not in page.url
        page.close()
        until(lambda: server.service.engine.num_active == 0)


def test_the_page_needs_nothing_from_elsewhere():
    page = (Path(__file__).parents[2] / "src/moesaic/serve/page.html").read_text()
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    assert not re.findall(r"https?://", page)
    assert "innerHTML" not in page
    assert " style=" not in page  # its own policy would not let it
    assert json.dumps(page)


def test_without_traces_the_page_says_so(browser, open_page):
    with running(slots=4, layers=3, like_vllm=True) as found:
        page = open_page(url=found.url)
        page.get_by_text("vLLM runs this model, and does not say which expert writes what").wait_for()
        write(page, tokens=20)
        done(page)
        card = page.locator("article").first
        colours = card.locator("pre span").evaluate_all("all => all.map((each) => each.style.getPropertyValue('--c'))")
        assert set(colours) == {"var(--base)"}
        texts = card.locator("pre span").all_text_contents()
        place = next(number for number, text in enumerate(texts) if text.isprintable() and text.strip())
        card.locator("pre span").nth(place).hover()
        assert re.fullmatch(r"\S+ probability 0\.607\s*", card.locator(".token").inner_text())
        assert page.get_by_role("heading", name="Experts by layer").count() == 0
        assert page.locator("#legend").is_hidden()
        assert page.get_by_label("with the base beside it").is_hidden()
        assert page.get_by_text("known only to moesaic's built-in engine").count() == 1
        assert violations(page) == []
        shoot(page, "vllm")
