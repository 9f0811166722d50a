// A grid of clickable pictures. Streamlit calls `show` first and whenever the data change;
// the returned function is called only when the component is removed, so listeners are added once and tiles are reused.

const MARKS = { rejected: "✕", wrong: "≠", selected: "✓" }
const MARK_TEXTS = { rejected: "rejected", wrong: "differs", selected: "selected" }
const PREVIEW_DELAY = 120 // ms
const GAP = 8 // px between a tile and its preview
const EXPIRY = 10_000 // ms after which an unacknowledged click is dropped
const galleries = new WeakMap()
const live = new Set()
let focused // what had the focus last: the label of its gallery and its row
document.addEventListener("pointerdown", () => (focused = undefined), true)

export default function show({ parentElement, data, setTriggerValue }) {
  let gallery = galleries.get(parentElement)
  if (!gallery) {
    gallery = create(parentElement)
    galleries.set(parentElement, gallery)
    live.add(gallery)
  }
  gallery.send = (row, key) => send(gallery, row, key, setTriggerValue)
  update(gallery, data)
  return () => {
    clearTimeout(gallery.timer)
    document.removeEventListener("keydown", gallery.enter)
    gallery.grid.remove()
    gallery.preview.remove()
    galleries.delete(parentElement)
    live.delete(gallery)
    setTimeout(refocus)
  }
}

function element(tag, className, parent) {
  const node = document.createElement(tag)
  node.className = className
  parent?.append(node)
  return node
}

function create(parent) {
  const grid = element("div", "grid", parent)
  grid.setAttribute("role", "group")
  const preview = element("img", "preview", parent)
  preview.alt = ""
  preview.popover = "manual" // the top layer: no container can cut it off
  const gallery = { grid, preview, tiles: new Map(), data: {}, clicks: [], timer: 0 }
  grid.addEventListener("click", (event) => {
    const tile = tileOf(event)
    if (tile) gallery.send(Number(tile.dataset.row), event.target.closest(".open") ? "Enter" : "")
  })
  grid.addEventListener("keydown", (event) => onKey(gallery, event))
  gallery.enter = (event) => enter(gallery, event)
  document.addEventListener("keydown", gallery.enter)
  grid.addEventListener("focusin", (event) => {
    const tile = tileOf(event)
    if (!tile) return
    makeCurrent(gallery, tile)
    focused = { label: gallery.data.label, row: tile.dataset.row }
    if (tile.matches(":focus-visible")) enlarge(gallery, tile)
  })
  grid.addEventListener("focusout", (event) => {
    shrink(gallery)
    if (event.relatedTarget) focused = undefined // not when the page draws it anew
  })
  grid.addEventListener("pointerover", (event) => {
    const tile = tileOf(event)
    if (tile && event.pointerType === "mouse") enlarge(gallery, tile)
  })
  grid.addEventListener("pointerout", () => shrink(gallery))
  // A missing image is shown as a card with its row until the next update requests it again.
  grid.addEventListener("error", (event) => (event.target.dataset.missing = "yes"), true)
  return gallery
}

// Of two clicks between reruns the server sees only the later one: each carries all unacknowledged earlier ones.
function send(gallery, row, key, setTriggerValue) {
  const n = Math.max(Date.now(), gallery.data.heard + 1, (gallery.clicks.at(-1)?.n ?? 0) + 1)
  const earlier = gallery.clicks.filter((click) => click.n > gallery.data.heard && click.n > n - EXPIRY)
  gallery.clicks = [...earlier, { row, key, n }]
  setTriggerValue("clicked", { row, key, n, earlier })
}

function tileOf(event) {
  return event.target.closest?.(".tile")
}

// --- tiles ---------------------------------------------------------------------------------

function update(gallery, data) {
  const { grid, tiles } = gallery
  gallery.data = data
  grid.setAttribute("aria-label", data.label)
  grid.style.setProperty("--size", `${data.size}px`)
  grid.classList.toggle("pixelated", data.pixelated)
  gallery.preview.classList.toggle("pixelated", data.pixelated)
  const seen = new Map()
  const shown = new Map()
  for (const [row, caption, mark] of data.tiles) {
    const times = (seen.get(row) ?? 0) + 1
    seen.set(row, times)
    const key = `${row}/${times}`
    const tile = tiles.get(key) ?? createTile(row)
    fill(tile, data, row, caption, mark)
    shown.set(key, tile)
  }
  for (const [key, tile] of tiles) if (!shown.has(key)) tile.remove()
  gallery.tiles = shown
  let next = grid.firstElementChild
  for (const tile of shown.values()) {
    if (tile === next) next = next.nextElementSibling
    else grid.insertBefore(tile, next)
  }
  const current = grid.querySelector('.tile[tabindex="0"]') ?? grid.firstElementChild
  if (current) makeCurrent(gallery, current)
  refocus()
  if (gallery.enlarged && !gallery.enlarged.isConnected) shrink(gallery)
}

