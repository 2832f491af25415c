import { describe, expect, test } from 'vitest'
import { latin1 } from '../../core/bytes/ascii.ts'
import { TLS_HELLO_SIZE } from '../../core/limits.ts'
import { HelloReader } from '../../core/tls/client_hello.ts'
import { RetryGuard } from '../../core/tls/retry_guard.ts'
import { CURL } from './captures.ts'
import {
  bytesOf,
  extension,
  hello,
  message,
  number,
  record,
  records,
  RETRY_RANDOM,
  serverHello,
  serverName,
} from './hello.ts'

const said = (...extensions: readonly string[]): string => latin1(hello(...extensions))
const FIRST = said(serverName('a.example'))
/** The same name, and what else a second one has: a cookie. */
const SECOND = said(extension(44, '\0\x01c'), serverName('A.example'))
const OTHER = said(serverName('b.example'))
const RETRY = record(serverHello(RETRY_RANDOM))
const ANSWER = record(serverHello('s'.repeat(32)))
const CIPHER_CHANGE = record('\x01', 20)
const DATA = record('early data', 23)
const WARNING = record('\x01\x70', 21)

/** `up` and `down`: what is said, in this order. */
type Step = readonly ['up' | 'down', string]

interface Course {
  /** What went on to the server. */
  readonly up: string
  readonly state: 'looking' | 'done' | 'refused'
}

/** Has the first hello, in one piece with what follows it at once, and all that is said then in pieces of this size. */
function run(steps: readonly Step[], size = Infinity, first = FIRST, after = ''): Course {
  const reader = new HelloReader()
  const kept = bytesOf(first + after)
  for (let at = 0; reader.feed(kept.subarray(at, at + 1)) === 'more'; at++);
  const guard = new RetryGuard(reader)
  let up = latin1(guard.up(kept.slice()))
  for (const [way, text] of steps) {
    for (let at = 0; at < text.length; at += size) {
      // Lent: nothing of it may be looked at afterwards.
      const lent = bytesOf(text.slice(at, at + size))
      if (guard.refused) break
      if (guard.done) up += way === 'up' ? latin1(lent) : ''
      else if (way === 'up') up += latin1(guard.up(lent))
      else guard.down(lent)
      lent.fill(0xaa)
    }
  }
  return { up, state: guard.refused ? 'refused' : guard.done ? 'done' : 'looking' }
}

const SIZES = [1, 2, 3, 5, 7, 20, 43, 60, Infinity]
const all = (steps: readonly Step[]): string => steps.map(([way, text]) => way === 'up' ? text : '').join('')

describe('all goes on', () => {
  test.each<[string, Course['state'], ...Step[]]>([
    ['an answer', 'done', ['down', ANSWER], ['up', OTHER]],
    ['an answer in records of one byte', 'done', ['down', records(serverHello('s'.repeat(32)), 1)], ['up', OTHER]],
    ['a warning before it', 'done', ['down', WARNING + ANSWER], ['up', OTHER]],
    ['no TLS', 'done', ['down', 'HTTP/1.1 400 Bad Request\r\n'], ['up', OTHER]],
    ['another message', 'done', ['down', record('\x0b\0\0\0')], ['up', OTHER]],
    ['a fatal alert', 'looking', ['down', record('\x02\x28', 21)], ['up', WARNING]],
    ['half an answer', 'looking', ['down', RETRY.slice(0, 40)]],
    ['before any answer, early data', 'looking', ['up', CIPHER_CHANGE + DATA + WARNING]],
    ['before any answer, what is no TLS', 'looking', ['up', 'and more of it']],
    ['asked again, with an alert', 'looking', ['down', RETRY], ['up', WARNING]],
    ['asked again', 'done', ['down', RETRY], ['up', SECOND], ['down', ANSWER], ['up', OTHER]],
    [
      'asked again, with early data on its way',
      'done',
      ['up', CIPHER_CHANGE + DATA],
      ['down', RETRY + CIPHER_CHANGE],
      ['up', DATA + CIPHER_CHANGE + SECOND + CIPHER_CHANGE + DATA],
    ],
    ['asked again, after a warning', 'done', ['down', WARNING + RETRY], ['up', SECOND + OTHER]],
    ['asked again in records of two bytes', 'done', ['down', records(serverHello(RETRY_RANDOM), 2)], ['up', SECOND]],
    [
      'asked again, and said in records of three bytes',
      'done',
      ['down', RETRY],
      ['up', CIPHER_CHANGE + records(SECOND.slice(5), 3)],
    ],
  ])('%s', (_, state, ...steps) => {
    for (const size of SIZES) {
      expect(run(steps, size), `${size}`).toEqual({ up: FIRST + all(steps), state })
    }
  })

  test('each random that is not that of a HelloRetryRequest is an answer', () => {
    for (let at = 0; at < 32; at++) {
      const other = RETRY_RANDOM.slice(0, at) + '\0' + RETRY_RANDOM.slice(at + 1)
      expect(run([['down', record(serverHello(other))]]).state, `${at}`).toBe('done')
    }
  })

  test('a record that begins together with the first one', () => {
    const steps: Step[] = [['down', RETRY], ['up', SECOND]]
    expect(run([['up', DATA.slice(7)], ...steps], Infinity, FIRST, CIPHER_CHANGE + DATA.slice(0, 7))).toEqual({
      up: FIRST + CIPHER_CHANGE + DATA + SECOND,
      state: 'done',
    })
  })

  test('where the first was no TLS, nothing is looked at', () => {
    expect(run([['down', RETRY], ['up', OTHER]], 1, 'SSH-2.0-x\r\n')).toEqual({
      up: `SSH-2.0-x\r\n${OTHER}`,
      state: 'done',
    })
  })

  test('what was held back when the client ends', () => {
    const reader = new HelloReader()
    reader.feed(bytesOf(FIRST))
    const guard = new RetryGuard(reader)
    guard.up(bytesOf(FIRST))
    guard.down(bytesOf(RETRY))
    expect(latin1(guard.up(bytesOf(CIPHER_CHANGE + SECOND.slice(0, 20))))).toBe(CIPHER_CHANGE)
    expect(guard.up(bytesOf(SECOND.slice(20, 30))).length).toBe(0)
    expect(latin1(guard.ended())).toBe(SECOND.slice(0, 30))
    expect(guard.done).toBe(true)
  })

  test('before the client has said anything the server may', () => {
    const reader = new HelloReader()
    const guard = new RetryGuard(reader)
    guard.down(bytesOf('220 hello\r\n'))
    expect(guard.done).toBe(false)
    reader.feed(bytesOf(FIRST))
    expect(latin1(guard.up(bytesOf(FIRST)))).toBe(FIRST)
    guard.down(bytesOf(RETRY))
    expect(guard.up(bytesOf(OTHER)).length).toBe(0)
    expect(guard.refused).toBe(true)
  })
})

