// Keys of a page, sent to the server: never while a person types, and only those that nothing on the page had a use for.

const FIELDS = "textarea, select, [contenteditable], [role=combobox], [role=listbox], [role=textbox], [role=grid], [role=dialog]"
const STEERED = "[role=slider], [role=radiogroup], [role=tablist], [type=range], [type=radio]" // by arrow keys
const EXPIRY = 10_000 // ms after which an unacknowledged key is dropped
const SETTLING = [0, 300, 900, 2000] // ms after which what a person opened is where it stays
const pages = new WeakMap()

export default function listen({ parentElement, data, setTriggerValue }) {
  const page = pages.get(parentElement) ?? { pressed: [] }
  Object.assign(page, { data, setTriggerValue })
  reveal(page, data.reveal)
  if (!pages.has(parentElement)) {
    pages.set(parentElement, page)
    page.hear = (event) => hear(page, event)
    document.addEventListener("keydown", page.hear)
  }
  return () => {
    document.removeEventListener("keydown", page.hear)
    pages.delete(parentElement)
  }
}

function hear(page, event) {
  const { data, pressed } = page
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return
  if (!data.keys.includes(event.key) || typing(event)) return
  event.preventDefault()
  const n = Math.max(Date.now(), data.heard + 1, (pressed.at(-1)?.n ?? 0) + 1)
  const earlier = pressed.filter((one) => one.n > data.heard && one.n > n - EXPIRY)
  page.pressed = [...earlier, { key: event.key, n }]
  page.setTriggerValue("pressed", { key: event.key, n, earlier })
}

// On a narrow screen what opens beside the map lies below it.
function reveal(page, opened) {
  if (page.revealed === opened) return
  page.revealed = opened
  if (!opened) return
  const still = new AbortController()
  for (const name of ["wheel", "touchmove", "keydown", "pointerdown"])
    addEventListener(name, () => still.abort(), { once: true, signal: still.signal })
  for (const delay of SETTLING)
    setTimeout(() => {
      if (!still.signal.aborted) document.querySelector(".st-key-opened")?.scrollIntoView({ block: "nearest" })
    }, delay)
}

function typing(event) {
  return event.composedPath().some((node) => {
    if (!(node instanceof Element)) return false
    if (node.matches(FIELDS)) return true
    if (node.matches("input")) return !/^(checkbox|radio|button|range|submit)$/.test(node.type) || arrow(event)
    return arrow(event) && node.matches(STEERED)
  })
}

function arrow(event) {
  return event.key.startsWith("Arrow")
}
