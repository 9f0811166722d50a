"""In a real browser: the widget of a notebook, with its messages carried to Python as Jupyter carries them."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import hume
from hume import Store
from hume.reporting.explorer import Explorer
from tests.support.app_driver import birds, quick, save_maps
from tests.support.chromium import circle

# A model as anywidget gives one to a widget: traits, changes to them, and messages with buffers.
PAGE = """
<div id="cell"></div>
<script type="module">
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)
const traits = JSON.parse(await window.traits())
for (const key in traits.arrays) traits.arrays[key] = bytes(traits.arrays[key])
const [heard, changed] = [new Map(), new Set()]
const tell = (event, ...values) => heard.get(event)?.forEach((act) => act(...values))
const model = {
  get: (name) => traits[name],
  set: (name, value) => { traits[name] = value; changed.add(name) },
  on: (event, act) => heard.set(event, [...(heard.get(event) ?? []), act]),
  off: (event, act) => heard.set(event, (heard.get(event) ?? []).filter((other) => other !== act)),
  save_changes: async () => {
    const sent = Object.fromEntries([...changed].map((name) => [name, traits[name]]))
    changed.clear()
    for (const name in sent) tell(`change:${name}`)
    for (const [name, value] of Object.entries(JSON.parse(await window.changed(JSON.stringify(sent))))) {
      traits[name] = value
      tell(`change:${name}`)
    }
    window.saved = Object.keys(sent)
  },
  send: async (content) => {
    for (const [answer, buffers] of JSON.parse(await window.asked(JSON.stringify(content)))) {
      tell("msg:custom", answer, buffers.map(bytes))
    }
  },
}
const source = URL.createObjectURL(new Blob([await window.script()], { type: "text/javascript" }))
const { default: widget } = await import(source)
window.remove = widget.render({ model, el: document.getElementById("cell") })
</script>
"""

PICTURED = """() => {
  const pictures = document.querySelector("#cell").shadowRoot.querySelectorAll(".wall img")
  return [...pictures].every((picture) => picture.naturalWidth === 12)
}"""


@pytest.fixture
def widget(tmp_path: Any) -> Explorer:
    """Samples in four clouds, with pictures of random dots."""
    store = Store(tmp_path)
    dataset = birds(store)
    dots = np.random.default_rng(0).integers(0, 256, (240, 12, 12), np.uint8)
    np.save(dataset.folder / "images.npy", dots)
    dataset = store.load_dataset("birds")
    save_maps(store, dataset)
    return hume.explore(quick(store, dataset, "run"))


def show(page: Page, widget: Explorer) -> None:
    """Put the widget on a page and carry its messages."""

    def text(content: bytes) -> str:
        return base64.b64encode(content).decode()

    def traits() -> str:
        arrays = {key: text(array) for key, array in widget.arrays.items()}
        return json.dumps({"scene": widget.scene, "arrays": arrays, "selected": widget.selected, "opened": None})

    def changed(values: str) -> str:
        for name, value in json.loads(values).items():
            setattr(widget, name, value)
        return json.dumps({"selected": widget.selected})

    def asked(content: str) -> str:
        sent: list[Any] = []
        widget.send = lambda answer, buffers: sent.append((answer, [text(each) for each in buffers]))
        widget._asked(widget, json.loads(content), [])
        return json.dumps(sent)

    for name, act in {"traits": traits, "changed": changed, "asked": asked, "script": lambda: widget._esm}.items():
        page.expose_function(name, act)
    page.goto("about:blank")
    page.set_content(PAGE)


def test_a_lasso_selects_in_python_and_shows_the_pictures_of_those_rows(page: Page, widget: Explorer) -> None:
    show(page, widget)
    stage = page.locator(".stage").first
    expect(page.get_by_text("Circle samples on the map to see them here.")).to_be_visible()
    circle(page, stage)
    expect(page.locator(".wall p")).to_contain_text("samples selected")
    rows = widget.selection
    assert rows.size > 0
    expect(page.locator(".wall img")).to_have_count(min(60, rows.size))
    page.wait_for_function(PICTURED)
    assert page.locator(".wall button").first.get_attribute("title") == f"row {rows[0]}"
    page.locator(".wall button").nth(1).click()
    page.wait_for_function("() => window.saved.includes('opened')")
    assert widget.opened == rows[1]


def test_a_widget_that_is_removed_leaves_nothing_behind(page: Page, widget: Explorer) -> None:
    show(page, widget)
    expect(page.locator(".legend button")).to_have_count(4)
    page.evaluate("window.remove()")
    expect(page.locator(".legend button")).to_have_count(0)
