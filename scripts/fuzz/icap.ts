/** The fuzz target of core/icap. */

import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { Failure } from '../../core/failure.ts'
import { writeChunkEnd, writeChunkSize, writeLastChunk } from '../../core/http/body.ts'
import { readEncapsulated } from '../../core/icap/encapsulated.ts'
import {
  readRequestHead,
  readResponseHead,
  reframe,
  writeRequestHead,
  writeResponseHead,
} from '../../core/icap/encapsulated_head.ts'
import { IcapParser } from '../../core/icap/parser.ts'
import { writeIcapRequest, writeIcapResponse } from '../../core/icap/write.ts'
import { type IcapResult, run } from '../../test/icap/tools.ts'
import type { FuzzTarget } from './main.ts'
import { cut, type Random } from './random.ts'

type Side = 'request' | 'response'

/** Byte by byte is slow: only for inputs up to this size. */
const SHORT = 512

function same(got: unknown, wanted: unknown, what: string): void {
  const a = JSON.stringify(got)
  const b = JSON.stringify(wanted)
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`)
}

const GET = 'GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: x-a\r\nX-A: b\r\n\r\n'
const POST = 'POST http://a.test/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\n'
const BODY = '4; a="b;ieof"\r\nabcd\r\n0\r\n\r\n'

const SEEDS = [
  'OPTIONS icap://i/x ICAP/1.0\r\nHost: i\r\n\r\n',
  'OPTIONS icap://i/x ICAP/1.0\r\nHost: i\r\nEncapsulated: opt-body=0\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  `REQMOD icap://i/x ICAP/1.0\r\nHost: i\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body=${GET.length}\r\n\r\n${GET}`,
  `REQMOD icap://i/x ICAP/1.0\r\nHost: i\r\nEncapsulated: req-hdr=0, req-body=${POST.length}\r\n\r\n${POST}${BODY}`,
  `REQMOD icap://i/x ICAP/1.0\r\nHost: i\r\nPreview: 4\r\nEncapsulated: req-hdr=0, req-body=${POST.length}\r\n\r\n${POST}` +
  '4\r\nabcd\r\n0; ieof\r\n\r\n',
  `REQMOD icap://i/x ICAP/1.0\r\nHost: i\r\nPreview: 2\r\nEncapsulated: req-hdr=0, req-body=${POST.length}\r\n\r\n${POST}` +
  '2\r\nab\r\n0\r\n\r\n2\r\ncd\r\n0\r\n\r\n',
  `RESPMOD icap://i/x ICAP/1.0\r\nHost: i\r\nEncapsulated: req-hdr=0, res-hdr=${GET.length}, ` +
  `res-body=${GET.length + OK.length}\r\n\r\n${GET}${OK}${BODY}`,
  'ICAP/1.0 204 No Content\r\nISTag: "x"\r\nEncapsulated: null-body=0\r\n\r\n',
  `ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=${OK.length}\r\n\r\n${OK}${BODY}`,
  `ICAP/1.0 206 Partial\r\nEncapsulated: res-hdr=0, res-body=${OK.length}\r\n\r\n${OK}2\r\nab\r\n0; use-original-body=2\r\n\r\n`,
  `ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, null-body=${GET.length}\r\n\r\n${GET}`,
]

const WORDS = [
  'Encapsulated: ',
  'req-hdr=0, ',
  'res-hdr=0, ',
  'req-body=',
  'null-body=0',
  'Preview: 0\r\n',
  '0; ieof\r\n\r\n',
  '; ieof',
  '; use-original-body=0',
  '0\r\n\r\n',
  '1\r\na\r\n',
  '\r\n\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 5\r\n',
]

