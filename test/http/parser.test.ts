/** How a parser is driven: what is lent, what is kept, what comes when. */

import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { giveHead, type Head, NO_HEAD, takeHead } from '../../core/http/head.ts'
import { HttpParser } from '../../core/http/parser.ts'

const get = (path: string): string => `GET /${path} HTTP/1.1\r\nHost: h\r\n\r\n`
const post = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello'

test('nothing is under way before the first byte', () => {
  const parser = new HttpParser('request')
  expect(parser.next().kind).toBe('need-data')
  expect([parser.started, parser.buffered]).toEqual([false, false])
  parser.finish()
  expect(parser.next().kind).toBe('need-data')
})

test('started tells an idle connection from a slow one', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes('\r\n'))
  parser.next()
  expect(parser.started).toBe(false)
  parser.feed(toBytes('G'))
  parser.next()
  expect(parser.started).toBe(true)
  parser.feed(toBytes(get('').slice(1)))
  expect(parser.next().kind).toBe('head')
  expect(parser.next().kind).toBe('end')
  parser.restart()
  expect(parser.started).toBe(false)
})

test('a pipelined message waits for restart, and is there without another feed', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes(get('a') + get('b')))
  expect(parser.next().head.target()).toBe('/a')
  expect(parser.next().kind).toBe('end')
  expect(parser.next().kind).toBe('paused')
  expect(parser.next().kind).toBe('paused')
  expect(parser.buffered).toBe(true)
  expect(latin1(parser.rest())).toBe(get('b'))
  parser.restart()
  expect(parser.next().head.target()).toBe('/b')
  expect(parser.next().kind).toBe('end')
  expect(parser.buffered).toBe(false)
  expect(parser.rest()).toHaveLength(0)
})

test('bytes may be fed while paused, when none are left', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes(get('a')))
  parser.next()
  parser.next()
  parser.feed(toBytes(get('b')))
  expect(parser.next().kind).toBe('paused')
  parser.restart()
  expect(parser.next().head.target()).toBe('/b')
})

test('a chunk must be used up before the next one', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes(get('a') + get('b')))
  parser.next()
  expect(() => parser.feed(toBytes('x'))).toThrow('used up')
})

test('a message must be over before the next one', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes(post.slice(0, -2)))
  parser.next()
  expect(() => parser.restart()).toThrow('inside a message')
})

test('a body is not copied, and comes as it is fed', () => {
  const parser = new HttpParser('request')
  const chunk = toBytes(post.slice(0, -2))
  parser.feed(chunk)
  parser.next()
  const event = parser.next()
  expect(event).toMatchObject({ kind: 'data', from: chunk.length - 3, to: chunk.length })
  expect(event.chunk).toBe(chunk)
  expect(parser.next().kind).toBe('need-data')
  const rest = toBytes('loNEXT')
  parser.feed(rest)
  expect(parser.next()).toMatchObject({ kind: 'data', chunk: rest, from: 0, to: 2 })
  expect(parser.next().kind).toBe('end')
  expect(latin1(parser.rest())).toBe('NEXT')
})

test('one event object is used again and again, and lets go of the chunk', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes(post))
  const event = parser.next()
  expect(parser.next()).toBe(event)
  expect(event.kind).toBe('data')
  parser.next()
  expect(event.chunk).toHaveLength(0)
})

test('the head lives until restart, whatever becomes of the chunk', () => {
  const parser = new HttpParser('request')
  const chunk = toBytes(get('a'))
  parser.feed(chunk)
  const { head } = parser.next()
  chunk.fill(0)
  expect(head.target()).toBe('/a')
  parser.next()
  expect(parser.next().head).toBe(head)
  parser.restart()
  expect(parser.next().head).toBe(NO_HEAD)
})

