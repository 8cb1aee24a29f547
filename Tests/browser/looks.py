"""Looks at a page as it stands: by axe's rules, in a narrow window, at its title and its forms."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import axe_playwright_python
from person import Person

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
USUAL = {"width": 1280, "height": 1024}
# 1280 by 1024 at 400 %, which is also 320 pixels wide.
NARROW = {"width": 320, "height": 256}
# A folder that pictures of all pages are put into, for people to look at.
SHOTS = os.environ.get("STRONGROOM_TEST_SHOTS")

# Links to a picture that is larger than the one on its page.
PICTURE = re.compile(r"/scans/[0-9a-z]{26}/\d+")

RUN_AXE = """async rules => (await axe.run({runOnly: rules, resultTypes: ['violations']})).violations.flatMap(
    found => found.nodes.map(node => `${found.id}: ${node.target} ${node.failureSummary}`))"""
# What sticks out to the right, unless it moves within a frame of its own.
STICKS_OUT = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [
    `the page is ${document.documentElement.scrollWidth} pixels wide`,
    ...[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)
        .filter(e => !e.closest('.sheet')).map(e => e.outerHTML.slice(0, 200))]"""
FORMS = "() => [...document.forms].filter(f => f.method === 'post').map(f => [f.getAttribute('action'), f.enctype])"


@dataclass
class Look:
    """What was found at one page."""

    who: str
    name: str
    path: str
    title: str
    heading: str
    faults: list
    sticks_out: list

    def __str__(self) -> str:
        return f"{self.who} at {self.name} ({self.path})"


class Looks:
    def __init__(self):
        self.all: list = []
        # Who found a form, its address, and how it is sent.
        self.forms: set = set()
        # Who came to an address by a link.
        self.addresses: set = set()

    def at(self, person: Person, who: str, name: str) -> None:
        """Looks at the page that is open."""
        page = person.page
        page.set_viewport_size(USUAL)
        page.evaluate(AXE)
        faults = page.evaluate(RUN_AXE, RULES)
        page.set_viewport_size(NARROW)
        sticks_out = page.evaluate(STICKS_OUT)
        faults += [f"narrow: {fault}" for fault in page.evaluate(RUN_AXE, RULES)]
        self.forms |= {(who, action, enctype) for action, enctype in page.evaluate(FORMS)}
        self.all.append(Look(who, name, person.path, page.title(), person.heading, faults, sticks_out))
        if SHOTS:
            file = re.sub("[^a-z0-9]+", "-", f"{who} {name}".lower()).strip("-")
            for width in (1280, 400):
                page.set_viewport_size({"width": width, "height": 900})
                page.screenshot(path=f"{SHOTS}/{file}-{width}.png", full_page=True)
        page.set_viewport_size(USUAL)

    def walk(self, person: Person, who: str, *starts: str) -> None:
        """Looks at some pages, and from there on, link by link, at the first of each kind that is new."""
        waiting, seen, kinds = list(starts), set(), {kind_of(path) for one, path in self.addresses if one == who}
        while waiting:
            path = waiting.pop(0).split("#")[0]
            kind = kind_of(path)
            # What is taken as a file is no page.
            if kind in kinds and path not in starts or path in seen or path.split("?")[0].endswith((".csv", ".pdf")) or PICTURE.search(path):
                continue
            seen.add(path)
            kinds.add(kind)
            self.addresses.add((who, path))
            assert person.go(path).ok, path
            self.at(person, who, kind)
            waiting += person.page.evaluate("() => [...document.links].map(a => a.getAttribute('href'))")


def kind_of(path: str) -> str:
    """An address without what it names: `/documents/{id}?page=n`."""
    path = re.sub(r"/P-\w+", "/{pupil}", path)
    path = re.sub(r"/[0-9a-z]{26}(,[0-9a-z]{26})*(?=/|\?|$)", "/{id}", path)
    return re.sub(r"=\d+([/-]\d+)*", "=n", re.sub(r"/\d+", "/{n}", path))