function createTile(row) {
  const tile = element("button", "tile")
  tile.type = "button"
  tile.tabIndex = -1
  tile.dataset.row = row
  const frame = element("span", "frame", tile)
  element("span", "card", frame).textContent = `row ${row}`
  element("span", "mark", frame).setAttribute("aria-hidden", "true")
  element("span", "open", frame).textContent = "↗"
  element("span", "caption", tile).setAttribute("aria-hidden", "true")
  return tile
}

function fill(tile, data, row, caption, mark) {
  const text = [`sample ${row}`, caption, MARK_TEXTS[mark]].filter(Boolean).join(", ")
  tile.setAttribute("aria-label", text)
  tile.dataset.mark = mark
  setText(tile.querySelector(".mark"), MARKS[mark] ?? "")
  setText(tile.querySelector(".caption"), caption)
  const open = tile.querySelector(".open")
  open.hidden = !data.opens
  open.title = "Open on Explore (Enter)"
  const frame = tile.firstElementChild
  let image = frame.querySelector("img")
  if (!data.url) return image?.remove()
  if (!image) {
    image = document.createElement("img")
    image.loading = "lazy"
    image.decoding = "async"
    image.draggable = false
    frame.prepend(image)
  }
  image.alt = text
  const source = data.url + row + data.query
  if (image.getAttribute("src") !== source || image.dataset.missing) {
    delete image.dataset.missing
    image.src = source
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

// --- keyboard ------------------------------------------------------------------------------

// The grid is one tab stop; arrow keys move within it. Enter and Space click, as on every button.
function makeCurrent(gallery, tile) {
  for (const other of gallery.grid.querySelectorAll('.tile[tabindex="0"]')) other.tabIndex = -1
  tile.tabIndex = 0
}

function onKey(gallery, event) {
  if (event.key === "Escape") return shrink(gallery)
  const tile = tileOf(event)
  if (!tile || event.ctrlKey || event.altKey || event.metaKey) return
  const tiles = [...gallery.grid.children]
  const index = tiles.indexOf(tile)
  const below = tiles.findIndex((other) => other.offsetTop > tiles[0].offsetTop)
  const columns = below < 0 ? tiles.length : below
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -index, End: tiles.length - 1 - index }
  if (gallery.data.keys.includes(event.key)) {
    event.preventDefault()
    return gallery.send(Number(tile.dataset.row), event.key)
  }
  if (!(event.key in steps)) return
  event.preventDefault()
  tiles[index + steps[event.key]]?.focus()
}

// A gallery that is drawn anew takes over the focus of the one before, whichever comes or goes first.
function refocus() {
  if (!focused || document.activeElement !== document.body) return
  for (const { grid, data } of live)
    if (data.label === focused.label) grid.querySelector(`.tile[data-row="${focused.row}"]`)?.focus()
}

// An arrow key that nothing else has a use for goes to the page's main gallery.
function enter(gallery, event) {
  const idle = event.composedPath()[0] === document.body && !event.defaultPrevented
  if (!gallery.data.main || !idle || !/^Arrow/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return
  event.preventDefault()
  gallery.grid.querySelector('.tile[tabindex="0"]')?.focus()
}

// --- the enlarged picture --------------------------------------------------------------------

function enlarge(gallery, tile) {
  const image = tile.querySelector("img")
  if (gallery.enlarged === tile) return
  shrink(gallery)
  if (!image || image.dataset.missing) return
  gallery.enlarged = tile
  gallery.timer = setTimeout(async () => {
    const { preview, data } = gallery
    preview.src = data.url + tile.dataset.row + data.preview
    await preview.decode().catch(() => {}) // the previous picture must not flash
    if (gallery.enlarged !== tile || !tile.isConnected) return
    preview.showPopover?.()
    positionNextTo(preview, tile.firstElementChild.getBoundingClientRect(), 3 * data.size)
  }, PREVIEW_DELAY)
}

function shrink(gallery) {
  clearTimeout(gallery.timer)
  gallery.enlarged = undefined
  if (gallery.preview.matches(":popover-open")) gallery.preview.hidePopover()
}

function positionNextTo(preview, box, side) {
  const right = box.right + GAP
  const left = right + side <= innerWidth ? right : Math.max(0, box.left - GAP - side)
  const middle = box.top + box.height / 2 - side / 2
  const top = Math.max(GAP, Math.min(middle, innerHeight - side - GAP))
  Object.assign(preview.style, { left: `${left}px`, top: `${top}px`, width: `${side}px`, height: `${side}px` })
}
