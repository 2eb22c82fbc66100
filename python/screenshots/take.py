"""Pictures of the main pages, narrow and wide, in the light and in the dark.

    make screenshots
    python python/screenshots/take.py --project DIR --to FOLDER

Without --project it copies the project to a folder that it removes, ingests the sample
as if it were one's own, and builds and evaluates four weeks. Needs Debian's package
chromium, and what tests need.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
PARTS = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds")
SUNORECSYS = (sys.executable, "-c", "from sunorecsys.cli import main; main()")

WEEKS = ("2025-10-27", "2025-11-03", "2025-11-10")
LISTENER = "listener-005"
PAGES = {
    "weekly": f"/?user={LISTENER}",
    "what_if": f"/what-if?user={LISTENER}&content=0.6",
    "song": "/song?id=song-0404",
    "songs": "/songs?q=dreamy+piano&seed=song-0404&seed=song-0057",
    "operations": "/ops",
}
SIZES = {360: 780, 1280: 860}
THEMES = ("light", "dark")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, help="folder of a built project")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    arguments = parser.parse_args()
    program = shutil.which("chromium")
    if program is None:
        sys.exit("There is no chromium. Install it: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        project = arguments.project
        if project is None:
            project = Path(folder)
            four_weeks(project)
        with served(project) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program,
                # there is no sandbox for root
                args=["--no-sandbox"],
            )
            for name in arguments.pages:
                for path in pictures(browser, address, name, arguments.to):
                    print(path)
            browser.close()


def four_weeks(root: Path) -> None:
    """Build the sample as one's own data, week by week."""
    for part in PARTS:
        source, target = ROOT / part, root / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("*__unit_tests.yml")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
    for kind in ("songs", "interactions", "playlists"):
        sunorecsys(root, "ingest", kind, f"seeds/sample/sample_{kind}.csv")
    for week in WEEKS:
        sunorecsys(root, "build", "--as-of", week)
    sunorecsys(root, "evaluate", "--weeks", "3")
    sunorecsys(root, "build")


def sunorecsys(root: Path, *arguments: str) -> None:
    """Run a command in a project; its notices show how far it is."""
    command = [*SUNORECSYS, *arguments]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a project on a free port, and yield the address."""
    command = [*SUNORECSYS, "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.match(r"Serving on (http://\S+),", line):
                yield found[1]
                break
        else:
            sys.exit(f"The server of {root} has not started.")
    finally:
        server.terminate()
        server.wait()


def pictures(browser: Browser, address: str, name: str, to: Path) -> Iterator[Path]:
    """Write the pictures of one page."""
    for width, height in SIZES.items():
        for theme in THEMES:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                reduced_motion="reduce",
            )
            # covers of the sample are nowhere to be had
            page.route(re.compile("^https://"), lambda route: route.abort())
            page.goto(address + PAGES[name])
            prepare(page, name)
            path = to / f"{name}-{width}-{theme}.png"
            write(page.screenshot(), path)
            page.close()
            yield path


def prepare(page: Page, name: str) -> None:
    """Show what a page is there for."""
    if name == "weekly":
        page.locator("[data-expand]").first.click()
        page.locator(".opened").wait_for()
        page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")


def write(picture: bytes, path: Path) -> None:
    """Write a PNG as small as it gets without losing a color."""
    Image.open(io.BytesIO(picture)).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main()
