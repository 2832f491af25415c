/** The fuzz target of core/http. */

import { latin1 } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { Failure } from '../../core/failure.ts'
import { writeChunkEnd, writeChunkSize, writeLastChunk } from '../../core/http/body.ts'
import {
  hasVia,
  maxForwards,
  type RequestForwarding,
  type ResponseForwarding,
  writeRequestHead,
  writeResponseHead,
} from '../../core/http/forward.ts'
import type { Head } from '../../core/http/head.ts'
import { HttpParser } from '../../core/http/parser.ts'
import { parseTarget } from '../../core/http/target.ts'
import { bytesOf, REQUESTS, RESPONSES, WORDS } from '../../test/http/corpus.ts'
import { type Message, run } from '../../test/http/tools.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

type Kind = 'request' | 'response'

/** Byte by byte is slow: only for inputs up to this size. */
const SHORT = 512

function same(got: unknown, wanted: unknown, what: string): void {
  const a = JSON.stringify(got)
  const b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`)
}

/** Of a forwarded message, what must not have changed on the way. */
interface Sent {
  start: string
  body: string
  framing: string
  fields: string[]
}

/** Fields a proxy makes anew or adds; all others pass as they are or not at all. */
const OURS =
  /^(host|content-length|transfer-encoding|connection|te|upgrade|trailer|via|x-forwarded-for|forwarded|max-forwards|date):/i

const keptFields = (fields: readonly string[]): string[] =>
  fields.filter((field) => !field.startsWith('- ') && !OURS.test(field))

const fieldsOf = (head: Head): string[] => {
  const fields: string[] = []
  for (let i = 0; i < head.count; i++) if (head.cut[i] === 0) fields.push(`${head.name(i)}: ${head.value(i)}`)
  return keptFields(fields)
}

const requestHow = (random: Random, head: Head): RequestForwarding => ({
  form: random.pick(['origin', 'absolute']),
  via: random.pick(['', 'exa']),
  forwardedFor: random.pick(['append', 'off']),
  forwarded: random.below(2) === 0,
  transparent: false,
  client: random.pick(['192.0.2.1', '::1', '']),
  expect: random.below(2) === 0,
  upgrades: random.pick([[], ['websocket']]),
  keepAlive: true,
  chunked: head.framing === 'chunked' || (head.framing === 'length' && random.below(2) === 0),
  trailers: random.below(2) === 0,
  maxForwards: random.pick([-1, 0, 5]),
  hostFromTarget: random.below(2) === 0,
})

const responseHow = (random: Random, head: Head, last: boolean): ResponseForwarding => ({
  via: random.pick(['', 'exa']),
  close: last,
  keepAlive: false,
  framing: head.framing === 'close' || head.framing === 'chunked' ? (last ? 'close' : 'chunked') : 'as-is',
  upgrade: false,
  date: random.pick(['', 'now']),
  trailers: random.below(2) === 0,
})

/** Send every whole message of `input` on, as the proxy does, and parse what was sent. */
function relay(kind: Kind, input: Uint8Array, random: Random): void {
  const out = new ByteWriter(64)
  const parser = new HttpParser(kind)
  parser.feed(input)
  const sent: Sent[] = []
  let whole = 0
  try {
    for (let ended = false;;) {
      let event = parser.next()
      if (event.kind === 'need-data') {
        if (ended) break
        ended = true
        parser.finish()
        continue
      }
      const { head } = event
      let chunked: boolean
      const message: Sent = { start: '', body: '', framing: '', fields: fieldsOf(head) }
      if (kind === 'request') {
        const target = parseTarget(head)
        hasVia(head, 'exa')
        maxForwards(head)
        const how = requestHow(random, head)
        chunked = how.chunked
        if (!how.expect || head.minor === 0) message.fields = message.fields.filter((field) => !/^expect:/i.test(field))
        writeRequestHead(out, head, target, how)
        message.start = head.method()
      } else {
        const how = responseHow(random, head, false)
        chunked = how.framing === 'chunked' && head.framing !== 'none'
        writeResponseHead(out, head, how)
        message.start = `${head.status} ${head.reason()}`
      }
      message.framing = chunked ? 'chunked' : head.framing === 'length' ? `length ${head.length}` : head.framing
      for (event = parser.next(); event.kind !== 'end'; event = parser.next()) {
        if (event.kind === 'need-data') {
          if (ended) throw new Error('need-data after the end')
          ended = true
          parser.finish()
          continue
        }
        if (chunked) writeChunkSize(out, event.to - event.from)
        out.put(event.chunk, event.from, event.to)
        if (chunked) writeChunkEnd(out)
        message.body += latin1(event.chunk, event.from, event.to)
      }
      if (chunked) writeLastChunk(out, event.trailers)
      sent.push(message)
      whole = out.length
      parser.next()
      parser.restart()
    }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    // What was begun and not ended is not ended for the next hop either.
    out.length = whole
  }
  const { messages, end, detail } = run(kind, [out.view().slice()], { open: true })
  if (end !== 'waiting') throw new Error(`what was sent on ends in ${end} (${detail})`)
  same(messages.map((message) => sentOf(kind, message)), sent, 'what was sent on reads differently')
}

function sentOf(kind: Kind, message: Message): Sent {
  const { start, body, framing, fields } = message
  return {
    start: kind === 'request' ? start.slice(0, start.indexOf(' ')) : start.slice(2),
    body,
    framing,
    fields: keptFields(fields),
  }
}

const target: FuzzTarget = {
  invariant:
    'whatever bytes: the same events however they are cut, nothing thrown but a Failure, and what is sent on ' +
    'reads as the same messages',
  seeds: bytesOf([...REQUESTS, ...RESPONSES]),
  words: bytesOf(WORDS),
  check(input, random) {
    for (const kind of ['request', 'response'] as const) {
      const whole = run(kind, [input])
      for (let i = 0; i < 3; i++) same(run(kind, cut(random, input)), whole, `${kind}, cut`)
      if (input.length <= SHORT) {
        same(run(kind, Array.from(input, (byte) => Uint8Array.of(byte))), whole, `${kind}, byte by byte`)
      }
      relay(kind, input, random)
    }
  },
}

export default target
