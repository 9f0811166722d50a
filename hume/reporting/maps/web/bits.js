// Selections as bits.

// One bit a sample, the first in the lowest of the first byte, as base64.
function packed(bits) {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (let row = 0; row < bits.length; row++) if (bits[row]) bytes[row >> 3] |= 1 << (row & 7)
  let text = ""
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(text)
}

function rowsOf(bits) {
  const rows = []
  for (let row = 0; row < bits.length; row++) if (bits[row]) rows.push(row)
  return rows
}

function bitsOf({ rows, mask }, samples) {
  const bits = new Uint8Array(samples)
  if (mask) {
    const text = atob(mask)
    for (let row = 0; row < samples; row++) bits[row] = (text.charCodeAt(row >> 3) >> (row & 7)) & 1
    return bits
  }
  if (!rows?.length) return null
  for (const row of rows) if (row < samples) bits[row] = 1
  return bits
}

// Of two selections, null for none.
function equal(first, second) {
  return first === second || (first?.length === second?.length && first.every((bit, row) => bit === second[row]))
}
