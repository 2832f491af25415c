/** The Encapsulated field (RFC 3507 4.4.1): what an ICAP message carries, and where each part of it begins. */

import { parseDecimal, toBytes } from '../bytes/ascii.ts'
import { HEAD_SIZE } from '../limits.ts'
import { bare } from './head.ts'

export type BodyPart = 'req-body' | 'res-body' | 'opt-body' | 'null-body'

/** The heads of the HTTP messages are the first `size` bytes after the ICAP head; what follows is the body, in chunks. */
export interface Encapsulated {
  /** Bytes of each head, its empty line included; 0: it is not there. */
  readonly request: number
  readonly response: number
  readonly body: BodyPart
}

export const NOTHING_ENCAPSULATED: Encapsulated = { request: 0, response: 0, body: 'null-body' }

const BODIES: readonly string[] = ['req-body', 'res-body', 'opt-body', 'null-body'] satisfies BodyPart[]

/**
 * Read the field. Its offsets must begin at 0, rise, and name at most one head of each kind, request before response, and
 * then one body. @returns why not, where it is not valid.
 */
export function readEncapsulated(value: string): Encapsulated | string {
  let request = -1
  let response = -1
  let last = -1
  const parts = value.split(',')
  for (let i = 0; i < parts.length; i++) {
    const [name, offset, more] = parts[i].split('=')
    const bytes = toBytes(offset === undefined ? '' : bare(offset))
    const at = parseDecimal(bytes, 0, bytes.length)
    if (at < 0 || more !== undefined) return 'an offset in Encapsulated is no number'
    if (i === 0 ? at !== 0 : at <= last) return 'the offsets in Encapsulated do not rise from 0'
    if (at - last > HEAD_SIZE && i > 0) return 'an encapsulated head is too large'
    last = at
    const part = bare(name).toLowerCase()
    const end = i === parts.length - 1
    if (end && BODIES.includes(part)) return finished(request, response, at, part as BodyPart)
    if (part === 'req-hdr' && request < 0 && response < 0 && !end) request = at
    else if (part === 'res-hdr' && response < 0 && !end) response = at
    else return 'Encapsulated has not its heads and then one body'
  }
  return 'Encapsulated is empty'
}

function finished(request: number, response: number, end: number, body: BodyPart): Encapsulated | string {
  if (body === 'opt-body' && end > 0) return 'Encapsulated has a head before opt-body'
  if (body === 'req-body' && response >= 0) return 'Encapsulated has the body of a request after the head of a response'
  const requestEnd = response >= 0 ? response : end
  return {
    request: request < 0 ? 0 : requestEnd,
    response: response < 0 ? 0 : end - response,
    body,
  }
}

/** The value of the field. */
export function encapsulatedText({ request, response, body }: Encapsulated): string {
  let text = ''
  let at = 0
  if (request > 0) {
    text = 'req-hdr=0, '
    at = request
  }
  if (response > 0) {
    text += `res-hdr=${at}, `
    at += response
  }
  return `${text}${body}=${at}`
}
