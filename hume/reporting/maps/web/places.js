// Where points are: the nearest one, those in a rectangle, those in a polygon. Places are in [−1, 1]².

const PER_CELL = 4

// Points sorted into the cells of a grid; cell c has order[start[c]] to order[start[c + 1] − 1].
function createGrid(places) {
  const count = places.length / 2
  const side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(count / PER_CELL))))
  const cell = (value) => Math.min(side - 1, Math.max(0, Math.floor(((value + 1) / 2) * side)))
  const start = new Uint32Array(side * side + 1)
  const cells = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    cells[i] = cell(places[2 * i + 1]) * side + cell(places[2 * i])
    start[cells[i] + 1]++
  }
  for (let c = 0; c < side * side; c++) start[c + 1] += start[c]
  const next = start.slice()
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[next[cells[i]]++] = i
  return { places, side, cell, start, order }
}

// Calls `visit` with every point between two corners until it returns true.
function visitWithin(grid, [left, bottom], [right, top], visit) {
  const { places, side, cell, start, order } = grid
  if (right < -1 || left > 1 || top < -1 || bottom > 1) return
  for (let y = cell(bottom); y <= cell(top); y++) {
    const from = start[y * side + cell(left)]
    const to = start[y * side + cell(right) + 1]
    for (let j = from; j < to; j++) {
      const i = order[j]
      const px = places[2 * i]
      const py = places[2 * i + 1]
      if (px >= left && px <= right && py >= bottom && py <= top && visit(i)) return
    }
  }
}

// The point nearest to a place among those that are shown, within a reach per axis; −1 for none.
function nearest(grid, [x, y], [reachX, reachY], isShown) {
  let best = -1
  let least = 1
  visitWithin(grid, [x - reachX, y - reachY], [x + reachX, y + reachY], (i) => {
    const distance = ((grid.places[2 * i] - x) / reachX) ** 2 + ((grid.places[2 * i + 1] - y) / reachY) ** 2
    if (distance < least && isShown(i)) {
      least = distance
      best = i
    }
    return false
  })
  return best
}

// The points inside a polygon of corners [x, y].
function within(grid, corners, isShown) {
  const xs = corners.map((corner) => corner[0])
  const ys = corners.map((corner) => corner[1])
  const found = []
  visitWithin(grid, [Math.min(...xs), Math.min(...ys)], [Math.max(...xs), Math.max(...ys)], (i) => {
    if (isShown(i) && isInside(xs, ys, grid.places[2 * i], grid.places[2 * i + 1])) found.push(i)
    return false
  })
  return found
}

function isInside(xs, ys, x, y) {
  let inside = false
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) inside = !inside
  }
  return inside
}

// The next shown point from one point in a direction of pixels, −1 for none: near, and not far aside.
function onward(points, from, [dx, dy]) {
  let best = -1
  let least = Infinity
  for (const { i, x, y } of points) {
    const along = (x - from.x) * dx + (y - from.y) * dy
    const aside = Math.abs((x - from.x) * dy - (y - from.y) * dx)
    if (along > 0.5 && aside <= along && along + 2 * aside < least) {
      least = along + 2 * aside
      best = i
    }
  }
  return best
}
