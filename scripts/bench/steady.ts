/**
 * A load at a fixed rate, whatever the proxy does: the same for all, so that how long they take can be compared.
 *
 * A request is due at its time, not when the one before is answered: one that finds every connection waiting waits too, and
 * that is counted. What is not counted is how late this program itself is (it looks at the clock once a millisecond, and
 * lets all go that is due): that is no doing of the proxy's.
 */
import { hostOf, type Running, target } from './check.ts'
import { Latencies } from './latencies.ts'
import { Line } from './line.ts'
import type { Tally } from './measure.ts'
import type { Origin } from './origin.ts'

const CONNECTIONS = 64
const TICK_MILLISECONDS = 1

/** How many requests of a rate (a second) have become due after so many milliseconds, beside those that were let go. */
export function due(rate: number, elapsed: number, released: number): number {
  return Math.max(0, Math.floor(rate * elapsed / 1000) - released)
}

export async function steady(proxy: Running, origin: Origin, seconds: number, rate: number): Promise<Tally> {
  const free = await Promise.all(Array.from({ length: CONNECTIONS }, () => Line.open(proxy.port)))
  const lines = [...free]
  const request = `GET ${target(proxy.mode, origin, '/small')} HTTP/1.1\r\nHost: ${hostOf(proxy.mode, origin)}\r\n` +
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n' +
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.7\r\n\r\n'
  const body = origin.bodies['/small']
  const latencies = new Latencies()
  const total = rate * seconds
  const began = performance.now()
  try {
    await new Promise<void>((resolve, reject) => {
      /** When those were due that found no connection free. */
      const waiting: number[] = []
      let released = 0
      const ask = (line: Line, since: number): void => {
        line.send(request)
        line.answer(200, body).then(() => {
          latencies.add((performance.now() - since) * 1000)
          const next = waiting.shift()
          if (next !== undefined) ask(line, next)
          else free.push(line)
          if (latencies.count === total) end()
        }).catch(end)
      }
      const timer = setInterval(() => {
        const now = performance.now()
        for (let left = Math.min(due(rate, now - began, released), total - released); left > 0; left--) {
          released++
          const line = free.shift()
          if (line !== undefined) ask(line, now)
          else waiting.push(now)
        }
        if (waiting.length > rate) end(new Error(`it cannot keep up with ${rate} requests a second`))
      }, TICK_MILLISECONDS)
      const end = (error?: unknown): void => {
        clearInterval(timer)
        if (error === undefined) resolve()
        else reject(error)
      }
    })
  } finally {
    for (const line of lines) line.close()
  }
  const duration = (performance.now() - began) * 1000
  return { units: total, logged: total, bytes: total * body.length, duration, latency: latencies.percentiles() }
}
