// One or two maps of the same samples with one selection, a legend and tools. Knows no framework: `host` brings arrays
// by their keys and takes what the reader does: {select: {rows} or {mask}, add}, {open: row}, {missing: true}.

const TOOLS = [
  ["lasso", "Lasso", "Circle samples to select them; hold Shift for a box, Ctrl to add"],
  ["move", "Move", "Drag the map; the wheel enlarges it"],
]
const TYPES = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array }
const MOST_LISTED = 2_000 // rows of a selection that travel as a list; more as bits
const NOBODY = new Uint8Array(0)

function createMap(root, host) {
  const box = node("div", "box", root)
  const wrapper = node("div", "map", box)
  const bar = node("div", "bar", wrapper)
  const stages = node("div", "stages", wrapper)
  const legend = node("div", "legend", wrapper)
  const spoken = node("div", "spoken", wrapper)
  spoken.setAttribute("aria-live", "polite")
  const map = { data: {}, colours: [], selected: null, isolated: [], hovered: null, tool: "lasso", showsNames: true }
  let panels = []
  let [turn, misses, centred, selection] = [0, 0, undefined, undefined]
  const arrays = new Map()

  // --- tools ----------------------------------------------------------------------------------------

  const tools = new Map(TOOLS.map(([name, text, hint]) => [name, button(bar, text, hint, () => use(name))]))
  const names = button(bar, "Names", "Names of classes where they are dense", () => {
    map.showsNames = !map.showsNames
    names.setAttribute("aria-pressed", map.showsNames)
    panels.forEach((panel) => panel.redraw())
  })
  names.setAttribute("aria-pressed", true)
  button(bar, "+", "Enlarge", () => zoom(1.6))
  button(bar, "−", "Shrink", () => zoom(1 / 1.6))
  button(bar, "Whole", "The whole map (Home)", () => panels.forEach((panel) => panel.view.fit()))
  button(bar, "PNG", "Download the map as a picture", save)
  use("lasso")

  function button(parent, text, hint, act) {
    const made = node("button", "", parent)
    Object.assign(made, { type: "button", textContent: text, title: hint })
    if (text.length < 2) made.setAttribute("aria-label", hint)
    made.addEventListener("click", act)
    return made
  }

  function use(name) {
    map.tool = name
    wrapper.dataset.tool = name
    for (const [key, made] of tools) made.setAttribute("aria-pressed", key === name)
  }

  function zoom(times) {
    for (const { view } of panels) view.zoomAt(view.width / 2, view.height / 2, times)
  }

  function save() {
    const sizes = panels.map((panel) => panel.toImage({ drawImage() {} }, 0, 0))
    const sheet = node("canvas")
    sheet.width = sizes.reduce((sum, [width]) => sum + width, 0)
    sheet.height = Math.max(...sizes.map(([, height]) => height))
    const paper = sheet.getContext("2d")
    paper.fillStyle = map.theme.paper
    paper.fillRect(0, 0, sheet.width, sheet.height)
    panels.reduce((left, panel) => left + panel.toImage(paper, left, 0)[0], 0)
    const link = node("a")
    link.href = sheet.toDataURL("image/png")
    link.download = `${map.data.file}.png`
    link.click()
  }

  // --- what panels ask --------------------------------------------------------------------------------

  map.colourOf = (panel) => map.colours[Math.min(panels.indexOf(panel), map.colours.length - 1)]
  map.named = (panel) => {
    const colour = map.colourOf(panel)
    return colour.kind === "classes" ? colour : map.classes ?? { codes: NOBODY, names: [] }
  }
  map.aspect = () => Math.min(...(map.data.panels ?? []).map((panel) => panel.aspect ?? 0)) // of the least wide map
  map.isolates = () => map.isolated.some((codes) => codes.size)
  map.stateOf = (row) => {
    for (let c = 0; c < map.colours.length; c++) {
      if (map.isolated[c].size && !map.isolated[c].has(map.colours[c].codes[row])) return HIDDEN
    }
    return map.selected ? (map.selected[row] ? CHOSEN : DIMMED) : PLAIN
  }
  map.hover = (row) => {
    if (map.hovered === row) return
    map.hovered = row
    panels.forEach((panel) => panel.redraw())
  }
  map.describe = (row) => {
    const { colours, classes } = map
    const shown = colours.some((colour) => colour.title === classes?.title) || !classes ? colours : [classes, ...colours]
    const value = (colour) => {
      if (colour.kind === "values") return `${colour.title}: ${write(colour, colour.values[row])}`
      const name = colour.names[colour.codes[row]] ?? colour.rest
      return shown.length > 1 && colour !== shown[0] ? `${colour.title}: ${name}` : name
    }
    return [...shown.map(value), `row ${row}`].join("\n")
  }
  map.say = (text) => {
    spoken.textContent = text.replaceAll("\n", ", ")
  }
  map.open = (row) => {
    map.data = { ...map.data, opened: row }
    panels.forEach((panel) => panel.redraw())
    host.send({ open: row })
  }
  map.select = (rows, isMore) => {
    const bits = isMore && map.selected ? map.selected.slice() : new Uint8Array(map.data.samples)
    for (const row of rows) bits[row] = 1
    let count = 0
    for (let row = 0; row < bits.length; row++) count += bits[row]
    host.send({ select: count <= MOST_LISTED ? { rows: rowsOf(bits) } : { mask: packed(bits) } })
    panels.forEach((panel) => { panel.givesWay = true })
    choose(count ? bits : null)
    map.say(`${count} samples selected`)
  }
  map.repaint = () => {
    panels.forEach((panel) => panel.paint(map.colourOf(panel)))
    panels.forEach((panel) => panel.mark())
  }

  function choose(bits) {
    map.selected = bits
    panels.forEach((panel) => panel.mark())
  }

  wrapper.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !map.selected) return
    event.preventDefault()
    event.stopPropagation()
    map.select([], false)
  })

  // --- legend -----------------------------------------------------------------------------------------

  function drawLegend() {
    legend.replaceChildren()
    map.colours.forEach((colour, c) => {
      const part = node("div", "part", legend)
      part.setAttribute("role", "group")
      part.setAttribute("aria-label", colour.title)
      if (map.colours.length > 1) node("div", "title", part).textContent = colour.title
      if (colour.kind === "values") drawScale(part, colour)
      else drawClasses(part, colour, c)
    })
  }

  function drawClasses(part, colour, c) {
    const counts = new Uint32Array(colour.names.length + 1)
    for (const code of colour.codes) counts[Math.min(code, colour.names.length)]++
    const nobody = colour.codes instanceof Uint8Array ? 255 : 65535
    const lines = colour.names.map((name, code) => [colour.colors[code], colour.symbols[code], name, code])
    for (const [color, symbol, name, code] of [...lines, [GREY, 0, colour.rest, nobody]]) {
      const count = counts[Math.min(code, counts.length - 1)]
      if (!count) continue
      const line = button(part, "", "", (event) => isolate(part, c, code, event.shiftKey))
      line.dataset.code = code
      const dot = node("span", "dot", line)
      dot.style.background = color
      dot.dataset.symbol = symbol
      node("span", "name", line).textContent = name
      node("span", "count", line).textContent = count.toLocaleString("en")
      line.setAttribute("aria-pressed", map.isolated[c].has(code))
      line.title = `Show ${name} alone; again for all; hold Shift to add`
    }
  }

  function drawScale(part, colour) {
    const scale = node("div", "scale", part)
    node("span", "", scale).textContent = (colour.clipped ? "≤ " : "") + write(colour, colour.low)
    const ramp = node("span", "ramp", scale)
    ramp.style.background = `linear-gradient(to right, ${colour.scale.join(", ")})`
    node("span", "", scale).textContent = (colour.clipped ? "≥ " : "") + write(colour, colour.high)
    if (map.colours.length === 1) node("span", "about", scale).textContent = colour.title
    if (!colour.missing) return
    node("span", "dot", scale).style.background = GREY
    node("span", "", scale).textContent = `none: ${colour.missing.toLocaleString("en")}`
  }

  function isolate(part, c, code, isMore) {
    const before = map.isolated[c]
    const alone = before.size === 1 && before.has(code)
    if (isMore) before.has(code) ? before.delete(code) : before.add(code)
    else map.isolated[c] = new Set(alone ? [] : [code])
    for (const line of part.querySelectorAll("button")) {
      line.setAttribute("aria-pressed", map.isolated[c].has(Number(line.dataset.code)))
    }
    panels.forEach((panel) => panel.hideTip())
    panels.forEach((panel) => panel.mark())
  }

  function write(colour, value) {
    if (value === undefined || value !== value) return "none"
    if (colour.dates) return new Date(value * 86_400_000).toISOString().slice(0, 10)
    return value.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: Math.abs(value) >= 10_000 })
  }

  // --- updates ------------------------------------------------------------------------------------------

  async function column(given) {
    if (!given) return null
    if (!arrays.has(given.key)) {
      arrays.set(given.key, host.load(given.key).then((buffer) => new TYPES[given.type](buffer)))
      arrays.get(given.key).catch(() => arrays.delete(given.key))
    }
    return arrays.get(given.key)
  }

  async function update(data, isAnswered = true) {
    const mine = ++turn
    wrapper.style.setProperty("--height", `${data.height}px`)
    wrapper.dataset.panels = data.panels.length
    let found
    try {
      found = await Promise.all([
        ...data.panels.flatMap(({ places, rows, outline }) => [column(places), column(rows), column(outline)]),
        ...data.colours.flatMap(({ codes, values }) => [column(codes), column(values)]),
        column(data.classes?.codes),
      ])
    } catch {
      // The server was started anew: it offers them again, unless it cannot be reached at all.
      return mine === turn && misses++ < 3 && host.send({ missing: true })
    }
    misses = 0
    if (mine !== turn) return
    const ofColours = found.splice(3 * data.panels.length)
    const [before, theme] = [map.data.colours ?? [], readTheme()]
    const isLit = JSON.stringify(theme) !== JSON.stringify(map.theme)
    map.data = data
    map.theme = theme
    map.classes = data.classes && { ...data.classes, codes: ofColours.pop() }
    map.isolated = data.colours.map((colour, c) => (before[c]?.title === colour.title ? map.isolated[c] : new Set()))
    map.colours = data.colours.map((colour, c) => ({ ...colour, codes: ofColours[2 * c], values: ofColours[2 * c + 1] }))
    while (panels.length > data.panels.length) panels.pop().remove()
    while (panels.length < data.panels.length) panels.push(createPanel(stages, map))
    let isOther = JSON.stringify(before) !== JSON.stringify(data.colours)
    data.panels.forEach((given, i) => {
      const [places, rows, outline] = found.slice(3 * i, 3 * i + 3)
      isOther = panels[i].update(given, places, rows ?? wholeRange(data.samples), outline) || isOther
    })
    const isNew = isAnswered && selection !== data.selected.n
    let isSame = false // as what was circled here
    if (isNew) {
      selection = data.selected.n
      const bits = bitsOf(data.selected, data.samples)
      isSame = equal(bits, map.selected)
      map.selected = bits
    }
    if (map.selected && map.selected.length !== data.samples) map.selected = null
    if (isOther) {
      drawLegend()
      map.repaint()
    } else if (isNew && !isSame) panels.forEach((panel) => panel.mark())
    panels.forEach((panel) => panel.redraw(isLit))
    if (data.centre !== null && data.centre !== centred) panels.forEach((panel) => panel.show(data.opened))
    centred = data.centre
    forget(data)
  }

  let everyone = new Int32Array(0)
  function wholeRange(count) {
    if (everyone.length !== count) everyone = Int32Array.from({ length: count }, (_, i) => i)
    return everyone
  }

  function forget(data) {
    const of = [...data.panels.flatMap((panel) => [panel.places, panel.rows, panel.outline]), data.classes?.codes]
    const needed = [...of, ...data.colours.flatMap(({ codes, values }) => [codes, values])].map((given) => given?.key)
    for (const key of arrays.keys()) if (arrays.size > 16 && !needed.includes(key)) arrays.delete(key)
  }

  function readTheme() {
    const style = getComputedStyle(wrapper)
    const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise
    const ink = read("--st-text-color", style.color)
    return {
      ink, paper: read("--st-background-color", "#ffffff"), font: read("--st-font", "sans-serif"),
      faint: `color-mix(in srgb, ${ink} 45%, transparent)`, land: `color-mix(in srgb, ${ink} 7%, transparent)`,
      shade: `color-mix(in srgb, ${ink} 12%, transparent)`,
    }
  }

  return { update, remove: () => { turn++; panels.forEach((panel) => panel.remove()); box.remove() } }
}
