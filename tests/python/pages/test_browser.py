"""The pages in a real browser: Chromium, driven as a person would."""

import html
import io
import os
import re
import shutil
import struct
import sys
import wave
from datetime import date, datetime, time
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from conftest import NEW_YEAR, ROOT, crowd, play, serving, song
from sunorecsys.api.settings import hash_of
from sunorecsys.release import files

USER = "listener-005"
CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ,
    reason="needs Debian's package chromium",
)

WEEKS = [date(2025, 1, 6), date(2025, 1, 13)]
HOSTILE = [
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "' onmouseover='window.hacked = 1",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 10_000,
    "\u202e\u2066right to left\u200f",
    "</title></bdi></li></ol><h1>Owned</h1>",
    "javascript:window.hacked=1",
    "\N{ZERO WIDTH SPACE}",
    "a\u0300" * 300,
]

# what ids end with
ODD = ["<i>&\"'", "/../%2F?a=b&c#d", "\\ \u00fc\u6f22\u202e+;", "x" * 500]
EXPERIMENT = """\
experiment,variant,is_control,share,starts_on,ends_on
words,classic,true,0.5,2025-01-01,
words,by_text,false,0.5,2025-01-01,
"""


def odd(name):
    """Return an id of an id like s07 or u07."""
    return name + ODD[int(name[1:]) % len(ODD)]


def strangers(workspace):
    """Two weeks of songs whose every text comes from somebody who means harm.

    Two blends are tried side by side, and every other listener plays a song of the
    first list.
    """
    reference = workspace.root / "seeds" / "reference"
    (reference / "experiments.csv").write_text(EXPERIMENT)
    weights = (reference / "channel_weights.csv").read_text().splitlines()
    by_text = [line.replace("classic", "by_text") for line in weights[1:]]
    (reference / "channel_weights.csv").write_text("\n".join([*weights, *by_text, ""]))
    hostile = {
        "audio_url": "javascript:window.hacked=1",
        "image_url": "data:image/svg+xml,<svg onload='window.hacked=1'/>",
    }
    rows = []
    for number in range(90):
        text = HOSTILE[number % len(HOSTILE)]
        rows.append(
            song(
                number,
                song_id=odd(f"s{number:02}"),
                title=text,
                creator_id=f"c{number % 45}",
                creator_name=text,
                tags=f"rock, {text[:300]}",
                prompt=f"[Verse]\n{text} river word{number % 7}",
                **hostile,
            )
        )
    workspace.land("songs", rows)
    events = [
        one | {"song_id": odd(one["song_id"]), "user_id": odd(one["user_id"])}
        for one in crowd(60, 14, each=8)
    ]
    for event in events:
        event["occurred_at"] += (WEEKS[0] - NEW_YEAR.date()) / 2
    workspace.land("interactions", events)
    workspace.build("--as-of", str(WEEKS[0]))
    workspace.leave_out_tests()
    first = workspace.query(
        "select user_id, song_id from discover_weekly where playlist_rank = 1 "
        "order by all"
    )
    heard = datetime.combine(WEEKS[0], time(12))
    plays = [play(user, one, occurred_at=heard) for user, one in first[::2]]
    workspace.land("interactions", plays, "answers.parquet")
    workspace.build("--as-of", str(WEEKS[1]))


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        # there is no sandbox for root
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def own_server(sample_project, tmp_path_factory):
    twin = sample_project.twin(tmp_path_factory.mktemp("seen") / "project")
    with serving(twin) as running:
        yield running


@pytest.fixture(scope="module")
def strange_server(builds, tmp_path_factory):
    twin = builds.get("strangers", strangers).twin(
        tmp_path_factory.mktemp("strangers") / "project"
    )
    hashes = {"SUNORECSYS_WRITE_TOKEN_SHA256": hash_of("writer")}
    with serving(twin, **hashes) as running:
        yield running


class Window:
    """A page of a browser, and what went wrong in it."""

    def __init__(self, browser, server, **settings):
        self.context = browser.new_context(
            base_url=f"http://127.0.0.1:{server.port}",
            viewport={"width": 1280, "height": 900},
            **settings,
        )
        # covers and songs of elsewhere are not to be had here
        self.context.route(re.compile("^https://"), lambda route: route.abort())
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.trouble: list[str] = []
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message) -> None:
        if message.type == "error" and "ERR_FAILED" not in message.text:
            self.trouble.append(message.text)

    def songs(self, inside="#playlist"):
        return self.page.locator(f"{inside} .song").evaluate_all(
            "songs => songs.map(song => song.dataset.song)"
        )

    def has_no_trouble(self):
        assert self.trouble == []
        assert self.page.evaluate("window.hacked") is None