/** Write every whole message anew, as a client or a server of ours would, and parse what was written. */
function again(side: Side, input: Uint8Array, random: Random): void {
  const parser = new IcapParser(side)
  parser.feed(input)
  const out = new ByteWriter(64)
  let whole = 0
  const wanted: unknown[] = []
  let body = ''
  let start: unknown[] = []
  try {
    for (let ended = false;;) {
      const event = parser.next()
      if (event.kind === 'need-data') {
        if (ended) break
        ended = true
        parser.finish()
      } else if (event.kind === 'message') {
        const { head, encapsulated, request, response } = event.message!
        const asked = request === null ? null : new ByteWriter(64)
        if (request !== null) writeRequestHead(asked!, request.head, request.head.target())
        const answer = response === null ? null : new ByteWriter(64)
        if (response !== null) writeResponseHead(answer!, response.head)
        const parts = { request: asked, response: answer, body: encapsulated.body }
        if (side === 'request') writeIcapRequest(out, head.method, head.uri, [], parts)
        else writeIcapResponse(out, head.status, [], parts)
        start = [head.method, head.uri, head.status, encapsulated.body, request?.head.method(), response?.head.status]
        body = ''
        framedAnew(asked, answer, encapsulated.body !== 'null-body', random)
        request?.release()
        response?.release()
      } else if (event.kind === 'data') {
        body += latin1(event.chunk, event.from, event.to)
        writeChunkSize(out, event.to - event.from)
        out.put(event.chunk, event.from, event.to)
        writeChunkEnd(out)
      } else if (event.kind === 'preview') parser.resume()
      else if (event.kind === 'end') {
        if (start[3] !== 'null-body') writeLastChunk(out, null)
        wanted.push([...start, body])
        whole = out.length
      } else parser.restart()
    }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
  }
  out.length = whole
  same(read(side, out.view().slice()), wanted, 'what was written anew reads differently')
}

function read(side: Side, bytes: Uint8Array): unknown[] {
  const parser = new IcapParser(side)
  parser.feed(bytes)
  const messages: unknown[][] = []
  for (;;) {
    const event = parser.next()
    if (event.kind === 'need-data') return messages
    if (event.kind === 'message') {
      const { head, encapsulated, request, response } = event.message!
      const { method, uri, status } = head
      messages.push([method, uri, status, encapsulated.body, request?.head.method(), response?.head.status, ''])
      request?.release()
      response?.release()
    } else if (event.kind === 'data') {
      const last = messages[messages.length - 1]
      last[6] += latin1(event.chunk, event.from, event.to)
    } else if (event.kind === 'paused') parser.restart()
  }
}

/** A head that was framed anew is a head, and says nothing that is not so. */
function framedAnew(asked: ByteWriter | null, answer: ByteWriter | null, body: boolean, random: Random): void {
  for (const [writer, readHead] of [[asked, readRequestHead], [answer, readResponseHead]] as const) {
    if (writer === null) continue
    const bodiless = random.below(4) === 0
    const own = reframe(readHead(writer.view().slice(), bodiless), body ? 'body' : bodiless ? 'told' : 'none')
    const { framing, length } = own.head
    const true_ = body ? framing === 'chunked' : framing === 'none' || (framing === 'length' && length === 0)
    if (!true_) throw new Error(`framed anew as ${framing} ${length}, with ${body ? 'a' : 'no'} body`)
    own.release()
  }
}

const target: FuzzTarget = {
  invariant:
    'whatever bytes: the same events however they are cut, nothing thrown but a Failure, what is written anew ' +
    'reads as the same messages, and no head says what is not so of its body',
  seeds: SEEDS.map(toBytes),
  words: WORDS.map(toBytes),
  check(input, random) {
    readEncapsulated(latin1(input))
    for (const side of ['request', 'response'] as const) {
      const whole: IcapResult = run(side, [input])
      for (let i = 0; i < 3; i++) same(run(side, cut(random, input)), whole, `${side}, cut`)
      if (input.length <= SHORT) {
        same(run(side, Array.from(input, (byte) => Uint8Array.of(byte))), whole, `${side}, byte by byte`)
      }
      again(side, input, random)
    }
  },
}

export default target
