/** Running a parser over bytes cut in any way, and saying what came out in a form that can be compared. */

import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import type { Answering } from '../../core/http/framing.ts'
import type { Head } from '../../core/http/head.ts'
import { type HeadLimits, HttpParser } from '../../core/http/parser.ts'

export interface Message {
  start: string
  /** `name: value`, with `- ` before those that are cut. */
  fields: string[]
  framing: string
  persistent: boolean
  flags: string
  body: string
  /** null until the end has come. */
  trailers: string[] | null
}

export interface Result {
  messages: Message[]
  /** How it stopped: a failure's code, `waiting` (no message under way) or `incomplete`. */
  end: string
  /** Detail of the failure. */
  detail: string
}

export interface RunOptions {
  limits?: HeadLimits
  /** What each response answers, in order; the last one goes on. */
  answering?: Answering[]
  /** Called for each head; a Failure it throws ends the run as one of the parser's does. */
  onHead?: (head: Head) => void
  /** Do not end the stream after the last piece. */
  open?: boolean
}

const fieldsOf = (head: Head): string[] => {
  const fields: string[] = []
  for (let i = 0; i < head.count; i++) fields.push(`${head.cut[i] ? '- ' : ''}${head.name(i)}: ${head.value(i)}`)
  return fields
}

export function startOf(head: Head): string {
  if (head.status !== 0) return `${head.minor} ${head.status} ${head.reason()}`
  return `${head.method()} ${head.target()} ${head.minor}`
}

function messageOf(head: Head): Message {
  const flags: string[] = []
  if (head.upgrade) flags.push('upgrade')
  if (head.expectContinue) flags.push('expect')
  if (head.trailersWelcome) flags.push('trailers')
  return {
    start: startOf(head),
    fields: fieldsOf(head),
    framing: head.framing === 'length' ? `length ${head.length}` : head.framing,
    persistent: head.persistent,
    flags: flags.join(' '),
    body: '',
    trailers: null,
  }
}

/** Parse the pieces one after the other. Each is spoiled when the parser says that it is done with it. */
export function run(kind: 'request' | 'response', pieces: Uint8Array[], options: RunOptions = {}): Result {
  const parser = new HttpParser(kind, options.limits)
  const messages: Message[] = []
  const answering = options.answering ?? [{}]
  let asked = 0
  parser.restart(answering[0])
  let next = 0
  let lent: Uint8Array | null = null
  for (let guard = 0;; guard++) {
    if (guard > 2_000_000) throw new Error('the parser does not come to an end')
    let event
    try {
      event = parser.next()
      if (event.kind === 'head') options.onHead?.(event.head)
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
      return { messages, end: failure.code, detail: failure.detail }
    }
    const message = messages[messages.length - 1]
    switch (event.kind) {
      case 'head':
        messages.push(messageOf(event.head))
        continue
      case 'data':
        if (event.from >= event.to) throw new Error('an empty piece of data')
        message.body += latin1(event.chunk, event.from, event.to)
        continue
      case 'end':
        message.trailers = event.trailers === null ? [] : fieldsOf(event.trailers)
        continue
      case 'paused':
        asked++
        parser.restart(answering[Math.min(asked, answering.length - 1)])
        continue
      case 'need-data':
        lent?.fill(0xaa)
        if (next < pieces.length) {
          lent = pieces[next++].slice()
          parser.feed(lent)
          continue
        }
        if (next === pieces.length && options.open !== true) {
          next++
          parser.finish()
          continue
        }
        return { messages, end: parser.started ? 'incomplete' : 'waiting', detail: '' }
    }
  }
}

/**
 * The ways to cut `bytes` that tests go through: whole, in single bytes, and in two at each place (of long ones: at a
 * thousand places and all of the last hundred).
 */
export function* cuts(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes]
  yield Array.from(bytes, (byte) => Uint8Array.of(byte))
  const step = bytes.length < 1500 ? 1 : Math.ceil(bytes.length / 1000)
  for (let i = 1; i < bytes.length; i += i > bytes.length - 100 ? 1 : step) {
    yield [bytes.subarray(0, i), bytes.subarray(i)]
  }
}

/** Parse `text` in every way; throws when two ways differ, and gives what all of them gave. */
export function everyWay(kind: 'request' | 'response', text: string, options: RunOptions = {}): Result {
  const bytes = toBytes(text)
  let first: Result | null = null
  let wanted = ''
  for (const pieces of cuts(bytes)) {
    const result = run(kind, pieces, options)
    const got = JSON.stringify(result)
    if (first === null) {
      first = result
      wanted = got
    } else if (got !== wanted) {
      throw new Error(
        `cut at ${pieces[0].length} of ${bytes.length}, ${pieces.length} pieces: ${got}, whole: ${wanted}`,
      )
    }
  }
  return first!
}

/** A head that was parsed, for what takes one. */
export function headOf(kind: 'request' | 'response', text: string, options: RunOptions = {}): Head {
  const parser = new HttpParser(kind, options.limits)
  parser.restart(options.answering?.[0])
  parser.feed(toBytes(text))
  const event = parser.next()
  if (event.kind !== 'head') throw new Error(`not a head: ${event.kind}`)
  return event.head
}
