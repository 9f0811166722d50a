// One map: its view, what is drawn on it, and what pointer and keys do. What is selected and shown belongs to `map`.

const REACH = 14 // px around the pointer
const CLOSE = 12 // times enlarged to show one sample
const LOWEST = 240 // px of a frame
const PAUSE = 120 // ms until names move to their places
const LONG = 200 // ms to draw all points, as where there is no graphics card
const REST = 1_000 // ms that most points then wait for the answer to a selection

function createPanel(parent, map) {
  const frame = node("div", "panel", parent)
  const title = node("div", "title", frame)
  const stage = node("div", "stage", frame)
  stage.tabIndex = 0
  stage.setAttribute("role", "application")
  const [under, glass, over] = ["under", "points", "over"].map((name) => node("canvas", name, stage))
  const missing = node("p", "missing", stage)
  const tip = node("div", "tip", stage)
  const picture = node("img", "", tip)
  picture.alt = ""
  const words = node("div", "", tip)
  tip.hidden = true
  const panel = { frame, stage, grid: null, rows: null, place: null, cursor: -1, path: null }
  let points = createPoints(glass)
  let shape = {}
  let found = []
  let [timer, waiting, resting, stale] = [0, 0, 0, true]
  let [begun, lasted] = [0, 0] // when points were begun to be drawn, and how long all of them took last, ms
  const album = createAlbum(() => redraw())
  const view = createView(() => shape, () => redraw(true))
  panel.view = view
  missing.hidden = Boolean(points)
  missing.textContent = "This browser draws no WebGL 2, so there is no map here. The CSV below has its points."

  glass.addEventListener("webglcontextlost", (event) => event.preventDefault())
  glass.addEventListener("webglcontextrestored", () => {
    points = createPoints(glass)
    points?.send("place", panel.grid.places)
    map.repaint()
  })

  // --- data --------------------------------------------------------------------------------------

  panel.update = (given, places, rows, outline) => {
    title.textContent = given.title
    stage.setAttribute("aria-label", given.label)
    const fresh = panel.places !== places
    shape = { aspect: given.aspect, outline }
    if (fresh) {
      Object.assign(panel, { places, rows, grid: createGrid(places), cursor: -1, place: new Map() })
      panel.looks = new Uint8Array(rows.length * 2)
      points?.send("place", places)
      panel.hideTip()
    }
    if (fresh) {
      resize()
      view.fit()
    }
    return fresh
  }

  panel.paint = (colour) => {
    const { colors, symbols } = paint(colour, panel.rows)
    for (let i = 0; i < symbols.length; i++) panel.looks[2 * i] = symbols[i]
    panel.colors = colors
    points?.send("color", colors)
  }

  panel.mark = () => {
    const { rows, looks } = panel
    const [state, { selected }] = [map.isolates() ? map.stateOf : null, map]
    for (let i = 0; i < rows.length; i++) {
      looks[2 * i + 1] = state ? state(rows[i]) : !selected ? PLAIN : selected[rows[i]] ? CHOSEN : DIMMED
    }
    points?.mark(looks)
    redraw(true)
  }

  // The point of a row, −1 where this map leaves it out; rows rise.
  panel.pointOf = (row) => {
    let [low, high] = [0, panel.rows.length - 1]
    while (low <= high) {
      const middle = (low + high) >> 1
      if (panel.rows[middle] === row) return middle
      if (panel.rows[middle] < row) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  panel.show = (row) => {
    const i = panel.pointOf(row)
    if (i >= 0) view.look(panel.places[2 * i], panel.places[2 * i + 1], Math.max(view.zoom, CLOSE))
  }

  const isShown = (i) => panel.looks[2 * i + 1] !== HIDDEN
  panel.isShown = isShown
  panel.hideTip = () => {
    tip.hidden = true
  }

  // --- drawing -----------------------------------------------------------------------------------

  function resize() {
    // Wide maps need no tall frame.
    const flat = map.aspect() > 1.2 && Math.max(LOWEST, stage.clientWidth / map.aspect())
    stage.style.height = flat && flat < map.data.height ? `${Math.round(flat)}px` : ""
    const [width, height] = [stage.clientWidth, stage.clientHeight]
    const ratio = devicePixelRatio || 1
    Object.assign(view, { width, height })
    for (const canvas of [under, glass, over]) {
      canvas.width = Math.max(1, Math.round(width * ratio))
      canvas.height = Math.max(1, Math.round(height * ratio))
    }
    redraw(true)
  }

  // Points are drawn anew only where the view or their looks are others.
  function redraw(isOther = false) {
    stale ||= isOther
    waiting ||= requestAnimationFrame(() => panel.draw())
  }
  panel.redraw = redraw

  panel.draw = () => {
    cancelAnimationFrame(waiting)
    waiting = 0
    if (!panel.grid || !map.colours.length || view.width < 2) return
    const ratio = glass.width / view.width
    const [sx, sy] = view.scales()
    const scale = [(2 * sx) / view.width, (2 * sy) / view.height]
    const size = Math.min(22, pointSize(panel.rows.length) * view.zoom ** 0.35)
    const opacity = Math.min(0.9, (panel.rows.length > 200_000 ? 0.5 : 0.85) * view.zoom ** 0.1)
    const inView = pictured()
    const isFirst = stale
    if (stale) {
      wake()
      begun = performance.now()
      points?.start({ scale, shift: [-view.x * scale[0], -view.y * scale[1]], size: size * ratio, opacity })
      drawOutline(ratio)
      clearTimeout(timer)
      timer = setTimeout(rename, found.length ? PAUSE : 0)
    }
    stale = false
    const isUnfinished = resting || points?.more()
    drawOver(ratio, inView, size)
    if (!isUnfinished) {
      lasted = performance.now() - begun
      stage.dataset.drawn = panel.rows.length
    } else if (isFirst && panel.givesWay && lasted > LONG) resting = setTimeout(() => { wake(); redraw() }, REST)
    else if (!resting) redraw()
    panel.givesWay = false
    return isUnfinished && !resting
  }

  function wake() {
    clearTimeout(resting)
    resting = 0
  }

  function rename() {
    if (!panel.grid || !map.colours.length) return
    const { codes, names } = map.named(panel)
    found = peaks({ grid: panel.grid, view, names, isShown, codes: (i) => codes[panel.rows[i]] })
    redraw()
  }

  // The points in view, where they are few enough to be pictures.
  function pictured() {
    if (!map.data.pictures) return null
    const inView = []
    visitWithin(panel.grid, ...view.corners(), (i) => {
      if (isShown(i)) inView.push(i)
      return inView.length > PICTURES
    })
    return inView.length <= PICTURES ? inView : null
  }

  function context(canvas, ratio) {
    const made = canvas.getContext("2d")
    made.setTransform(ratio, 0, 0, ratio, 0, 0)
    made.clearRect(0, 0, view.width, view.height)
    return made
  }

  function drawOutline(ratio) {
    const line = context(under, ratio)
    if (!shape.outline) return
    line.strokeStyle = map.theme.faint
    line.fillStyle = map.theme.land
    line.lineWidth = 1
    line.beginPath()
    for (let i = 0, first = true; i < shape.outline.length; i += 2) {
      const [x, y] = [shape.outline[i], shape.outline[i + 1]]
      if (x !== x) first = true
      else {
        line[first ? "moveTo" : "lineTo"](...view.toPixels(x, y))
        first = false
      }
    }
    line.fill()
    line.stroke()
  }

  function drawOver(ratio, inView, size) {
    const paper = context(over, ratio)
    const { theme, data } = map
    if (inView) drawPictures(paper, inView)
    if (map.showsNames && !inView) {
      writeNames(paper, found, map.named(panel).names, { ...theme, width: view.width, height: view.height })
    }
    for (const [row, color, width] of [[data.opened, theme.ink, 3], [map.hovered, theme.ink, 1.5]]) {
      const i = row === null || row === undefined ? -1 : panel.pointOf(row)
      if (i < 0) continue
      const [x, y] = view.toPixels(panel.places[2 * i], panel.places[2 * i + 1])
      for (const [ink, wide] of [[theme.paper, width + 3], [color, width]]) {
        Object.assign(paper, { strokeStyle: ink, lineWidth: wide })
        paper.beginPath()
        paper.arc(x, y, inView ? pictureSide(inView) * 0.75 : size / 2 + 5, 0, 7)
        paper.stroke()
      }
    }
    if (panel.path) {
      Object.assign(paper, { strokeStyle: theme.ink, fillStyle: theme.shade, lineWidth: 1.5 })
      paper.beginPath()
      for (const corner of outlineOf(panel.path)) paper.lineTo(...corner)
      paper.closePath()
      paper.fill()
      paper.stroke()
    }
  }

  function pictureSide(inView) {
    const room = Math.sqrt((view.width * view.height) / Math.max(1, inView.length))
    return Math.min(72, Math.max(20, room * 0.6))
  }

  function drawPictures(paper, inView) {
    const side = pictureSide(inView)
    paper.imageSmoothingEnabled = !map.data.pictures.pixelated
    for (const i of inView) {
      const image = album(map.data.pictures.url + panel.rows[i])
      if (!image) continue
      const [x, y] = view.toPixels(panel.places[2 * i], panel.places[2 * i + 1])
      const times = side / Math.max(image.naturalWidth, image.naturalHeight)
      const [w, h] = [image.naturalWidth * times, image.naturalHeight * times]
      paper.globalAlpha = panel.looks[2 * i + 1] === DIMMED ? 0.25 : 1
      paper.drawImage(image, x - w / 2, y - h / 2, w, h)
      paper.lineWidth = panel.looks[2 * i + 1] === CHOSEN ? 4 : 2
      paper.strokeStyle = `rgb(${panel.colors.slice(4 * i, 4 * i + 3).join(" ")})`
      paper.strokeRect(x - w / 2, y - h / 2, w, h)
    }
    paper.globalAlpha = 1
  }

  panel.toImage = (paper, left, top) => {
    wake()
    while (panel.draw()) continue
    paper.drawImage(under, left, top)
    paper.drawImage(glass, left, top)
    paper.drawImage(over, left, top)
    return [glass.width, glass.height]
  }

  // --- the sample under the pointer ----------------------------------------------------------------

  panel.pointAt = ([px, py]) => {
    const [sx, sy] = view.scales()
    const reach = Math.max(REACH, 0.4 * (map.data.pictures ? 30 : 0))
    return nearest(panel.grid, view.toPlace(px, py), [reach / sx, reach / sy], isShown)
  }

  panel.hover = (i) => {
    map.hover(i < 0 ? null : panel.rows[i])
    if (i < 0) return panel.hideTip()
    const row = panel.rows[i]
    const source = map.data.pictures ? map.data.pictures.url + row + map.data.pictures.preview : ""
    picture.hidden = !source
    if (source && picture.dataset.source !== source) {
      picture.dataset.source = source
      loadPicture(picture, source)
    }
    picture.classList.toggle("pixelated", Boolean(map.data.pictures?.pixelated))
    words.textContent = map.describe(row)
    tip.hidden = false
    const [x, y] = view.toPixels(panel.places[2 * i], panel.places[2 * i + 1])
    const [w, h] = [tip.offsetWidth, tip.offsetHeight]
    tip.style.left = `${Math.max(0, x + 16 + w <= view.width ? x + 16 : x - 16 - w)}px`
    tip.style.top = `${Math.max(0, Math.min(view.height - h, y - h / 2))}px`
  }


  listen(panel, map)

  const observer = new ResizeObserver(resize)
  observer.observe(stage)
  panel.remove = () => {
    observer.disconnect()
    clearTimeout(timer)
    wake()
    cancelAnimationFrame(waiting)
    points?.free()
    frame.remove()
  }
  // For tests: the selected rows, and where every point that is shown stands in the window, with its row.
  stage.chosenRows = () => Array.from(panel.rows).filter((row, i) => panel.looks[2 * i + 1] === CHOSEN)
  stage.pointsInWindow = () => {
    const box = stage.getBoundingClientRect()
    const shown = []
    for (let i = 0; i < (panel.rows?.length ?? 0); i++) {
      if (!isShown(i)) continue
      const [x, y] = view.toPixels(panel.places[2 * i], panel.places[2 * i + 1])
      shown.push([box.left + x, box.top + y, panel.rows[i]])
    }
    return shown
  }
  return panel
}