test('heads are pooled, and a large one is not kept', () => {
  const head = takeHead()
  giveHead(head)
  expect(takeHead()).toBe(head)
  head.store(new Uint8Array(20_000), 0, 20_000)
  giveHead(head)
  expect(takeHead()).not.toBe(head)
  giveHead(NO_HEAD)
  expect(takeHead()).not.toBe(NO_HEAD)
})

test('a head used before has nothing left of its last message', () => {
  const parser = new HttpParser('request')
  const first =
    'POST /long HTTP/1.1\r\nHost: h\r\nConnection: x-a, upgrade\r\nUpgrade: a\r\nX-A: b\r\nTE: trailers\r\n' +
    'Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx'
  parser.feed(toBytes(first))
  const used = parser.next().head
  const told = (
    head: Head,
  ): unknown[] => [head.framing, head.length, head.upgrade, head.expectContinue, head.trailersWelcome]
  expect(told(used)).toEqual(['length', 1, true, true, true])
  while (parser.next().kind !== 'end');
  parser.restart()
  parser.feed(toBytes('GET / HTTP/1.1\r\nA: b\r\nHost: h\r\n\r\n'))
  const { head } = parser.next()
  expect(head).toBe(used)
  expect(told(head)).toEqual(['none', 0, false, false, false])
  expect([head.count, [...head.cut.subarray(0, 2)]]).toEqual([2, [0, 0]])
})

test('a failure is thrown again, and release ends everything', () => {
  const parser = new HttpParser('request')
  parser.feed(toBytes('\0'))
  expect(() => parser.next()).toThrow('bad-request')
  expect(() => parser.next()).toThrow('bad-request')
  parser.release()
  expect(() => parser.next()).toThrow('bad-request')
  const other = new HttpParser('response')
  other.feed(toBytes('HTTP/1.1 200 OK\r\n'))
  other.next()
  other.release()
  expect(() => other.next()).toThrow('origin-left')
})

test('9110 15.2: interim responses come as messages of their own', () => {
  const parser = new HttpParser('response')
  parser.feed(
    toBytes(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const seen: (string | number)[] = []
  for (let i = 0; i < 3; i++) {
    const { head } = parser.next()
    seen.push(head.status)
    for (let event = parser.next(); event.kind !== 'paused'; event = parser.next()) seen.push(event.kind)
    parser.restart()
  }
  expect(seen).toEqual([100, 'end', 103, 'end', 200, 'data', 'end'])
})

describe('what follows is handed over', () => {
  test('after CONNECT', () => {
    const parser = new HttpParser('request')
    parser.feed(toBytes('CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01'))
    parser.next()
    expect(parser.next().kind).toBe('end')
    expect(latin1(parser.rest())).toBe('\x16\x03\x01')
  })
  test('after 101', () => {
    const parser = new HttpParser('response')
    parser.feed(toBytes('HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\nhello'))
    expect(parser.next().head.upgrade).toBe(true)
    expect(parser.next().kind).toBe('end')
    expect(latin1(parser.rest())).toBe('hello')
  })
  test('after 2xx to CONNECT', () => {
    const parser = new HttpParser('response')
    parser.restart({ connect: true })
    parser.feed(toBytes('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello'))
    parser.next()
    expect(parser.next().kind).toBe('end')
    expect(latin1(parser.rest())).toBe('hello')
  })
})

test('a head that comes byte by byte is not searched from its start again and again', () => {
  // 60,000 bytes one by one: quadratic work would be 1.8 thousand million steps, and the test would time out.
  const parser = new HttpParser('request')
  const bytes = toBytes(`GET / HTTP/1.1\r\nHost: h\r\nA: ${'y'.repeat(60_000)}\r\n\r\n`)
  let last = ''
  for (let i = 0; i < bytes.length; i++) {
    parser.feed(bytes.subarray(i, i + 1))
    last = parser.next().kind
    if (i < bytes.length - 1 && last !== 'need-data') throw new Error(`${last} at ${i}`)
  }
  expect(last).toBe('head')
})
