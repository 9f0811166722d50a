// The map in a page of Streamlit: arrays by URL, what the reader does as numbered clicks.

const EXPIRY = 10_000 // ms after which an unacknowledged click is dropped
const shown = new WeakMap()

export default function show({ parentElement, data, setTriggerValue }) {
  let own = shown.get(parentElement)
  if (!own) {
    own = { clicks: [] }
    own.map = createMap(parentElement, {
      load: async (key) => {
        const answer = await fetch(own.data.url + key)
        if (!answer.ok) throw new Error(`no array ${key}`)
        return answer.arrayBuffer()
      },
      send: (event) => send(own, event),
    })
    shown.set(parentElement, own)
  }
  Object.assign(own, { data, setTriggerValue })
  own.map.update(data, !own.clicks.some((click) => click.n > data.heard && click.select))
  return () => {
    own.map.remove()
    shown.delete(parentElement)
  }
}

// Of two clicks between reruns the server sees only the later one: each carries all unacknowledged earlier ones, and
// of several selections the last.
function send(own, event) {
  const n = Math.max(Date.now(), own.data.heard + 1, (own.clicks.at(-1)?.n ?? 0) + 1)
  const open = own.clicks.filter((click) => click.n > own.data.heard && click.n > n - EXPIRY)
  const earlier = open.filter((click) => !(click.select && event.select))
  own.clicks = [...earlier, { ...event, n }]
  own.setTriggerValue("done", { ...event, n, earlier })
}
