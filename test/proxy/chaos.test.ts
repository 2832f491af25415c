/**
 * Clients and origins that do anything at all, at random but the same in every run. Whatever happens: no bug, no answer that
 * is somebody else's, none that looks whole and is not, and nothing left behind.
 */
import { expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { HttpParser } from '../../core/http/parser.ts'
import type { Peer } from '../memory/peer.ts'
import { settle } from '../memory/machine.ts'
import { Counters } from './counters.ts'
import { World } from './world.ts'

class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed * 2_654_435_761 >>> 0
  }

  /** From 0 to below `sides`. */
  roll(sides: number): number {
    this.#state = Math.imul(this.#state, 1_664_525) + 1_013_904_223 >>> 0
    return Math.floor(this.#state / 2 ** 32 * sides)
  }

  pick<T>(...of: readonly T[]): T {
    return of[this.roll(of.length)]
  }

  once(in_: number): boolean {
    return this.roll(in_) === 0
  }
}

const marked = (name: string, size: number): string => `[${name}]`.repeat(Math.ceil(size / (name.length + 2)))

/** A request that names itself in its path and, when it has one, in every part of its body. */
function request(dice: Dice, name: string): string {
  const method = dice.pick('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT')
  const version = dice.once(8) ? 0 : 1
  const fields = ['Host: origin.test']
  if (dice.once(8)) fields.push('Connection: close')
  if (dice.once(8)) fields.push('Expect: 100-continue')
  if (dice.once(8)) fields.push('Authorization: NTLM abc')
  let body = ''
  if (method.startsWith('P')) {
    body = marked(name, dice.pick(0, 10, 3000, 20_000))
    if (version === 1 && dice.once(2)) {
      fields.push('Transfer-Encoding: chunked')
      body = (body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`) + (dice.once(12) ? 'zz' : '0\r\n\r\n')
    } else fields.push(`Content-Length: ${body.length}`)
  }
  return `${method} http://origin.test/${name} HTTP/1.${version}\r\n${fields.join('\r\n')}\r\n\r\n${body}`
}

/**
 * An answer that names what it answers, or is wrong in one of many ways. What an origin sends behind an answer is noticed when
 * it has been read before the next request goes out, and cannot be told from an answer to that when it has not (seed 744 of a
 * longer run): an origin may spoil its own answers so, and nobody else's. With these seeds it is always noticed.
 */
function response(dice: Dice, name: string, head: boolean): string {
  const body = marked(name, dice.pick(0, 10, 3000, 20_000))
  const kept = dice.once(6) ? 'Connection: close\r\n' : ''
  const interim = dice.once(6) ? `HTTP/1.1 103 Early Hints\r\nLink: <${name}>\r\n\r\n` : ''
  const sent = head ? '' : body
  switch (dice.roll(12)) {
    case 0:
      return `${interim}HTTP/1.1 204 No Content\r\n${kept}\r\n`
    case 1:
      return `${interim}HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${sent}HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n[poison]`
    case 2:
      return 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'
    case 3:
    case 4:
    case 5:
      if (head) return `${interim}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${kept}\r\n`
      return `${interim}HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${kept}\r\n${
        body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`
      }0\r\n\r\n`
    case 6:
      return `HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: ${body.length}\r\n\r\n${sent}`
    default:
      return `${interim}HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${kept}\r\n${sent}`
  }
}

/** Serve requests as they come, until something random happens or the world is over. */
async function serve(dice: Dice, origin: Peer, over: () => boolean): Promise<void> {
  const parser = new HttpParser('request')
  let seen = 0
  try {
    while (origin.state === 'open' && !over()) {
      await settle(1)
      if (parser.buffered || seen < origin.text.length) {
        if (!parser.buffered) parser.feed(toBytes(origin.text.slice(seen)))
        seen = origin.text.length
        const event = parser.next()
        if (event.kind === 'head') {
          const name = event.head.target().slice(1)
          if (dice.once(20)) return origin.socket.abort()
          if (dice.once(20)) return origin.socket.close()
          if (dice.once(20)) origin.pause()
          if (dice.once(30)) continue
          const text = response(dice, name, event.head.isMethod('HEAD'))
          const cut = dice.once(10) ? dice.roll(text.length) : text.length
          await origin.send(text.slice(0, cut))
          if (cut < text.length && dice.once(2)) return dice.once(2) ? origin.socket.abort() : origin.socket.end()
        } else if (event.kind === 'end') parser.restart()
      }
    }
  } catch {
    // What came was cut, or it broke: so be it.
    origin.socket.close()
  }
}

/** Whether all whole bodies in `text` are of what was asked, in order. */
function judge(text: string, asked: readonly string[], ended: boolean): string {
  const parser = new HttpParser('response')
  parser.feed(toBytes(text))
  if (ended) parser.finish()
  let at = 0
  let body = ''
  const restart = (): void => parser.restart(asked[at]?.startsWith('HEAD') ? { head: true } : {})
  const nameOf = (line: string | undefined): string => /\/\/origin.test\/(\S+)/.exec(line ?? '')?.[1] ?? ''
  restart()
  let status = 0
  try {
    for (;;) {
      const event = parser.next()
      const name = nameOf(asked[at])
      if (event.kind === 'head') {
        status = event.head.status
        if (status < 200) {
          const link = /^Link: <(.*)>$/m.exec(latin1(event.head.bytes, 0, event.head.end))?.[1]
          if (link !== undefined && link !== name) return `${link} hints for ${name}`
        }
      } else if (event.kind === 'data') body += latin1(event.chunk, event.from, event.to)
      else if (event.kind === 'end') {
        if (status < 200) {
          restart()
          continue
        }
        if (at >= asked.length) return 'more answers than requests'
        // What an origin sends unasked and late is its next answer, as far as anybody can tell: it fools itself.
        if ((status < 300 || status === 401) && body.replaceAll(`[${name}]`, '') !== '' && body !== '[poison]') {
          return `${body.slice(0, 80)} for ${name}`
        }
        at++
        body = ''
        restart()
      } else return ''
    }
  } catch {
    return ''
  }
}

test.each(Array.from({ length: 60 }, (_, seed) => seed + 1))('seed %d', async (seed) => {
  const dice = new Dice(seed)
  const sets = ['outgoing.idle_timeout=20s', 'outgoing.response_timeout=20s', 'listener.http.idle_timeout=20s']
  const world = await World.open(...sets, `http.expect=${dice.pick('true', 'false')}`, 'outgoing.idle_per_origin=3')
  world.machine.network.capacity = dice.pick(65_536, 5000, 300)
  const largest = dice.pick(65_536, 1000, 40)
  world.machine.network.piece = () => dice.roll(largest) + 1
  void world.origins((origin) => void serve(dice, origin, () => over))
  const counters = new Counters(world)
  let over = false
  let number = 0
  const clients: { peer: Peer; asked: string[]; busy: Promise<void>; spoiled: boolean }[] = []
  for (let step = 0; step < 60; step++) {
    if (clients.length < 6 || dice.once(6)) {
      const peer = await world.client()
      clients.push({ peer, asked: [], busy: Promise.resolve(), spoiled: false })
    }
    const client = clients[dice.roll(clients.length)]
    const { peer, asked } = client
    switch (dice.roll(24)) {
      case 0:
        await peer.reset()
        break
      case 1:
        await peer.close()
        break
      case 2:
        await peer.end()
        break
      case 3:
        peer.pause()
        break
      case 4:
        await peer.resume()
        break
      case 5:
        await world.pass(dice.roll(15_000))
        break
      default: {
        // What follows a request that is cut short would be taken for the rest of it.
        if (client.spoiled) break
        // One or more requests, some of them cut short, behind what is still being sent.
        const texts = Array.from({ length: dice.roll(3) + 1 }, () => request(dice, `${seed}-${++number}`))
        asked.push(...texts.map((text) => text.slice(0, text.indexOf('\r\n'))))
        const text = texts.join('')
        const cut = dice.once(15) ? dice.roll(text.length) : text.length
        client.spoiled = cut < text.length
        client.busy = client.busy.then(() => peer.send(text.slice(0, cut))).catch(() => {})
        await settle(dice.roll(6))
      }
    }
    counters.look()
  }
  await settle(20)
  for (const { peer, asked } of clients) expect(judge(peer.text, asked, peer.state === 'ended')).toBe('')
  // Time runs out for all that is under way.
  for (let i = 0; i < 6; i++) await world.pass(25_000)
  for (const { peer, asked } of clients) expect(judge(peer.text, asked, peer.state === 'ended')).toBe('')
  for (const { peer } of clients) await peer.reset()
  for (let i = 0; i < 3; i++) await world.pass(25_000)
  over = true
  expect(await world.leftovers()).toEqual([])
  expect(counters.leftovers()).toEqual([])
})
