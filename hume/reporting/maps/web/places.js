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

// The points inside a polygon of corners [x, y]. Cells that no side of it crosses are inside or outside as a whole.
function within(grid, corners, isShown) {
  const { places, side, cell, start, order } = grid
  const xs = corners.map((corner) => corner[0])
  const ys = corners.map((corner) => corner[1])
  const [left, right] = [cell(Math.min(...xs)), cell(Math.max(...xs))]
  const [bottom, top] = [cell(Math.min(...ys)), cell(Math.max(...ys))]
  const found = new Int32Array(start[(top + 1) * side] - start[bottom * side])
  const middle = (c) => (2 * c + 1) / side - 1
  const crossed = new Uint8Array(side)
  let count = 0
  for (let y = bottom; y <= top; y++) {
    // Cells at the border hold what lies beyond it, too.
    crossed.fill(y === 0 || y === side - 1 ? 1 : 0)
    crossed[0] = crossed[side - 1] = 1
    cross(crossed, cell, xs, ys, middle(y) - 1.01 / side, middle(y) + 1.01 / side)
    for (let x = left; x <= right; x++) {
      const [from, to] = [start[y * side + x], start[y * side + x + 1]]
      if (from === to || (!crossed[x] && !isInside(xs, ys, middle(x), middle(y)))) continue
      for (let j = from; j < to; j++) {
        const i = order[j]
        if (crossed[x] && !isInside(xs, ys, places[2 * i], places[2 * i + 1])) continue
        if (isShown(i)) found[count++] = i
      }
    }
  }
  return found.subarray(0, count)
}

// Marks the cells of a row, from low to high, that a side of the polygon crosses.
function cross(crossed, cell, xs, ys, low, high) {
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    const [from, to] = [Math.max(low, Math.min(ys[i], ys[j])), Math.min(high, Math.max(ys[i], ys[j]))]
    if (from > to) continue
    const at = (y) => xs[i] + ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i])
    const ends = ys[i] === ys[j] ? [xs[i], xs[j]] : [at(from), at(to)]
    crossed.fill(1, Math.max(0, cell(Math.min(...ends)) - 1), cell(Math.max(...ends)) + 2) // one more, for rounding
  }
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
