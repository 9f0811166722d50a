"""A reader without a mouse: Tab from control to control, and keys on the one that has the focus."""

import re

from playwright.sync_api import Page

MOST = 150  # stops of the Tab key on one page

_FOCUSED = """
() => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  if (!node || node === document.body) return ""
  const said = node.getAttribute("aria-label")
    || [...(node.labels ?? [])].map((label) => label.innerText).join(" ")
    || document.getElementById(node.getAttribute("aria-labelledby") ?? "")?.innerText
    || (node.matches("a, button, summary, [role]") && node.innerText) || node.value || ""
  return `${node.getAttribute("role") ?? node.tagName.toLowerCase()}: ${said.trim()}`
}
"""


def focused(page: Page) -> str:
    """What has the focus: its role and its name, as a screen reader would say them."""
    said: str = page.evaluate(_FOCUSED)
    return said


def tab_to(page: Page, pattern: str) -> None:
    """Press Tab until what has the focus is called so; fails with all that was met on the way."""
    met = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        met.append(focused(page))
        if re.search(pattern, met[-1]):
            return
    raise AssertionError(f"nothing called {pattern!r} is reached by the Tab key, only\n" + "\n".join(met))


def press(page: Page, pattern: str, key: str = "Enter") -> None:
    """Go to a control and press a key on it."""
    tab_to(page, pattern)
    page.keyboard.press(key)
