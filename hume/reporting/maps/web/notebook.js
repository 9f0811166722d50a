// The map in a notebook's cell, and the selected samples as pictures below it. Arrays and pictures come from Python.

const WALL = 60 // pictures of a selection
const WAIT = 30 // ms in which pictures are asked for together
const books = new Map() // of pictures, by the name in their sources
const OWN = `
:host { display: block; --st-text-color: var(--jp-ui-font-color1, CanvasText);
  --st-background-color: var(--jp-layout-color1, Canvas); --st-secondary-background-color: var(--jp-layout-color2, Canvas);
  --st-border-color: var(--jp-border-color1, GrayText); --st-primary-color: var(--jp-brand-color1, #3f90da);
  --st-font: var(--jp-ui-font-family, sans-serif); --st-base-radius: 6px; color: var(--st-text-color); }
.wall { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 8px; font: 0.85rem var(--st-font); }
.wall p { flex-basis: 100%; margin: 0; }
.wall button { padding: 2px; border: 1px solid var(--st-border-color); border-radius: 4px; background: none; color: inherit; }
.wall button:focus-visible { outline: 2px solid var(--st-primary-color); }
.wall img { display: block; width: 56px; height: 56px; object-fit: contain; }
.wall.pixelated img { image-rendering: pixelated; }`

loadPicture = async (image, source) => {
  const [name, row, size] = source.split(" ")
  const found = await books.get(name)?.picture(Number(row), Number(size || 0))
  if (found && (image.dataset.source ?? source) === source) image.src = found
}

function render({ model, el }) {
  const shadow = el.attachShadow({ mode: "open" })
  node("style", "", shadow).textContent = STYLE + OWN
  const name = `book${books.size}-${Math.random().toString(36).slice(2)}`
  books.set(name, createBook(model))
  let count = 0
  const map = createMap(shadow, {
    load: async (key) => {
      const bytes = model.get("arrays")[key]
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    },
    send: (event) => {
      if (event.open !== undefined) model.set("opened", event.open)
      if (event.select) model.set("done", { ...event, n: ++count })
      model.save_changes()
    },
  })
  const wall = node("div", "wall", shadow)
  const draw = () => {
    const scene = model.get("scene")
    const pictures = scene.pictures && { ...scene.pictures, url: `${name} `, preview: ` ${scene.pictures.preview}` }
    map.update({ ...scene, pictures, selected: model.get("selected"), opened: model.get("opened"), centre: null })
    hang(wall, model, scene, name)
  }
  for (const trait of ["scene", "selected", "opened"]) model.on(`change:${trait}`, draw)
  draw()
  return () => {
    map.remove()
    books.get(name).close()
    books.delete(name)
  }
}

// The first pictures of the selection.
function hang(wall, model, scene, name) {
  const bits = bitsOf(model.get("selected"), scene.samples)
  const rows = []
  bits?.forEach((bit, row) => bit && rows.push(row))
  wall.replaceChildren()
  wall.classList.toggle("pixelated", Boolean(scene.pictures?.pixelated))
  const some = rows.length > WALL ? `, the first ${WALL} below` : ""
  node("p", "", wall).textContent = rows.length ? `${rows.length.toLocaleString("en")} samples selected${some}` : "Circle samples on the map to see them here."
  for (const row of rows.slice(0, WALL)) {
    const made = node("button", "", wall)
    made.type = "button"
    made.title = `row ${row}`
    made.addEventListener("click", () => {
      model.set("opened", row)
      model.save_changes()
    })
    if (!scene.pictures) made.textContent = `row ${row}`
    else {
      const image = node("img", "", made)
      image.alt = `sample ${row}`
      image.dataset.source = `${name} ${row}`
      loadPicture(image, image.dataset.source)
    }
  }
}

// Pictures by row and size: those asked for in one moment travel in one message.
function createBook(model) {
  const [known, waiting, open] = [new Map(), new Map(), new Map()]
  let timer = 0
  function ask() {
    timer = 0
    const sizes = new Set([...waiting.values()].map(({ size }) => size))
    for (const size of sizes) {
      const rows = [...waiting.values()].filter((each) => each.size === size).map(({ row }) => row)
      model.send({ rows, size })
    }
    waiting.clear()
  }
  const hear = (message, buffers) => {
    message.rows?.forEach((row, i) => {
      const key = `${row} ${message.size}`
      known.set(key, URL.createObjectURL(new Blob([buffers[i]], { type: "image/webp" })))
      open.get(key)?.(known.get(key))
      open.delete(key)
    })
  }
  model.on("msg:custom", hear)
  function picture(row, size) {
    const key = `${row} ${size}`
    if (!known.has(key)) {
      known.set(key, new Promise((resolve) => open.set(key, resolve)))
      waiting.set(key, { row, size })
      timer ||= setTimeout(ask, WAIT)
    }
    return known.get(key)
  }
  return { picture, close: () => model.off("msg:custom", hear) }
}

export default { render }