describe('refused, and nothing of it goes on', () => {
  test.each<[string, string, string, ...Step[]]>([
    ['another name', FIRST, '', ['down', RETRY], ['up', OTHER]],
    ['another name, after others', FIRST, CIPHER_CHANGE + DATA, ['down', RETRY], ['up', CIPHER_CHANGE + DATA + OTHER]],
    ['no name', FIRST, '', ['down', RETRY], ['up', said()]],
    ['a name where there was none', said(), '', ['down', RETRY], ['up', OTHER]],
    ['what was not hidden is', FIRST, '', ['down', RETRY], [
      'up',
      said(serverName('a.example'), extension(0xfe0d, '\0')),
    ]],
    ['what cannot be judged', FIRST, '', ['down', RETRY], ['up', said(serverName('a.example', 'b.example'))]],
    ['another message', FIRST, '', ['down', RETRY], ['up', record('\x0b\0\0\0')]],
    ['larger than any', FIRST, '', ['down', RETRY], ['up', record(`\x01${number(TLS_HELLO_SIZE, 3)}`)]],
    ['another name in records of one byte', FIRST, '', ['down', RETRY], ['up', records(OTHER.slice(5), 1)]],
    ['asked in records of one byte', FIRST, '', ['down', records(serverHello(RETRY_RANDOM), 1)], ['up', OTHER]],
    ['asked after a warning', FIRST, '', ['down', WARNING + RETRY], ['up', OTHER]],
    ['before it was asked', FIRST, '', ['up', OTHER]],
    ['before it was asked, the same', FIRST, CIPHER_CHANGE, ['up', CIPHER_CHANGE + FIRST]],
    ['when half of the answer has come', FIRST, '', ['down', RETRY.slice(0, 30)], ['up', OTHER]],
    ['at once', FIRST, OTHER],
    ['at once, in the same record', record(message() + OTHER.slice(5)), ''],
    [
      'in the record of the first one, which was not at its end',
      record(FIRST.slice(5) + OTHER.slice(5)).slice(0, FIRST.length),
      '',
      ['down', RETRY],
      ['up', OTHER.slice(5)],
    ],
  ])('%s', (_, first, after, ...steps) => {
    for (const size of SIZES) {
      const { up, state } = run(steps, size, first, after)
      expect(state, `${size}`).toBe('refused')
      // Other records go on until then.
      const went = first + after + all(steps)
      expect(went.startsWith(up), `${size}`).toBe(true)
      expect(up.slice(first.length).includes('\x16\x03\x01')).toBe(false)
    }
  })
})

test('refused by others: nothing goes on, whatever it is', () => {
  for (const first of [FIRST, 'SSH-2.0-x\r\n']) {
    const reader = new HelloReader()
    const guard = new RetryGuard(reader)
    reader.feed(bytesOf(first))
    guard.refused = true
    expect([guard.up(bytesOf(first)).length, guard.done, guard.refused]).toEqual([0, false, true])
  }
})

test('what a real client says first is one to be asked again', () => {
  const first = latin1(CURL)
  for (let at = 1; at < first.length; at += 7) {
    const second = `${CIPHER_CHANGE}${first}`
    const steps: Step[] = [['down', RETRY], ['up', second.slice(0, at)], ['up', second.slice(at)]]
    expect(run(steps, Infinity, first)).toEqual({ up: first + second, state: 'done' })
  }
})
