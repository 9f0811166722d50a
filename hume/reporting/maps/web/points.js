// Points drawn by WebGL 2. Places stay on the graphics card; colours and states are sent anew when they change.
// They are drawn in a mixed order, so that none of the classes covers the others because of where its rows are, and in
// parts, so that a million points leave time to all else that the browser draws.

const HIDDEN = 0
const PLAIN = 1
const DIMMED = 2
const CHOSEN = 3
const PART = 200_000 // points drawn between two frames

const VERTEX = `#version 300 es
in vec2 place;
in vec4 color;
in vec2 look; // symbol, state
uniform vec2 scale, shift;
uniform float size, opacity;
out vec4 ink;
flat out float symbol;
void main() {
  bool chosen = look.y > 2.5;
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = chosen ? size * 1.25 + 2.0 : size;
  ink = vec4(color.rgb, chosen ? 1.0 : look.y > 1.5 ? opacity * 0.16 : opacity);
  symbol = look.x;
}`

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 ink;
flat in float symbol;
out vec4 color;
float inside(vec2 p) {
  vec2 a = abs(p);
  if (symbol < 0.5) return 1.0 - smoothstep(0.75, 1.0, length(p));
  if (symbol < 1.5) return step(max(a.x, a.y), 0.85);
  if (symbol < 2.5) return step(a.x + a.y, 1.0);
  if (symbol < 3.5) return step(min(a.x, a.y), 0.3);
  if (symbol < 4.5) return step(a.x * 1.7 - 0.85, -p.y) * step(p.y, 0.85) * step(a.x, 0.5 + 0.5 * p.y);
  if (symbol < 5.5) return step(abs(a.x - a.y), 0.35);
  if (symbol < 6.5) return step(min(a.x, a.y) * 3.0 + max(a.x, a.y), 1.0);
  return step(-p.y, 0.85) * step(a.x, 0.5 - 0.5 * p.y);
}
void main() {
  float alpha = ink.a * inside(gl_PointCoord * 2.0 - 1.0);
  if (alpha < 0.01) discard;
  color = vec4(ink.rgb * alpha, alpha);
}`

function createPoints(canvas) {
  const options = { antialias: false, premultipliedAlpha: true, alpha: true, preserveDrawingBuffer: true }
  const gl = canvas.getContext("webgl2", options)
  if (!gl) return null
  const program = gl.createProgram()
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind)
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(program, shader)
  }
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null
  gl.useProgram(program)
  gl.enable(gl.BLEND)
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
  const buffers = {}
  const attribute = (name, size, type, normalized) => {
    buffers[name] = gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name])
    const at = gl.getAttribLocation(program, name)
    gl.enableVertexAttribArray(at)
    gl.vertexAttribPointer(at, size, type, normalized, 0, 0)
  }
  attribute("place", 2, gl.FLOAT, false)
  attribute("color", 4, gl.UNSIGNED_BYTE, true)
  attribute("look", 2, gl.UNSIGNED_BYTE, false)
  const uniforms = {}
  for (const name of ["scale", "shift", "size", "opacity"]) uniforms[name] = gl.getUniformLocation(program, name)
  const order = gl.createBuffer()
  let ranges = [] // first and end in the order, of what is drawn
  let left = [] // of them, what is not drawn yet

  function send(name, array) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name])
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW)
  }

  // States of all points, in every second place of `looks`: the chosen ones are drawn last, hidden ones not at all.
  function mark(looks) {
    const count = looks.length / 2
    const numbers = new Uint32Array(count)
    let [plain, chosen] = [0, count]
    visitMixed(count, (i) => {
      const state = looks[2 * i + 1]
      if (state === CHOSEN) numbers[--chosen] = i
      else if (state !== HIDDEN) numbers[plain++] = i
    })
    send("look", looks)
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, order)
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, numbers, gl.DYNAMIC_DRAW)
    ranges = [[0, plain], [chosen, count]]
  }

  // Starts anew. view: scale and shift from places to [−1, 1]; size in device pixels.
  function start({ scale, shift, size, opacity }) {
    gl.viewport(0, 0, canvas.width, canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    gl.uniform2fv(uniforms.scale, scale)
    gl.uniform2fv(uniforms.shift, shift)
    gl.uniform1f(uniforms.size, size)
    gl.uniform1f(uniforms.opacity, opacity)
    left = ranges.filter(([first, end]) => end > first)
  }

  // Draws the next part; whether something is left.
  function more() {
    if (!left.length) return false
    const [first, end] = left[0]
    const count = Math.min(PART, end - first)
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * first)
    left = first + count < end ? [[first + count, end], ...left.slice(1)] : left.slice(1)
    return left.length > 0
  }

  return { send, mark, start, more, free: () => gl.getExtension("WEBGL_lose_context")?.loseContext() }
}

// Visits the numbers below `count` once each, near ones far apart.
function visitMixed(count, visit) {
  let stride = Math.max(1, Math.floor(count * 0.618))
  while (divisor(stride, count) > 1) stride++
  for (let turn = 0, i = 0; turn < count; turn++, i = (i + stride) % count) visit(i)
}

function divisor(a, b) {
  return b ? divisor(b, a % b) : a
}

// Their size in pixels: 4 for 10,000 points, 2.2 for 70,000, 8 for a few.
function pointSize(count) {
  return Math.min(8, Math.max(1.5, 4 * (10_000 / Math.max(1, count)) ** 0.3))
}

// --- colours -------------------------------------------------------------------------------------

function rgb(hex) {
  const number = parseInt(hex.slice(1), 16)
  return [number >> 16, (number >> 8) & 255, number & 255]
}

const GREY = "#717581"

// Colours (M × 4) and symbols (M) of points, from what their rows are coloured by.
function paint(colour, rows) {
  const colors = new Uint8Array(rows.length * 4)
  const symbols = new Uint8Array(rows.length)
  const grey = rgb(GREY)
  const table = (colour.kind === "classes" ? colour.colors : colour.scale).map(rgb)
  const last = table.length - 1
  for (let i = 0; i < rows.length; i++) {
    let ink = grey
    if (colour.kind === "classes") {
      const code = colour.codes[rows[i]]
      if (code <= last) {
        ink = table[code]
        symbols[i] = colour.symbols[code]
      }
    } else {
      const value = colour.values[rows[i]]
      const place = colour.high > colour.low ? (value - colour.low) / (colour.high - colour.low) : 0.5
      if (value === value) ink = table[Math.round(Math.min(1, Math.max(0, place)) * last)]
    }
    colors[4 * i] = ink[0]
    colors[4 * i + 1] = ink[1]
    colors[4 * i + 2] = ink[2]
    colors[4 * i + 3] = 255
  }
  return { colors, symbols }
}
