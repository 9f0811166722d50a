// What pointer and keys do on one map.

const CLICK = 4 // px that a click may move
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

function listen(panel, map) {
  const { stage, view } = panel
  const fingers = new Map()

  // --- pointer ------------------------------------------------------------------------------------

  const at = (event) => {
    const box = stage.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }
  stage.addEventListener("pointerdown", (event) => {
    if (!panel.grid || event.target.closest("button")) return
    stage.setPointerCapture(event.pointerId)
    fingers.set(event.pointerId, at(event))
    const how = event.button ? "move" : event.shiftKey ? "box" : map.tool
    panel.path = fingers.size === 1 ? { how, corners: [at(event)], moved: false } : null
  })
  stage.addEventListener("pointermove", (event) => {
    if (!panel.grid) return
    const here = at(event)
    if (fingers.size === 2 && fingers.has(event.pointerId)) return pinch(event.pointerId, here)
    if (!panel.path) return panel.hover(event.pointerType === "touch" ? -1 : panel.pointAt(here))
    const { how, corners } = panel.path
    const last = corners.at(-1)
    const far = Math.hypot(here[0] - corners[0][0], here[1] - corners[0][1])
    panel.path.moved ||= far > CLICK
    if (!panel.path.moved) return
    panel.hideTip()
    if (how === "move") view.move(here[0] - last[0], here[1] - last[1])
    if (Math.hypot(here[0] - last[0], here[1] - last[1]) > 2) corners.push(here)
    panel.redraw()
  })
  stage.addEventListener("pointerup", (event) => {
    const path = panel.path
    fingers.delete(event.pointerId)
    panel.path = null
    if (!path) return
    const i = path.moved ? -1 : panel.pointAt(path.corners[0])
    if (i >= 0 && !event.button) map.open(panel.rows[i])
    if (path.moved && path.how !== "move") {
      const corners = outlineOf(path).map((corner) => view.toPlace(...corner))
      const chosen = within(panel.grid, corners, panel.isShown).map((point) => panel.rows[point])
      map.select(chosen, event.ctrlKey || event.metaKey)
    }
    panel.redraw()
  })
  stage.addEventListener("pointercancel", (event) => {
    fingers.delete(event.pointerId)
    panel.path = null
    panel.redraw()
  })
  stage.addEventListener("pointerleave", () => panel.hover(-1))
  stage.addEventListener("contextmenu", (event) => event.preventDefault())
  stage.addEventListener("wheel", (event) => {
    if (view.zoom === 1 && event.deltaY > 0) return // the page scrolls on
    event.preventDefault()
    view.zoomAt(...at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)))
    panel.hideTip()
  }, { passive: false })
  stage.addEventListener("dblclick", () => view.fit())

  function pinch(id, here) {
    const [other] = [...fingers].filter(([key]) => key !== id).map(([, place]) => place)
    const before = fingers.get(id)
    const gap = (a, b) => Math.max(10, Math.hypot(a[0] - b[0], a[1] - b[1]))
    view.zoomAt((here[0] + other[0]) / 2, (here[1] + other[1]) / 2, gap(here, other) / gap(before, other))
    view.move((here[0] - before[0]) / 2, (here[1] - before[1]) / 2)
    fingers.set(id, here)
  }

  // --- keys -----------------------------------------------------------------------------------------

  stage.addEventListener("keydown", (event) => {
    if (!panel.grid || event.ctrlKey || event.metaKey || event.altKey) return
    const done = keyed(event)
    if (!done) return
    event.preventDefault()
    event.stopPropagation()
  })
  stage.addEventListener("blur", () => panel.hover(-1))

  function keyed({ key, shiftKey }) {
    const [x, y] = [view.width / 2, view.height / 2]
    if (key in STEPS && shiftKey) view.move(...STEPS[key].map((step) => -80 * step))
    else if (key in STEPS) step(STEPS[key])
    else if (key === "+" || key === "=") view.zoomAt(x, y, 1.5)
    else if (key === "-") view.zoomAt(x, y, 1 / 1.5)
    else if (key === "Home") view.fit()
    else if (key === "Enter" && panel.cursor >= 0) map.open(panel.rows[panel.cursor])
    else if (key === "Escape" && panel.path) panel.path = null
    else return false
    panel.redraw()
    return true
  }

  function step(direction) {
    const shown = []
    visitWithin(panel.grid, ...view.corners(), (i) => {
      const [x, y] = view.toPixels(panel.places[2 * i], panel.places[2 * i + 1])
      if (panel.isShown(i) && i !== panel.cursor) shown.push({ i, x, y })
      return false
    })
    const inside = panel.cursor >= 0 && view.toPixels(panel.places[2 * panel.cursor], panel.places[2 * panel.cursor + 1])
    const from = inside ? { x: inside[0], y: inside[1] } : { x: view.width / 2, y: view.height / 2 }
    const next = inside ? onward(shown, from, direction) : panel.pointAt([from.x, from.y])
    panel.cursor = next >= 0 ? next : inside ? panel.cursor : (shown[0]?.i ?? -1)
    if (panel.cursor >= 0) {
      panel.hover(panel.cursor)
      map.say(map.describe(panel.rows[panel.cursor]))
    }
  }
}

// The corners of what is being drawn: a box has its first and last as opposite ones.
function outlineOf({ how, corners }) {
  if (how !== "box") return corners
  const [[a, b], [c, d]] = [corners[0], corners.at(-1)]
  return [[a, b], [c, b], [c, d], [a, d]]
}
