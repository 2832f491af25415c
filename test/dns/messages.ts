/** Messages of any kind, for tests that compare: what may be in them, drawn by fast-check. */

import fc from 'fast-check'
import { canonical } from '../../core/bytes/address.ts'
import type { Message, Question, Resource } from '../../core/dns/message.ts'
import { CLASS_IN, TYPE } from '../../core/dns/message.ts'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => new Uint8Array(array))

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_'
const label = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 63 })

/** Few of them, so that there is something to compress. */
export const names: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', 'test', 'x.test', 'www.x.test', 'WWW.x.test', 'a.b.www.x.test', 'x.test.x.test'),
  fc.array(label, { maxLength: 5 }).map((labels) => labels.join('.')).filter((name) => name.length <= 253),
)

const ipv4 = fc.ipV4().map(canonical)
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((b) => b[0] !== 0).map((b) => {
  let text = ''
  for (let i = 0; i < 16; i += 2) text += `${i === 0 ? '' : ':'}${(b[i] << 8 | b[i + 1]).toString(16)}`
  return canonical(text)
})

const body: fc.Arbitrary<Pick<Resource, 'type' | 'data'>> = fc.oneof(
  ipv4.map((address) => ({ type: TYPE.A, data: { kind: 'address' as const, address } })),
  ipv6.map((address) => ({ type: TYPE.AAAA, data: { kind: 'address' as const, address } })),
  fc.record({ type: fc.constantFrom(TYPE.NS, TYPE.CNAME, TYPE.PTR, TYPE.DNAME), name: names })
    .map(({ type, name }) => ({ type, data: { kind: 'name' as const, name } })),
  fc.record({ preference: u16, exchange: names })
    .map((data) => ({ type: TYPE.MX, data: { kind: 'mx' as const, ...data } })),
  fc.array(bytes(255), { minLength: 1, maxLength: 4 })
    .map((strings) => ({ type: TYPE.TXT, data: { kind: 'txt' as const, strings } })),
  fc.record({ serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 })
    .chain((times) => fc.record({ primary: names, mailbox: names, times: fc.constant(times) }))
    .map((data) => ({ type: TYPE.SOA, data: { kind: 'soa' as const, ...data } })),
  fc.record({ priority: u16, weight: u16, port: u16, target: names })
    .map((data) => ({ type: TYPE.SRV, data: { kind: 'srv' as const, ...data } })),
)

const opaque: fc.Arbitrary<Pick<Resource, 'type' | 'data'>> = fc.record({
  type: fc.constantFrom(TYPE.HTTPS, 46, 47, 257, 65_280),
  bytes: bytes(100),
}).map(({ type, bytes }) => ({ type, data: { kind: 'opaque' as const, bytes } }))

const resource = (bodies: typeof body): fc.Arbitrary<Resource> =>
  fc.record({ name: names, ttl: u32, body: bodies })
    .map(({ name, ttl, body }) => ({ name, ttl, class: CLASS_IN, ...body }))

const question: fc.Arbitrary<Question> = fc.record({
  name: names,
  type: fc.constantFrom(...Object.values(TYPE).filter((type) => type !== TYPE.OPT)),
  class: fc.constant(CLASS_IN),
})

/** `known`: only what every codec knows the inside of. */
export function messages(known: boolean): fc.Arbitrary<Message> {
  const section = fc.array(resource(known ? body : fc.oneof(body, opaque)), { maxLength: 6 })
  const flag = fc.boolean()
  const edns = fc.record({
    size: fc.integer({ min: 1, max: 0xffff }), // 0 is no EDNS to dns-packet
    version: fc.integer({ min: 0, max: 255 }),
    dnssec: flag,
    options: fc.array(fc.record({ code: fc.integer({ min: 100, max: 200 }), bytes: bytes(20) }), { maxLength: 3 }),
  })
  return fc.record({
    id: u16,
    response: flag,
    opcode: fc.constantFrom(0, 1, 2, 4, 5),
    authoritative: flag,
    truncated: flag,
    recursionDesired: flag,
    recursionAvailable: flag,
    authentic: flag,
    unchecked: flag,
    rcode: fc.integer({ min: 0, max: 15 }),
    questions: fc.array(question, { maxLength: 2 }),
    answers: section,
    authorities: section,
    additionals: section,
    edns: fc.option(edns, { nil: null }),
  })
}
