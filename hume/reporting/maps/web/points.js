// Points drawn by WebGL 2. Places stay on the graphics card; colours and states are sent anew when they change.

const HIDDEN = 0
const PLAIN = 1
const DIMMED = 2
const CHOSEN = 3

const VERTEX = `#version 300 es
in vec2 place;
in vec4 color;
in vec2 look; // symbol, state
uniform vec2 scale, shift;
uniform float size, opacity, pass;
out vec4 ink;
flat out float symbol;
void main() {
  bool chosen = look.y > 2.5;
  bool drawn = look.y > 0.5 && (pass > 0.5) == chosen;
  gl_Position = drawn ? vec4(place * scale + shift, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
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
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, alpha: true })
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
  for (const name of ["scale", "shift", "size", "opacity", "pass"]) uniforms[name] = gl.getUniformLocation(program, name)
  let count = 0

  function send(name, array) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name])
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.DYNAMIC_DRAW)
    if (name === "place") count = array.length / 2
  }

  // view: scale and shift from places to [−1, 1]; size in device pixels.
  function draw({ scale, shift, size, opacity }) {
    gl.viewport(0, 0, canvas.width, canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    gl.uniform2fv(uniforms.scale, scale)
    gl.uniform2fv(uniforms.shift, shift)
    gl.uniform1f(uniforms.size, size)
    gl.uniform1f(uniforms.opacity, opacity)
    for (const pass of [0, 1]) {
      gl.uniform1f(uniforms.pass, pass)
      gl.drawArrays(gl.POINTS, 0, count)
    }
  }

  return { send, draw, free: () => gl.getExtension("WEBGL_lose_context")?.loseContext() }
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
