// Sort pictures into groups by dragging, by two clicks or by keyboard. Streamlit calls `show` first and
// whenever the data change; the returned function is called only when the component is removed.

const EXPIRY = 10_000 // ms after which an unacknowledged move is dropped
const tables = new WeakMap()

export default function show({ parentElement, data, setTriggerValue }) {
  let table = tables.get(parentElement)
  if (!table) {
    table = create(parentElement)
    tables.set(parentElement, table)
  }
  table.send = (row, bin) => send(table, row, bin, setTriggerValue)
  update(table, data)
  return () => {
    table.root.remove()
    tables.delete(parentElement)
  }
}

function element(tag, className, parent) {
  const node = document.createElement(tag)
  node.className = className
  parent?.append(node)
  return node
}

function create(parent) {
  const root = element("div", "sorting", parent)
  const said = element("p", "said", root)
  said.setAttribute("aria-live", "polite")
  const tray = zone(root, "tray")
  const shelf = element("div", "bins", root)
  const table = { root, said, tray, shelf, bins: [], tiles: new Map(), moves: [], data: {}, held: null }
  tray.head.addEventListener("click", () => drop(table, -1))
  root.addEventListener("click", (event) => {
    const tile = event.target.closest?.(".tile")
    if (tile) hold(table, table.held === tile ? null : tile)
  })
  root.addEventListener("keydown", (event) => onKey(table, event))
  root.addEventListener("focusin", (event) => {
    const tile = event.target.closest?.(".tile")
    if (tile) makeCurrent(tile)
  })
  for (const name of ["dragstart", "dragover", "dragleave", "drop", "dragend"])
    root.addEventListener(name, (event) => onDrag(table, event))
  return table
}

// A zone is a heading, on which the held picture is dropped, and the pictures in it.
function zone(parent, kind) {
  const box = element("section", `zone ${kind}`, parent)
  const head = element("button", "head", box)
  head.type = "button"
  const grid = element("div", "grid", box)
  grid.setAttribute("role", "group")
  return { box, head, grid }
}

// --- layout -------------------------------------------------------------------------

function update(table, data) {
  table.data = data
  table.moves = table.moves.filter((move) => move.n > data.heard && move.n > Date.now() - EXPIRY)
  table.root.style.setProperty("--size", `${data.size}px`)
  table.root.classList.toggle("pixelated", data.pixelated)
  while (table.bins.length < data.bins.length) {
    const bin = zone(table.shelf, "bin")
    const number = table.bins.length
    bin.head.addEventListener("click", () => drop(table, number))
    table.bins.push(bin)
  }
  while (table.bins.length > data.bins.length) table.bins.pop().box.remove()
  const bins = new Map(data.tiles)
  for (const { row, bin } of table.moves) if (bins.has(row) && bin < data.bins.length) bins.set(row, bin)
  for (const [row, tile] of table.tiles) if (!bins.has(row)) [tile.remove(), table.tiles.delete(row)]
  for (const [row, bin] of bins) place(table, row, bin)
  label(table)
}

function place(table, row, bin) {
  let tile = table.tiles.get(row)
  if (!tile) {
    tile = element("button", "tile")
    tile.type = "button"
    tile.draggable = true
    tile.dataset.row = row
    tile.tabIndex = -1
    table.tiles.set(row, tile)
  }
  picture(tile, table.data, row)
  const grid = (table.bins[bin] ?? table.tray).grid
  if (tile.parentElement === grid) return
  const focused = tile.matches(":focus")
  tile.tabIndex = -1
  grid.append(tile)
  tile.dataset.bin = bin
  if (focused) tile.focus()
}

function picture(tile, data, row) {
  const source = data.url && data.url + row + data.query
  if (tile.dataset.source === String(source)) return
  tile.dataset.source = source
  tile.replaceChildren()
  if (!source) return (element("span", "card", tile).textContent = `row ${row}`)
  const image = element("img", "", tile)
  image.alt = ""
  image.draggable = false
  image.src = source
}

function label(table) {
  const zones = [[table.tray, table.data.tray], ...table.bins.map((bin, k) => [bin, table.data.bins[k]])]
  zones.forEach(([{ box, head, grid }, name], number) => {
    const count = grid.children.length
    head.textContent = number && number < 10 ? `${number} · ${name} (${count})` : `${name} (${count})`
    head.setAttribute("aria-label", `${name}, ${count} pictures${table.held ? ": put the picture here" : ""}`)
    grid.setAttribute("aria-label", name)
    for (const tile of grid.children) tile.setAttribute("aria-label", `picture ${tile.dataset.row}, ${name}`)
    if (!grid.querySelector('[tabindex="0"]') && grid.firstElementChild) makeCurrent(grid.firstElementChild)
    box.classList.toggle("ready", Boolean(table.held))
  })
}

// --- moving ------------------------------------------------------------------------------------

function move(table, tile, bin) {
  if (Number(tile.dataset.bin) === bin) return
  place(table, Number(tile.dataset.row), bin)
  tile.tabIndex = -1
  table.said.textContent = `picture ${tile.dataset.row}: ${bin < 0 ? table.data.tray : table.data.bins[bin]}`
  table.send(Number(tile.dataset.row), bin)
}

function send(table, row, bin, setTriggerValue) {
  const n = Math.max(Date.now(), table.data.heard + 1, (table.moves.at(-1)?.n ?? 0) + 1)
  const earlier = table.moves.filter((move) => move.n > table.data.heard)
  table.moves = [...earlier, { row, bin, n }]
  setTriggerValue("moved", { row, bin, n, earlier })
}

function hold(table, tile) {
  table.held?.classList.remove("held")
  table.held?.removeAttribute("aria-pressed")
  table.held = tile
  tile?.classList.add("held")
  tile?.setAttribute("aria-pressed", "true")
  label(table)
}

function drop(table, bin) {
  if (!table.held) return
  const tile = table.held
  hold(table, null)
  move(table, tile, bin)
  label(table)
}

function onDrag(table, event) {
  const tile = event.target.closest?.(".tile")
  const box = event.target.closest?.(".zone")
  if (event.type === "dragstart" && tile) return hold(table, tile)
  if (event.type === "dragend") return hold(table, null)
  if (!box) return
  box.classList.toggle("over", event.type === "dragover")
  if (event.type === "dragover") event.preventDefault()
  if (event.type !== "drop") return
  event.preventDefault()
  drop(table, table.bins.findIndex((bin) => bin.box === box))
}

// --- keyboard ------------------------------------------------------------------------------------

// The pictures of a zone are one tab stop; arrow keys move within it. A digit sorts the picture at once.
function makeCurrent(tile) {
  for (const other of tile.parentElement.children) other.tabIndex = -1
  tile.tabIndex = 0
}

function onKey(table, event) {
  const tile = event.target.closest?.(".tile")
  if (event.key === "Escape") return hold(table, null)
  if (!tile || event.ctrlKey || event.altKey || event.metaKey) return
  const tiles = [...tile.parentElement.children]
  const index = tiles.indexOf(tile)
  if (/^[0-9]$/.test(event.key) && Number(event.key) <= table.bins.length) {
    event.preventDefault()
    const next = tiles[index + 1] ?? tiles[index - 1]
    hold(table, null)
    move(table, tile, Number(event.key) - 1)
    label(table)
    return (next ?? tile).focus()
  }
  const columns = Math.max(1, tiles.filter((other) => other.offsetTop === tiles[0].offsetTop).length)
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -index, End: tiles.length - 1 - index }
  if (!(event.key in steps)) return
  event.preventDefault()
  tiles[index + steps[event.key]]?.focus()
}
