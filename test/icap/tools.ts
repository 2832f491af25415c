/** Running an ICAP parser over bytes cut in any way, and saying what came out in a form that can be compared. */

import { latin1 } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import type { IcapSide } from '../../core/icap/head.ts'
import { type IcapEvent, IcapParser } from '../../core/icap/parser.ts'
import { startOf } from '../http/tools.ts'

export interface IcapMessageText {
  start: string
  fields: string[]
  /** `METHOD target` of the encapsulated request; null: none. */
  request: string | null
  /** `status reason` of the encapsulated response; null: none. */
  response: string | null
  framing: string
  /** "|" where a preview ended. */
  body: string
  /** `end`, `preview`, or '' while it is under way. */
  end: string
  original: number
}

export interface IcapResult {
  messages: IcapMessageText[]
  /** A failure's code, with the status where that is not the table's; `waiting`: between messages; `incomplete`. */
  end: string
  detail: string
}

export interface IcapRunOptions {
  /** End the stream after the last piece. */
  close?: boolean
  /** After a preview the next message is read, instead of the rest. */
  restart?: boolean
}

function begun(event: IcapEvent): IcapMessageText {
  const { head, request, response } = event.message!
  const text = {
    start: head.status === 0 ? `${head.method} ${head.uri}` : `${head.status} ${head.reason}`,
    fields: head.fields.map(([name, value]) => `${name}: ${value}`),
    request: request === null ? null : startOf(request.head).slice(0, -2),
    response: response === null ? null : startOf(response.head).slice(2),
    framing: (response ?? request)?.head.framing ?? '',
    body: '',
    end: '',
    original: -1,
  }
  request?.release()
  response?.release()
  return text
}

function said({ code, status, detail }: Failure): Pick<IcapResult, 'end' | 'detail'> {
  return { end: status === new Failure(code).status ? code : `${code} ${status}`, detail }
}

/** Parse the pieces one after the other. Each is spoiled when the parser says that it is done with it. */
export function run(side: IcapSide, pieces: readonly Uint8Array[], options: IcapRunOptions = {}): IcapResult {
  const parser = new IcapParser(side)
  const messages: IcapMessageText[] = []
  let next = 0
  let lent: Uint8Array | null = null
  let closed = false
  for (let guard = 0;; guard++) {
    if (guard > 1_000_000) throw new Error('the parser does not come to an end')
    let event: IcapEvent
    try {
      event = parser.next()
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure
      return { messages, ...said(failure) }
    }
    // Who reads requests may go on after it; here it is the end as any other failure.
    const problem = event.kind === 'message' ? event.message!.problem : null
    if (problem !== null) return { messages, ...said(problem) }
    const last = messages[messages.length - 1]
    switch (event.kind) {
      case 'message':
        messages.push(begun(event))
        break
      case 'data':
        if (event.from >= event.to) throw new Error('a piece of nothing')
        last.body += latin1(event.chunk, event.from, event.to)
        break
      case 'preview':
        if (options.restart === true) {
          last.end = 'preview'
          parser.restart()
        } else {
          last.body += '|'
          parser.resume()
        }
        break
      case 'end':
        last.end = 'end'
        last.original = event.original
        break
      case 'paused':
        parser.restart()
        break
      case 'need-data':
        lent?.fill(0x58)
        if (next < pieces.length) {
          lent = pieces[next++].slice()
          parser.feed(lent)
        } else if (options.close === true && !closed) {
          closed = true
          parser.finish()
        } else return { messages, end: parser.started && !parser.over ? 'incomplete' : 'waiting', detail: '' }
    }
  }
}
