/** Where we and llhttp, which Node and undici read with, part: a table of what is meant, and a comparison that knows it. */

import { latin1 } from '../../core/bytes/ascii.ts'
import { parseTarget } from '../../core/http/target.ts'
import { runTheirs } from './llhttp.ts'
import { run } from './tools.ts'

export type Kind = 'request' | 'response'

/**
 * A difference that is meant: one refuses the example, and says so in this way, and the other one takes it. With `neither`
 * both may take it and read it differently.
 */
export interface Difference {
  kind: Kind
  refuses: 'we' | 'llhttp' | 'neither'
  /** Fits the failure's code and detail, separated by a space; with `neither` it fits the text of the message. */
  says: RegExp
  why: string
  example: string
}

const row = (kind: Kind, refuses: Difference['refuses'], says: RegExp, why: string, example: string): Difference => ({
  kind,
  refuses,
  says,
  why,
  example,
})
const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`
const post = (fields: string, body: string): string => `POST / HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${body}`
const answer = (fields: string, body = ''): string => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`
const TE = 'Transfer-Encoding: chunked'

export const DIFFERENCES: readonly Difference[] = [
  row('request', 'we', /^bad-host /, '9112 3.2: llhttp leaves Host to its users', 'GET / HTTP/1.1\r\n\r\n'),
  row('request', 'we', /^bad-target /, '9112 3.2: llhttp lets a fragment and characters of no URI pass', get('/a#b')),
  row('request', 'we', /^wrong-scheme /, '9110 4.2: which schemes are served is no matter of syntax', get('ftp://h/')),
  row(
    'request',
    'we',
    /^expectation-failed /,
    '9110 10.1.1: llhttp leaves Expect to its users',
    post('Expect: x\r\nContent-Length: 0', ''),
  ),
  row('request', 'we', /^bad-request .*has no version$/, '9112 3: llhttp reads HTTP/0.9', 'GET /\r\n\r\n'),
  row(
    'request',
    'we',
    /^bad-request .*start with a method$/,
    '9112 2.2: llhttp passes over a lone LF',
    `\n${get('/')}`,
  ),
  row('request', 'we', /^bad-request a CR without LF$/, '9112 2.2: llhttp passes over a lone CR', `\r${get('/')}`),
  row(
    'request',
    'we',
    /^bad-request too many empty lines/,
    '9112 2.2: llhttp passes over any number of empty lines',
    '\r\n'.repeat(5) + get('/'),
  ),
  row('request', 'we', /^bad-request two spaces/, '9112 3: llhttp passes over several spaces', get(' /')),
  row('request', 'we', /^bad-request the version is not/, '9112 3: ... before the version too', get('/ ')),
  row(
    'request',
    'we',
    /^version-unknown /,
    '9112 2.3: llhttp takes HTTP/2.0 and 0.9 for versions of requests',
    'GET / HTTP/2.0\r\nHost: h\r\n\r\n',
  ),
  row(
    'request',
    'we',
    /^bad-framing /,
    '9112 6.1: llhttp takes all that ends in chunked',
    post('Transfer-Encoding: ,chunked', '0\r\n\r\n'),
  ),
  row(
    'request',
    'we',
    /^coding-unknown /,
    '9112 6.1: ... after other codings too',
    post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
  ),

  row(
    'request',
    'we',
    /^bad-body a chunk extension/,
    '9112 7.1.1: llhttp takes names without values, and the like',
    post(TE, '3;a=\r\nabc\r\n0\r\n\r\n'),
  ),

  row(
    'request',
    'llhttp',
    /^HPE_STRICT Invalid character in chunk extensions/,
    '9112 7.1.1: bad white space inside chunk extensions has to be read',
    post(TE, '3; a=b\r\nabc\r\n0\r\n\r\n'),
  ),
  row(
    'request',
    'llhttp',
    /^HPE_INVALID_METHOD /,
    '9110 9.1: llhttp has a list of methods, we take any token',
    `X${get('/')}`,
  ),
  row(
    'request',
    'llhttp',
    /^HPE_INVALID_VERSION /,
    '9110 6.2: a higher minor version is read as 1.1',
    'GET / HTTP/1.5\r\nHost: h\r\n\r\n',
  ),
  row(
    'request',
    'llhttp',
    /^HPE_INVALID_TRANSFER_ENCODING /,
    '9110 6.5.1: Transfer-Encoding among trailers frames nothing; we drop it',
    post(TE, `0\r\n${TE}\r\n\r\n`),
  ),
  row(
    'request',
    'llhttp',
    /^HPE_(UNEXPECTED|INVALID)_CONTENT_LENGTH /,
    '9110 6.5.1: nor does Content-Length',
    post(TE, '0\r\nContent-Length: 3\r\n\r\n'),
  ),
  row(
    'request',
    'llhttp',
    /^HPE_CLOSED_CONNECTION /,
    '9112 9.6: the proxy reads no request after one that closes',
    `GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n${get('/')}`,
  ),

  row(
    'response',
    'we',
    /^bad-response .*transfer-encoding/i,
    '9112 6.3: llhttp reads codings it does not know to the end of the connection',
    answer('Transfer-Encoding: x', 'abc'),
  ),
  row(
    'response',
    'we',
    /^bad-response the reason has a byte/,
    '9112 4: llhttp takes any reason',
    'HTTP/1.1 200 \x07\r\n\r\n',
  ),
  row(
    'response',
    'we',
    /^bad-response the version is not/,
    '9112 2.2: llhttp passes over empty lines',
    `\r\n${answer('A: b')}`,
  ),
  row(
    'response',
    'we',
    /^bad-response the status is/,
    '9110 15: llhttp takes statuses below 100',
    'HTTP/1.1 099 X\r\n\r\n',
  ),
  row(
    'response',
    'we',
    /^bad-response a CR without LF/,
    '9112 2.2: llhttp takes CR CR LF here',
    'HTTP/1.1 200 OK\r\rA: 1\r\nContent-Length: 0\r\n\r\n',
  ),

  row(
    'response',
    'we',
    /^bad-response an unknown version/,
    '9112 2.3: llhttp takes HTTP/2.0 and 0.9 for versions of responses',
    'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  ),
  row(
    'response',
    'we',
    /^bad-response a chunk extension/,
    '9112 7.1.1: llhttp takes names without values, and the like',
    answer(TE, '3;a=\r\nabc\r\n0\r\n\r\n'),
  ),

  row(
    'response',
    'neither',
    /^transfer-encoding:.*chunked[ \t]*\t/im,
    '9110 5.6.3: a tab after chunked is white space; llhttp reads such a body to the end of the connection',
    answer(`${TE}\t`, '3\r\nabc\r\n0\r\n\r\n'),
  ),
  row(
    'response',
    'neither',
    /^HTTP\/1[.][0-9] 1(0[4-9]|[1-9])/m,
    '9110 15.2: no 1xx has a body; llhttp knows of a few only',
    'HTTP/1.1 104 X\r\nContent-Length: 3\r\n\r\n',
  ),
  row(
    'response',
    'llhttp',
    /^HPE_STRICT Invalid character in chunk extensions/,
    '9112 7.1.1: bad white space inside chunk extensions has to be read',
    answer(TE, '3;a= b\r\nabc\r\n0\r\n\r\n'),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_CLOSED_CONNECTION /,
    '9112 9.6: the proxy reads no response after one that closes',
    answer('Connection: close\r\nContent-Length: 0', answer('Content-Length: 0')),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_INVALID_CONTENT_LENGTH Content-Length can't be present/,
    '9112 6.3: of both framings the chunks count',
    answer(`${TE}\r\nContent-Length: 3`, '0\r\n\r\n'),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_INVALID_TRANSFER_ENCODING /,
    '9112 6.3: ... in whichever order',
    answer(`Content-Length: 3\r\n${TE}`, '0\r\n\r\n'),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_INVALID_CONTENT_LENGTH (Invalid|Empty)/,
    '9112 6.3: a length does not count, and need not be one, where there is no body',
    'HTTP/1.1 204 X\r\nContent-Length: x\r\n\r\n',
  ),
  row(
    'response',
    'llhttp',
    /^HPE_UNEXPECTED_CONTENT_LENGTH /,
    '9110 8.6: equal lengths are one',
    answer('Content-Length: 0\r\nContent-Length: 0'),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_INVALID_HEADER_TOKEN /,
    '9112 5.1: white space before the colon is taken away',
    answer('A : b\r\nContent-Length: 0'),
  ),
  row(
    'response',
    'llhttp',
    /^HPE_INVALID_VERSION /,
    '9110 6.2: a higher minor version is read as 1.1',
    'HTTP/1.5 200 OK\r\nContent-Length: 0\r\n\r\n',
  ),
]

interface Read {
  start: string
  fields: string[]
  body: string
  trailers: string[] | null
}

const plain = (fields: string[]): string[] => fields.map((field) => field.replace(/^- /, ''))

/** Throws when the two part for no reason we know; gives the reason, or null when they do not part. */
export function compare(kind: Kind, bytes: Uint8Array): Difference | null {
  const theirs = runTheirs(kind, bytes)
  const onHead = kind === 'request' ? { onHead: parseTargetOnly } : {}
  const result = run(kind, [bytes], onHead)
  const ours = result.messages.map((message): Read => ({
    start: message.start,
    fields: plain(message.fields),
    body: message.body,
    trailers: message.trailers === null ? null : plain(message.trailers),
  }))
  const [weTake, theyTake] = [result.end === 'waiting', theirs.end === 'waiting']
  // As far as both have come, they have read the same.
  for (let i = 0; i < Math.max(ours.length, theirs.messages.length); i++) {
    const [a, b] = [ours[i], theirs.messages[i]]
    if (sameSoFar(a, b, weTake && theyTake)) continue
    return explain(
      kind,
      'neither',
      '',
      latin1(bytes),
      `we read ${JSON.stringify(a)}, llhttp reads ${JSON.stringify(b)}`,
    )
  }
  if (weTake === theyTake) return null
  const said = weTake ? `${theirs.end} ${theirs.detail}` : `${result.end} ${result.detail}`
  const refuses = weTake ? 'llhttp' : 'we'
  return explain(
    kind,
    refuses,
    said,
    latin1(bytes),
    `only ${refuses} refused (${said}): ${JSON.stringify(latin1(bytes))}`,
  )
}

/** Whether two messages are the same; where one of the two parsers gave up, as far as both go. */
function sameSoFar(a: Read | undefined, b: Read | undefined, whole: boolean): boolean {
  if (a === undefined || b === undefined) return !whole
  if (JSON.stringify([a.start, a.fields]) !== JSON.stringify([b.start, b.fields])) return false
  if (a.trailers !== null && b.trailers !== null) whole = true
  if (whole) return a.body === b.body && JSON.stringify(a.trailers) === JSON.stringify(b.trailers)
  return a.body.startsWith(b.body) || b.body.startsWith(a.body)
}

function explain(
  kind: Kind,
  refuses: Difference['refuses'],
  said: string,
  text: string,
  words: string,
): Difference {
  const fits = (row: Difference): boolean =>
    row.refuses === 'neither' ? row.says.test(text) : row.refuses === refuses && row.says.test(said)
  const known = DIFFERENCES.find((row) => row.kind === kind && fits(row))
  if (known === undefined) throw new Error(words)
  return known
}

const parseTargetOnly = (head: Parameters<typeof parseTarget>[0]): void => {
  parseTarget(head)
}
