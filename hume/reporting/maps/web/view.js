// What part of a map is in view: places are in [−1, 1]² with y upwards, pixels have y downwards.

const MARGIN = 0.95 // of the frame that the whole map fills
const MOST = 400 // times enlarged

function node(tag, className, parent) {
  const made = document.createElement(tag)
  if (className) made.className = className
  parent?.append(made)
  return made
}

function createView(shapeOf, changed) {
  const own = { x: 0, y: 0, zoom: 1, width: 1, height: 1 }
  const scales = () => {
    const { aspect } = shapeOf()
    const [w, h] = [(own.width / 2) * MARGIN, (own.height / 2) * MARGIN]
    const fitted = aspect ? [Math.min(w, h * aspect), Math.min(h, w / aspect)] : [w, h]
    return fitted.map((scale) => scale * own.zoom)
  }
  own.scales = scales
  own.toPixels = (x, y) => {
    const [sx, sy] = scales()
    return [own.width / 2 + (x - own.x) * sx, own.height / 2 - (y - own.y) * sy]
  }
  own.toPlace = (px, py) => {
    const [sx, sy] = scales()
    return [own.x + (px - own.width / 2) / sx, own.y - (py - own.height / 2) / sy]
  }
  own.corners = () => {
    const [left, top] = own.toPlace(0, 0)
    const [right, bottom] = own.toPlace(own.width, own.height)
    return [[left, bottom], [right, top]]
  }
  own.look = (x, y, zoom) => {
    own.zoom = Math.min(MOST, Math.max(1, zoom))
    const roam = 1.05 // so that the points stay in sight
    Object.assign(own, { x: Math.min(roam, Math.max(-roam, x)), y: Math.min(roam, Math.max(-roam, y)) })
    if (own.zoom === 1) Object.assign(own, { x: 0, y: 0 })
    changed()
  }
  own.fit = () => own.look(0, 0, 1)
  own.zoomAt = (px, py, times) => {
    const [x, y] = own.toPlace(px, py)
    own.zoom = Math.min(MOST, Math.max(1, own.zoom * times))
    const [nx, ny] = own.toPlace(px, py)
    own.look(own.x + x - nx, own.y + y - ny, own.zoom)
  }
  own.move = (px, py) => {
    const [sx, sy] = scales()
    own.look(own.x - px / sx, own.y + py / sy, own.zoom)
  }
  return own
}
