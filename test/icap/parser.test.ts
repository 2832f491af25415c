import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { Failure } from '../../core/failure.ts'
import { type BodyPart } from '../../core/icap/encapsulated.ts'
import type { IcapSide } from '../../core/icap/head.ts'
import { IcapParser } from '../../core/icap/parser.ts'
import { type IcapFields, writeIcapRequest, writeIcapResponse } from '../../core/icap/write.ts'
import { type IcapResult, run } from './tools.ts'

const writer = (text: string): ByteWriter => {
  const out = new ByteWriter(16)
  out.text(text)
  return out
}

const ASKED = 'GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n'
const POSTED = 'POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n'
const ANSWERED = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n'

function message(
  side: IcapSide,
  fields: IcapFields,
  parts: { request?: string; response?: string; body?: BodyPart } | null,
  after = '',
  start = '',
): string {
  const out = new ByteWriter(64)
  const all = parts === null ? null : {
    request: parts.request === undefined ? null : writer(parts.request),
    response: parts.response === undefined ? null : writer(parts.response),
    body: parts.body ?? 'null-body' as const,
  }
  if (side === 'request') writeIcapRequest(out, start === '' ? 'REQMOD' : start, 'icap://i.example:1344/x', fields, all)
  else writeIcapResponse(out, start === '' ? 200 : Number(start), fields, all)
  return latin1(out.view()) + after
}

interface Row {
  name: string
  side: IcapSide
  bytes: string
  messages?: Partial<IcapResult['messages'][number]>[]
  end: string
  detail?: string
  restart?: boolean
}

const host: IcapFields = [['Host', 'i.example:1344']]

