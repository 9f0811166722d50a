// Names of classes where their points are dense, and pictures in place of points.

const NAMED = 60 // classes at most
const BIN = 22 // px
const SAMPLED = 200_000 // points that decide where names stand
const LONGEST = 26 // letters of a name
const PICTURES = 150 // in view at most
const KEPT = 600 // pictures

// For every class in view its densest place in pixels, most points first.
function peaks({ grid, view, codes, names, isShown }) {
  const columns = Math.max(1, Math.ceil(view.width / BIN))
  const lines = Math.max(1, Math.ceil(view.height / BIN))
  const step = Math.max(1, Math.floor(grid.order.length / SAMPLED))
  const counts = new Map()
  const [low, high] = view.corners()
  let seen = 0
  visitWithin(grid, low, high, (i) => {
    if (seen++ % step || !isShown(i)) return false
    const code = codes(i)
    if (code >= names.length) return false
    const [x, y] = view.toPixels(grid.places[2 * i], grid.places[2 * i + 1])
    if (!counts.has(code)) counts.set(code, { total: 0, bins: new Float32Array(columns * lines) })
    const entry = counts.get(code)
    entry.total++
    entry.bins[Math.min(lines - 1, Math.floor(y / BIN)) * columns + Math.min(columns - 1, Math.floor(x / BIN))]++
    return false
  })
  const least = Math.max(2, (seen / step) * 0.004)
  const ordered = [...counts].filter(([, entry]) => entry.total >= least).sort((a, b) => b[1].total - a[1].total)
  return ordered.slice(0, NAMED).map(([code, { bins }]) => ({ code, ...densest(bins, columns, lines) }))
}

function densest(bins, columns, lines) {
  let best = { weight: -1 }
  for (let line = 0; line < lines; line++) {
    for (let column = 0; column < columns; column++) {
      if (!bins[line * columns + column]) continue
      let [weight, x, y] = [0, 0, 0]
      for (let l = Math.max(0, line - 1); l <= Math.min(lines - 1, line + 1); l++) {
        for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
          const points = bins[l * columns + c]
          weight += points
          x += points * (c + 0.5)
          y += points * (l + 0.5)
        }
      }
      if (weight > best.weight) best = { weight, x: (x / weight) * BIN, y: (y / weight) * BIN }
    }
  }
  return best
}

// Writes names that do not overlap, those of more points first.
function writeNames(context, found, names, { ink, paper, font, width, height }) {
  context.font = `600 13px ${font}`
  context.textAlign = "center"
  context.textBaseline = "middle"
  context.lineJoin = "round"
  const taken = []
  for (const { code, x, y } of found) {
    const text = names[code].length > LONGEST ? `${names[code].slice(0, LONGEST - 1)}…` : names[code]
    const half = context.measureText(text).width / 2 + 3
    if (2 * half > width) continue
    const place = [Math.min(width - half, Math.max(half, x)), Math.min(height - 10, Math.max(10, y))]
    const box = [place[0] - half, place[1] - 10, place[0] + half, place[1] + 10]
    if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue
    taken.push(box)
    context.lineWidth = 4
    context.strokeStyle = paper
    context.strokeText(text, ...place)
    context.fillStyle = ink
    context.fillText(text, ...place)
  }
}

// How an image element gets its picture; set by an adapter whose pictures are no files of a server.
let loadPicture = (image, source) => {
  image.src = source
}

// Pictures that were loaded, the latest ones kept.
function createAlbum(onLoad) {
  const album = new Map()
  return (source) => {
    let image = album.get(source)
    if (!image) {
      image = new Image()
      image.decoding = "async"
      image.onload = onLoad
      loadPicture(image, source)
    }
    album.delete(source)
    album.set(source, image)
    if (album.size > KEPT) album.delete(album.keys().next().value)
    return image.complete && image.naturalWidth ? image : null
  }
}