@pytest.fixture
def window(browser, own_server):
    opened = Window(browser, own_server)
    yield opened
    opened.has_no_trouble()
    opened.context.close()


def test_find_a_listener_by_typing_and_read_why(window):
    page = window.page
    page.goto("/")
    page.get_by_label("Listener", exact=True).press_sequentially("ner-005")
    expect(page.locator("#found li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Discover Weekly")).to_be_visible()
    assert len(window.songs()) == 30
    opener = page.locator("[data-expand]").first
    assert opener.get_attribute("aria-expanded") == "false"
    opener.click()
    opened = page.locator(".opened")
    expect(opened.get_by_role("heading", name="songs led here")).to_be_visible()
    score = page.locator(".song .score span").first.inner_text()
    assert opened.locator("[data-score]").inner_text() == score
    assert opener.get_attribute("aria-expanded") == "true"
    opener.click()
    expect(opened).to_have_count(0)


def test_not_for_me_takes_the_song_away_at_once_and_for_good(window):
    page = window.page
    page.goto(f"/?user={USER}")
    before = window.songs()
    page.locator(".song").nth(2).get_by_role("button", name="Not for me").click()
    gone = page.locator(f'.song[data-song="{before[2]}"]')
    expect(gone).to_be_hidden()
    expect(page.locator("#says")).to_contain_text("is gone")
    after = window.songs()
    assert before[2] not in after
    assert len(after) == 30
    page.reload()
    assert window.songs() == after
    # the list that came anew works as the first one
    page.locator("[data-expand]").first.click()
    expect(page.locator(".opened")).to_be_visible()


def test_songs_are_refused_by_keyboard_alone(window):
    page = window.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("listener-006")
    expect(page.locator("#found li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Discover Weekly")).to_be_visible()
    before = window.songs()
    focused = "document.activeElement.getAttribute('aria-label')"
    for _ in range(40):
        page.keyboard.press("Tab")
        if (page.evaluate(focused) or "").startswith("Why "):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".opened")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".opened")).to_have_count(0)
    page.keyboard.press("Tab")
    for count in (1, 2):
        title = page.locator(".song .title").first.inner_text()
        assert page.evaluate(focused) == f"Not for me: {title}"
        page.keyboard.press("Enter")
        expect(page.locator("#says")).to_have_text(f"{title} is gone.")
        # the next one may be refused at once
        assert not set(before[:count]) & set(window.songs())


