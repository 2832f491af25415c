/** What holds for any message, and for any bytes at all. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { fuzz } from '../../scripts/fuzz/main.ts'
import target from '../../scripts/fuzz/http.ts'
import { cut, randomOf } from '../../scripts/fuzz/random.ts'
import { WORDS } from './corpus.ts'
import { run } from './tools.ts'

const letters = (characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength })

const TOKEN = "abcXYZ019!#$%&'*+-.^_`|~"
const octets = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
/** What may stand in a value (RFC 9110 5.5), and does not start or end with white space. */
const value = fc
  .string({ unit: fc.constantFrom(...octets.filter((c) => /[\t\x20-\x7e\x80-\xff]/.test(c))), maxLength: 30 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''))
const name = letters(TOKEN, 1, 12).map((text) => `x-${text}`)
const space = letters(' \t', 0, 3)
const field = fc.record({ name, before: space, value, after: space })
const body = fc.string({ unit: fc.constantFrom(...octets), maxLength: 60 })
const pieces = fc.array(fc.string({ unit: fc.constantFrom(...octets), minLength: 1, maxLength: 20 }), { maxLength: 5 })

const request = fc.record({
  method: letters(TOKEN, 1, 10).filter((text) => text !== 'CONNECT'),
  target: letters("abc019/?-._~:[]@!$&'()*+,;=%", 1, 30),
  fields: fc.array(field, { maxLength: 8 }),
  chunks: fc.option(pieces, { nil: null }),
  body: fc.option(body, { nil: null }),
})

describe('a message that is valid is read as it was meant', () => {
  test('requests, pipelined, cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), fc.nat(), (requests, seed) => {
        let text = ''
        for (const { method, target, fields, chunks, body } of requests) {
          text += `${method} ${target} HTTP/1.1\r\nHost: h\r\n`
          for (const { name, before, value, after } of fields) text += `${name}:${before}${value}${after}\r\n`
          if (chunks !== null) {
            text += 'Transfer-Encoding: chunked\r\n\r\n'
            for (const piece of chunks) text += `${piece.length.toString(16)}\r\n${piece}\r\n`
            text += '0\r\n\r\n'
          } else if (body !== null) text += `Content-Length: ${body.length}\r\n\r\n${body}`
          else text += '\r\n'
        }
        const result = run('request', cut(randomOf(seed), toBytes(text)))
        expect(result.end).toBe('waiting')
        expect(result.messages).toHaveLength(requests.length)
        requests.forEach(({ method, target, fields, chunks, body }, i) => {
          const message = result.messages[i]
          expect(message.start).toBe(`${method} ${target} 1`)
          expect(message.fields.slice(1, 1 + fields.length)).toEqual(
            fields.map((field) => `${field.name}: ${field.value}`),
          )
          expect(message.body).toBe(chunks === null ? body ?? '' : chunks.join(''))
        })
      }),
      { numRuns: 500 },
    )
  })

  test('responses, whatever their framing', () => {
    const response = fc.record({
      status: fc.integer({ min: 200, max: 999 }),
      reason: value,
      fields: fc.array(field),
      body,
    })
    fc.assert(
      fc.property(response, fc.constantFrom('length', 'chunked', 'close'), fc.nat(), (parts, framing, seed) => {
        const { status, reason, fields, body } = parts
        fc.pre(status !== 204 && status !== 304)
        let text = `HTTP/1.1 ${status} ${reason}\r\n`
        for (const { name, before, value, after } of fields) text += `${name}:${before}${value}${after}\r\n`
        if (framing === 'length') text += `Content-Length: ${body.length}\r\n\r\n${body}`
        else if (framing === 'chunked') {
          const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`
          text += `Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`
        } else text += `\r\n${body}`
        const result = run('response', cut(randomOf(seed), toBytes(text)))
        expect(result).toMatchObject({
          end: 'waiting',
          messages: [{ start: `1 ${status} ${reason}`, body, trailers: [] }],
        })
      }),
      { numRuns: 500 },
    )
  })
})

describe(target.invariant, () => {
  test('words in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }), fc.nat(), (words, seed) => {
        target.check(toBytes(words.join('')), randomOf(seed))
      }),
      { numRuns: 500 },
    )
  })
  test('any bytes after a good start', () => {
    const start = fc.constantFrom(
      '',
      'GET / HTTP/1.1\r\nHost: h\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    fc.assert(
      fc.property(start, body, fc.nat(), (start, bytes, seed) => target.check(toBytes(start + bytes), randomOf(seed))),
      { numRuns: 500 },
    )
  })
  test('mutated messages', () => {
    // `npm run fuzz -- http` goes on from here for as long as one likes.
    expect(fuzz(target, 1, (tried) => tried >= 2000)).toBeGreaterThanOrEqual(2000)
  })
})