const rows: Row[] = [
  {
    name: 'a request without a body',
    side: 'request',
    bytes: message('request', host, { request: ASKED }),
    messages: [{
      start: 'REQMOD icap://i.example:1344/x',
      request: 'GET http://a.example/',
      response: null,
      body: '',
      end: 'end',
    }],
    end: 'waiting',
  },
  {
    name: 'OPTIONS, which says nothing of what it encapsulates',
    side: 'request',
    bytes: message('request', host, null, '', 'OPTIONS'),
    messages: [{ start: 'OPTIONS icap://i.example:1344/x', request: null, response: null, end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'OPTIONS with a body',
    side: 'request',
    bytes: message('request', host, { body: 'opt-body' }, '2\r\nab\r\n0\r\n\r\n', 'OPTIONS'),
    messages: [{ body: 'ab', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a body in chunks, with an extension and a trailer',
    side: 'request',
    bytes: message(
      'request',
      host,
      { request: POSTED, body: 'req-body' },
      '4;a=b\r\nabcd\r\n5\r\nefghi\r\n0\r\nX: y\r\n\r\n',
    ),
    messages: [{ request: 'POST http://a.example/', body: 'abcdefghi', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a preview, and the rest of the body',
    side: 'request',
    bytes: message(
      'request',
      [...host, ['Preview', '4']],
      { request: POSTED, body: 'req-body' },
      '4\r\nabcd\r\n0\r\n\r\n5\r\nefghi\r\n0\r\n\r\n',
    ),
    messages: [{ body: 'abcd|efghi', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a preview of nothing',
    side: 'request',
    bytes: message(
      'request',
      [...host, ['Preview', '0']],
      { request: POSTED, body: 'req-body' },
      '0\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n',
    ),
    messages: [{ body: '|abcdefghi', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a preview that was all of the body',
    side: 'request',
    bytes: message(
      'request',
      [...host, ['Preview', '1024']],
      { request: POSTED, body: 'req-body' },
      '9\r\nabcdefghi\r\n0; ieof\r\n\r\n',
    ),
    messages: [{ body: 'abcdefghi', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'ieof that belongs to a chunk before the last one says nothing',
    side: 'request',
    bytes: message(
      'request',
      [...host, ['Preview', '1024']],
      { request: POSTED, body: 'req-body' },
      '9; ieof\r\nabcdefghi\r\n0\r\n\r\n0\r\n\r\n',
    ),
    messages: [{ body: 'abcdefghi|', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a preview with no body to show',
    side: 'request',
    bytes: message('request', [...host, ['Preview', '0']], { request: ASKED }),
    messages: [{ body: '', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'after a preview the next request, where the answer was final',
    side: 'request',
    bytes: message(
      'request',
      [...host, ['Preview', '4']],
      { request: POSTED, body: 'req-body' },
      '4\r\nabcd\r\n0\r\n\r\n' + message('request', host, { request: ASKED }),
    ),
    restart: true,
    messages: [{ body: 'abcd', end: 'preview' }, { request: 'GET http://a.example/', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'two requests in a row, and empty lines between them',
    side: 'request',
    bytes: message('request', host, { request: ASKED }) + '\r\n\r\n' + message('request', host, { request: ASKED }),
    messages: [{ end: 'end' }, { end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'RESPMOD with both heads',
    side: 'request',
    bytes: message(
      'request',
      host,
      { request: ASKED, response: ANSWERED, body: 'res-body' },
      '2\r\nab\r\n0\r\n\r\n',
      'RESPMOD',
    ),
    messages: [{ request: 'GET http://a.example/', response: '200 OK', body: 'ab', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'the answer to HEAD has a length and no body',
    side: 'request',
    bytes: message(
      'request',
      host,
      { request: ASKED.replace('GET', 'HEAD'), response: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' },
      '',
      'RESPMOD',
    ),
    messages: [{ response: '200 OK', framing: 'none', end: 'end' }],
    end: 'waiting',
  },
  {
    name: '204',
    side: 'response',
    bytes: message('response', [['ISTag', '"1"']], { body: 'null-body' }, '', '204'),
    messages: [{ start: '204 No modifications needed', end: 'end' }],
    end: 'waiting',
  },
  {
    name: '100 and then 200',
    side: 'response',
    bytes: message('response', [], null, '', '100') +
      message('response', [], { request: POSTED, body: 'req-body' }, '2\r\nok\r\n0\r\n\r\n'),
    messages: [{ start: '100 Continue', end: 'end' }, { request: 'POST http://a.example/', body: 'ok', end: 'end' }],
    end: 'waiting',
  },
  {
    name: 'a status without words',
    side: 'response',
    bytes: 'ICAP/1.0 204\r\n\r\n',
    messages: [{ start: '204 ', end: 'end' }],
    end: 'waiting',
  },
  {
    name: '206: the rest of the original follows',
    side: 'response',
    bytes: message(
      'response',
      [],
      { response: ANSWERED, body: 'res-body' },
      '2\r\nab\r\n0; use-original-body=17\r\n\r\n',
      '206',
    ),
    messages: [{ body: 'ab', end: 'end', original: 17 }],
    end: 'waiting',
  },
  {
    name: '206 that is complete',
    side: 'response',
    bytes: message('response', [], { response: ANSWERED, body: 'res-body' }, '2\r\nab\r\n0\r\n\r\n', '206'),
    messages: [{ body: 'ab', end: 'end', original: -1 }],
    end: 'waiting',
  },
  {
    name: 'use-original-body means nothing with 200',
    side: 'response',
    bytes: message(
      'response',
      [],
      { response: ANSWERED, body: 'res-body' },
      '0; use-original-body=0\r\n\r\n',
    ),
    messages: [{ original: -1, end: 'end' }],
    end: 'waiting',
  },
]

const request = (fields: string, rest = ''): string => `REQMOD icap://i/x ICAP/1.0\r\n${fields}\r\n${rest}`
const section = `Encapsulated: req-hdr=0, null-body=${ASKED.length}\r\n`

const refused: Row[] = [
  ['another version', 'REQMOD icap://i/x ICAP/2.0\r\n\r\n', 'bad-request 505'],
  ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'bad-request'],
  ['no method', ' icap://i/x ICAP/1.0\r\n\r\n', 'bad-request'],
  ['two spaces', 'REQMOD  icap://i/x ICAP/1.0\r\n\r\n', 'bad-request'],
  ['a URI with a tab', 'REQMOD icap://i/\tx ICAP/1.0\r\n\r\n', 'bad-request'],
  ['words after the version', 'REQMOD icap://i/x ICAP/1.0 x\r\n\r\n', 'bad-request'],
  ['a bare LF', 'REQMOD icap://i/x ICAP/1.0\n\n', 'bad-request'],
  ['a bare LF in a field', request('Host: a\nX: y\r\n'), 'bad-request'],
  ['a bare CR in a field', request('Host: a\rX: y\r\n'), 'bad-request'],
  ['a NUL in a field', request('Host: a\0\r\n'), 'bad-request'],
  ['a folded field', request('Host: a\r\n b\r\n'), 'bad-request'],
  ['white space before a colon', request('Host : a\r\n'), 'bad-request'],
  ['a line that is no field', request('Host\r\n'), 'bad-request'],
  ['a field without a name', request(': a\r\n'), 'bad-request'],
  ['Encapsulated twice', request(section + section, ASKED), 'bad-request'],
  ['Preview twice', request('Preview: 0\r\nPreview: 4\r\n'), 'bad-request'],
  ['Preview below nothing', request('Preview: -1\r\n'), 'bad-request'],
  ['Preview in hexadecimal', request('Preview: 0x10\r\n'), 'bad-request'],
  ['too many fields', request('A: b\r\n'.repeat(257)), 'bad-request'],
  ['too large a head', request(`A: ${'b'.repeat(20_000)}\r\n`), 'bad-request'],
  ['offsets that do not begin at 0', request('Encapsulated: req-hdr=1, null-body=9\r\n'), 'bad-request'],
  ['offsets that fall', request('Encapsulated: req-hdr=0, res-hdr=9, null-body=8\r\n'), 'bad-request'],
  ['offsets that stay', request('Encapsulated: req-hdr=0, null-body=0\r\n'), 'bad-request'],
  ['an offset that is no number', request('Encapsulated: req-hdr=0, null-body=+9\r\n'), 'bad-request'],
  ['an offset too many', request('Encapsulated: req-hdr=0=0, null-body=9\r\n'), 'bad-request'],
  ['a negative offset', request('Encapsulated: req-hdr=0, null-body=-9\r\n'), 'bad-request'],
  ['no body in Encapsulated', request('Encapsulated: req-hdr=0\r\n'), 'bad-request'],
  ['two bodies in Encapsulated', request('Encapsulated: req-hdr=0, req-body=9, res-body=10\r\n'), 'bad-request'],
  ['the heads the wrong way round', request('Encapsulated: res-hdr=0, req-hdr=9, null-body=19\r\n'), 'bad-request'],
  ['the same head twice', request('Encapsulated: req-hdr=0, req-hdr=9, null-body=19\r\n'), 'bad-request'],
  ['an unknown part', request('Encapsulated: req-hdr=0, my-body=9\r\n'), 'bad-request'],
  ['req-body after the head of a response', request('Encapsulated: res-hdr=0, req-body=9\r\n'), 'bad-request'],
  ['Encapsulated with nothing in it', request('Encapsulated:\r\n'), 'bad-request'],
  ['too large a section', request('Encapsulated: req-hdr=0, null-body=70000\r\n'), 'bad-request'],
  [
    'a section that ends before its head does',
    request(`Encapsulated: req-hdr=0, null-body=${ASKED.length - 2}\r\n`, ASKED),
    'bad-request',
  ],
  [
    'a section that ends after its head does',
    request(`Encapsulated: req-hdr=0, null-body=${ASKED.length + 2}\r\n`, ASKED + '\r\n'),
    'bad-request',
  ],
  [
    'one request in another',
    request(`Encapsulated: req-hdr=0, null-body=${ASKED.length * 2}\r\n`, ASKED + ASKED),
    'bad-request',
  ],
  [
    'a chunk with a sign',
    request(`Encapsulated: req-hdr=0, req-body=${POSTED.length}\r\n`, POSTED + '+4\r\nabcd\r\n'),
    'bad-body',
  ],
  [
    'a preview longer than announced',
    request(
      `Preview: 3\r\nEncapsulated: req-hdr=0, req-body=${POSTED.length}\r\n`,
      POSTED + '4\r\nabcd\r\n0; ieof\r\n\r\n',
    ),
    'bad-request',
  ],
].map(([name, bytes, end]) => ({ name, side: 'request', bytes, end }))

const wrongAnswers: Row[] = [
  ['HTTP', 'HTTP/1.1 200 OK\r\n\r\n', 'bad-response'],
  ['no status', 'ICAP/1.0 \r\n\r\n', 'bad-response'],
  ['two digits', 'ICAP/1.0 20 OK\r\n\r\n', 'bad-response'],
  ['four digits', 'ICAP/1.0 2000 OK\r\n\r\n', 'bad-response'],
  ['a bare LF', 'ICAP/1.0 200 OK\n\n', 'bad-response'],
  ['an empty line first', '\r\nICAP/1.0 204 x\r\n\r\n', 'bad-response'],
  [
    'use-original-body without a number',
    message('response', [], { response: ANSWERED, body: 'res-body' }, '0; use-original-body=x\r\n\r\n', '206'),
    'bad-response',
  ],
].map(([name, bytes, end]) => ({ name, side: 'response', bytes, end }))

function judge(row: Row, result: IcapResult): void {
  expect(result.end, result.detail).toBe(row.end)
  row.messages?.forEach((wanted, i) => expect(result.messages[i]).toMatchObject(wanted))
  if (row.messages !== undefined) expect(result.messages).toHaveLength(row.messages.length)
}

describe.each([['valid', rows], ['refused', refused], ['wrong answers', wrongAnswers]])('%s', (_, table) => {
  test.each(table)('$name', (row) => {
    const bytes = toBytes(row.bytes)
    const options = { restart: row.restart === true }
    judge(row, run(row.side, [bytes], options))
    // Wherever it is cut, and byte by byte.
    for (let at = 1; at < bytes.length && at < 1500; at++) {
      judge(row, run(row.side, [bytes.slice(0, at), bytes.slice(at)], options))
    }
    if (bytes.length < 2000) judge(row, run(row.side, Array.from(bytes, (byte) => Uint8Array.of(byte)), options))
  })
})

describe('ends in the middle', () => {
  const table = rows.filter((row) => row.messages!.length === 1 && row.restart !== true)
  test.each(table)('$name', (row) => {
    const bytes = toBytes(row.bytes)
    for (let at = 1; at < bytes.length; at++) {
      const result = run(row.side, [bytes.slice(0, at)], { close: true })
      expect(result.end, `after ${at} bytes`).toBe(row.side === 'request' ? 'client-left' : 'origin-left')
    }
    expect(run(row.side, [bytes], { close: true }).end).toBe('waiting')
  })
})

test('what failed once fails the same way again', () => {
  const parser = new IcapParser('response')
  parser.feed(toBytes('x\n'))
  const failures = [0, 1].map(() => {
    try {
      parser.next()
    } catch (error) {
      return error
    }
  })
  expect(failures[0]).toBeInstanceOf(Failure)
  expect(failures[1]).toBe(failures[0])
})