def test_a_refused_song_stays_away_when_one_goes_back_and_in_other_tabs(window):
    page = window.page
    page.goto("/?user=listener-008")
    other = window.context.new_page()
    other.goto("/?user=listener-008")
    gone = window.songs()[0]
    page.locator(".song").first.get_by_role("button", name="Not for me").click()
    expect(page.locator("#says")).to_contain_text("is gone")
    # a tab that does not know it yet may say it again
    theirs = other.locator(f'.song[data-song="{gone}"]')
    theirs.get_by_role("button", name="Not for me").click()
    expect(other.locator("#says")).to_contain_text("is gone")
    expect(theirs).to_have_count(0)
    page.locator(".song .title").first.click()
    expect(page.get_by_role("heading", name="How often it is served")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Discover Weekly")).to_be_visible()
    assert gone not in window.songs()


def test_a_refusal_that_fails_brings_the_song_back(window):
    page = window.page
    page.goto(f"/?user={USER}")
    page.route("**/not-for-me", lambda route: route.abort())
    before = window.songs()
    page.locator(".song").first.get_by_role("button", name="Not for me").click()
    expect(page.locator("#says")).not_to_be_empty()
    expect(page.locator(".song").first).to_be_visible()
    assert window.songs() == before
    window.trouble.clear()


def test_why_not_a_song_that_one_searches(window):
    page = window.page
    page.goto(f"/?user={USER}")
    page.get_by_role("link", name="Why not …?").click()
    page.get_by_label("Song", exact=True).press_sequentially("tide season")
    page.get_by_role("link", name="Why not Tide Season?").click()
    expect(page.get_by_role("heading", name="What keeps it out")).to_be_visible()
    assert page.locator(".rules li").first.inner_text().strip()


def test_sliders_blend_anew_and_the_songs_move(window):
    page = window.page
    page.goto(f"/what-if?user={USER}")
    expect(page.get_by_text("As the release has it")).to_be_visible()
    before = window.songs("#blended")
    page.get_by_role("slider", name="Sounds alike").fill("0.9")
    expect(page.locator("#blended .over")).to_contain_text("songs moved")
    expected = page.evaluate(
        "fetch(location.pathname + '?user=listener-005&content=0.9')"
        ".then(answer => answer.text())"
    )
    assert window.songs("#blended") == re.findall(
        r'<li class="song" data-song="([^"]+)"', expected
    )
    assert window.songs("#blended") != before
    expect(page.locator(".move.up").first).to_be_visible()
    weights = page.get_by_label("For the next build").input_value()
    assert weights.startswith("--weights item_cf=")
    assert "content=0.90" in weights
    page.get_by_role("link", name="Reset").click()
    expect(page.get_by_text("As the release has it")).to_be_visible()
    assert window.songs("#blended") == before


def test_the_copied_weights_are_those_of_the_command_line(browser, own_server):
    allowed = ["clipboard-read", "clipboard-write"]
    window = Window(browser, own_server, permissions=allowed)
    window.page.goto(f"/what-if?user={USER}&prompt=0.4")
    window.page.get_by_role("button", name="Copy").click()
    expect(window.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = window.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(
        r"--weights item_cf=0\.\d\d,content=0\.\d\d,prompt=0\.40,"
        r"user_cf=0\.\d\d,quality=0\.\d\d",
        copied,
    )
    window.has_no_trouble()
    window.context.close()


def test_a_mix_from_songs_that_were_found(window):
    page = window.page
    page.goto("/songs")
    page.get_by_label("Song", exact=True).press_sequentially("piano")
    page.get_by_role("link", name=re.compile("^Add .* to the tray")).first.click()
    page.get_by_role("link", name=re.compile("^Add .* to the tray")).first.click()
    tray = page.get_by_role("complementary", name="Tray")
    expect(tray.locator("li")).to_have_count(2)
    page.get_by_role("link", name="Make a mix from these 2").click()
    expect(page.get_by_text("A mix of 30 songs")).to_be_visible()
    page.locator(".song .title").first.click()
    expect(page.get_by_role("heading", name="How often it is served")).to_be_visible()


def tone(seconds):
    """Return a WAV file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(2 * 8000 * seconds))
    return file.getvalue()


def test_a_song_plays_until_its_end_or_one_stops_it(window):
    page = window.page
    page.goto(f"/?user={USER}")
    asked = []

    def answer(route):
        asked.append(route.request.url)
        route.fulfill(body=tone(2), content_type="audio/wav")

    page.route(re.compile("^https://audio"), answer)
    first, second = page.locator(".song .play").nth(0), page.locator(".play").nth(1)
    title = page.locator(".song .title").first.inner_text()
    page.locator(".song").first.hover()
    # another song of the list may have the same title
    page.get_by_role("link", name=f"Play {title}", exact=True).first.click()
    player = page.locator("#player")
    expect(player).to_contain_text(title)
    played = player.get_by_role("progressbar")
    expect(played).not_to_have_js_property("value", 0)
    expect(player.locator("[data-state]")).to_have_text("")
    assert asked[-1] == first.get_attribute("href")
    # another one takes its place
    page.locator(".song").nth(1).hover()
    second.click()
    expect(first).not_to_have_class(re.compile("on"))
    expect(played).not_to_have_js_property("value", 0)
    assert asked[-1] == second.get_attribute("href")
    page.get_by_role("button", name="Stop").click()
    expect(player).to_be_hidden()
    first.focus()
    page.keyboard.press("Enter")
    expect(player).to_be_visible()
    # the end
    expect(player).to_be_hidden(timeout=10_000)


def test_a_song_that_cannot_be_played_says_so(window):
    page = window.page
    page.goto(f"/?user={USER}")
    page.locator(".song").first.hover()
    page.locator(".song .play").first.click()
    expect(page.locator("#player")).to_contain_text("cannot be played")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#player")).to_be_hidden()


def test_everything_but_the_sliders_works_without_scripts(browser, own_server):
    window = Window(browser, own_server, java_script_enabled=False)
    page = window.page
    page.goto("/")
    page.get_by_label("Listener", exact=True).fill("listener-007")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="listener-007").click()
    titles = page.locator("#playlist .title").all_inner_texts()
    page.locator("[data-expand]").first.click()
    expect(page.get_by_role("heading", name="songs led here")).to_be_visible()
    page.go_back()
    page.locator(".song").first.get_by_role("button", name="Not for me").click()
    page.wait_for_url("**/?user=listener-007")
    assert page.locator("#playlist .title").all_inner_texts() != titles
    page.get_by_role("link", name="What if").click()
    page.get_by_role("slider", name="Written alike").press("End")
    page.get_by_role("button", name="Blend").click()
    expect(page.locator("#blended .over")).to_contain_text("songs moved")
    page.context.close()


VIEWS = [
    "/",
    f"/?user={USER}",
    f"/why?user={USER}&song=song-0404",
    f"/what-if?user={USER}&content=0.7",
    "/song?id=song-0404",
    "/songs?q=piano&seed=song-0404",
    "/mix?seed=song-0404",
    f"/why-not-search?user={USER}&q=tide",
    "/ops",
    "/sign-in",
    "/song?id=nosuch",
]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_fits_and_axe_finds_nothing_serious(browser, own_server, theme, width):
    window = Window(browser, own_server, color_scheme=theme, reduced_motion="reduce")
    window.page.set_viewport_size({"width": width, "height": 780})
    for address in VIEWS:
        window.page.goto(address)
        if "/?user" in address:
            window.page.locator("[data-expand]").first.click()
            expect(window.page.locator(".opened")).to_be_visible()
        wide = window.page.evaluate(
            "document.documentElement.scrollWidth - window.innerWidth"
        )
        assert wide <= 0, address
        found = Axe().run(window.page).response["violations"]
        serious = [
            (address, one["id"], one["nodes"][0]["html"][:300])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []
    # nothing that the policy forbids; the last page is of a song that is unknown
    assert [one for one in window.trouble if "404 (Not Found)" not in one] == []
    window.context.close()


def test_hostile_titles_stay_text(browser, strange_server):
    window = Window(browser, strange_server)
    page = window.page
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto("/sign-in")
    page.get_by_label("Token").fill("writer")
    page.get_by_role("button", name="Sign in").click()
    page.goto("/")
    page.locator("#found a").first.click()
    songs = window.songs()
    assert len(songs) >= 20
    user = page.locator("input[name=user]").first.input_value()
    for address in ("song", "songs", "ops", "mix", "why", "what-if", "why-not-search"):
        page.evaluate(
            """([address, user, song]) => location.assign('/' + address + '?' +
            new URLSearchParams({user, song, id: song, seed: song, q: '<script>'}))""",
            [address, user, songs[0]],
        )
        page.wait_for_url(f"**/{address}?*")
        page.wait_for_load_state()
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, address
        assert page.locator("h1", has_text="Owned").count() <= 1
        assert page.locator("main bdi *").count() == 0
        assert page.locator("[data-audio], .cover img, main script").count() == 0
        assert page.locator("a[href^='javascript'], a[href^='data']").count() == 0
        assert len(page.content()) < 400_000
    window.has_no_trouble()
    window.context.close()


def test_an_experiment_is_told_of_as_the_release_has_it(browser, strange_server):
    window = Window(browser, strange_server)
    window.page.goto("/ops")
    expected = strange_server.workspace.query(
        """
        select variant, is_control, metric, listeners, value, difference
        from experiment_results
        order by metric, is_control desc
        """
    )
    assert len(expected) == 4
    # every other listener played the first song
    assert all(value > 0 for *_, value, _ in expected)
    rows = window.page.get_by_role("region", name="Experiments").locator("tbody tr")
    expect(rows).to_have_count(4)
    for row, one in enumerate(expected):
        variant, is_control, metric, listeners, value, difference = one
        cells = rows.nth(row).locator("th, td").all_inner_texts()
        assert cells[:3] == ["words", variant + " (control)" * is_control, metric]
        assert cells[3] == str(listeners)
        assert cells[4].split(" ")[0] == f"{value:.3f}"
        assert cells[5].split(" ")[0] == ("" if is_control else f"{difference:+.3f}")
    window.has_no_trouble()
    window.context.close()


def test_earlier_weeks_and_what_changed(browser, strange_server):
    window = Window(browser, strange_server)
    page = window.page
    page.goto("/")
    page.locator("#found a").first.click()
    now = window.songs()
    expect(page.locator(".change")).to_contain_text("since the week before")
    page.get_by_label("Week of").select_option(str(WEEKS[0]))
    expect(page.get_by_text("An earlier week")).to_be_visible()
    before = window.songs()
    user = page.locator("input[name=user]").first.input_value()
    for week, shown in zip(WEEKS, (before, now), strict=True):
        stored = strange_server.workspace.query(
            "select song_id from playlist($1, week := $2) order by playlist_rank",
            user,
            week,
        )
        assert shown == [song for (song,) in stored]
    window.has_no_trouble()
    window.context.close()


def test_a_rollback_serves_at_once_and_every_page_says_so(browser, strange_server):
    window = Window(browser, strange_server)
    page = window.page
    newest, older = (
        file.stem for file in files(strange_server.workspace.root / "releases")
    )
    page.goto("/ops")
    expect(page.get_by_role("button", name="Let it serve")).to_have_count(0)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Token").fill("writer")
    page.get_by_role("button", name="Sign in").click()
    page.goto("/ops")
    # who is asked may say no
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Let it serve").click()
    expect(page.locator("footer")).to_contain_text(newest)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Let it serve").click()
    expect(page.locator(".banner")).to_contain_text(
        f"An earlier release serves: {older}"
    )
    page.goto("/")
    expect(page.locator(".banner")).to_contain_text(newest)
    page.locator("#found a").first.click()
    expect(page.get_by_text("This week")).to_be_visible()
    assert len(window.songs()) >= 20
    assert strange_server.workspace.current.resolve().stem == older
    page.goto("/ops")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Let it serve").click()
    expect(page.locator(".banner")).to_have_count(0)
    window.has_no_trouble()
    window.context.close()


def test_the_builds_of_the_operator_are_those_that_were_recorded(
    browser, strange_server
):
    window = Window(browser, strange_server)
    window.page.goto("/ops")
    rows = window.page.locator("[aria-label=Builds] tbody tr")
    expect(rows).to_have_count(2)
    for row, file in enumerate(files(strange_server.workspace.root / "releases")):
        expect(rows.nth(row)).to_contain_text("published")
        expect(rows.nth(row)).to_contain_text(file.stem)
    # two weeks are a plot, drawn of the table below it
    expect(window.page.locator("[data-plot=coverage] canvas")).to_be_visible()
    legend = window.page.locator("[data-plot=coverage] .u-legend")
    expect(legend).to_contain_text(str(WEEKS[1]))
    window.has_no_trouble()
    window.context.close()


def test_listeners_and_songs_of_any_id_are_found_and_told_of(strange_server):
    server = strange_server
    known = server.workspace.query("select user_id from listeners")
    users = [user for (user,) in known]
    assert {user[3:] for user in users} == set(ODD)
    headers = {"Authorization": "Bearer writer", "Sec-Fetch-Site": "same-origin"}
    for user in users[:8]:

        def seen(path, user=user, **params):
            answer = server.client.get(path, params={"user": user} | params)
            assert answer.status_code == 200, (path, user)
            return answer.text

        found = server.client.get("/listeners", params={"q": user[:200]}).text
        assert html.escape(f"/?{urlencode({'user': user})}") in found
        told = re.findall(r'data-song="([^"]*)"', seen("/"))
        songs = [html.unescape(song) for song in told]
        assert len(songs) >= 20
        for one in songs[:4]:
            assert "led here" in seen("/why", song=one)
            assert server.client.get("/song", params={"id": one}).status_code == 200
        seen("/what-if", content=0.9)
        form = {"user": user, "song": songs[-1]}
        told = server.client.post("/not-for-me", data=form, headers=headers)
        assert told.headers["location"] == f"/?{urlencode({'user': user})}"
        page = server.client.get(told.headers["location"]).text
        assert f'data-song="{html.escape(songs[-1])}"' not in page


def test_one_command_takes_the_pictures(sample_project, tmp_path):
    script = ROOT / "python" / "screenshots" / "take.py"
    where = ("--project", sample_project.root, "--to", tmp_path, "--pages", "weekly")
    done = sample_project.run(sys.executable, script, *where)
    assert done.returncode == 0, done.stderr
    sizes = {
        file.name: struct.unpack(">II", file.read_bytes()[16:24])
        for file in tmp_path.iterdir()
    }
    assert sizes == {
        f"weekly-{width}-{theme}.png": (width, height)
        for width, height in ((360, 780), (1280, 860))
        for theme in ("light", "dark")
    }
