/** One REQMOD (RFC 3507 3.1): the chain decides, and what it says is put into the words of ICAP. */

import { ByteWriter } from '../bytes/writer.ts'
import { Failure } from '../failure.ts'
import { NO_CHANGES } from '../filter/decision.ts'
import type { BodySource } from '../flow/body_source.ts'
import type { Head } from '../http/head.ts'
import { type Reply, writeReply } from '../http/reply.ts'
import { newTarget, parseTarget } from '../http/target.ts'
import { writeFields } from '../icap/encapsulated_head.ts'
import type { IcapHead } from '../icap/head.ts'
import { clientOf, userOf } from '../icap/identity.ts'
import type { IcapMessage } from '../icap/parser.ts'
import { ICAP_GATHERED } from '../limits.ts'
import { FORWARD, type Outcome } from './chain.ts'
import type { IcapBody } from './icap_body.ts'
import type { IcapPeer } from './icap_peer.ts'
import { writeIcapFailure, writeRequest, writeSatisfied, writeUnchanged } from './icap_reply.ts'
import { answerOf, failureOfDeny } from './obey.ts'
import { type Dial, Petition } from './petition.ts'
import { explain } from './refuse.ts'
import { searchSafely } from './search_safely.ts'

/** Answer a REQMOD, whatever becomes of it. What became of it is in the peer's record. Never rejects but for a bug. */
export async function modifyRequest(peer: IcapPeer, message: IcapMessage, body: IcapBody | null): Promise<void> {
  try {
    identify(peer, message.head)
    if (message.problem !== null) throw message.problem
    await decide(peer, message, message.request!.head, body)
  } catch (error) {
    await refuse(peer, peer.late ?? (error instanceof Failure ? error : peer.proxy.bug(error)))
  }
}

/** For whom the client asks. */
function identify({ record }: IcapPeer, head: IcapHead): void {
  const client = clientOf(head)
  if (client !== null) record.client = client
  record.user = userOf(head)
}

/** @throws Failure */
async function decide(peer: IcapPeer, message: IcapMessage, head: Head, body: IcapBody | null): Promise<void> {
  const { proxy, listener, record } = peer
  const { listener: name, client, user, started: date } = record
  const { family, address, port } = peer.arrival.local
  const local = family === 'unix' ? '' : address
  const who = { listener: name, client, user, local, localPort: port, date, zone: proxy.clock.zone(date), secure: true }
  // What is for the next hop alone is not encapsulated: a head that says nothing of a body may have one.
  if (body === null) head.framing = 'none'
  else if (head.framing === 'none') head.framing = 'chunked'
  const petition = peer.petition = new Petition(who, head, parseTarget(head, newTarget(), true))
  const { chain } = listener
  if (chain !== null && chain.adapts && body !== null) {
    petition.carrier = body
    // Who changes bodies reads them while the answer is on its way, when it is too late to bid for the rest.
    await body.settle()
  }
  const outcome = chain === null ? FORWARD : await judged(peer, chain.decide(petition))
  record.judged(petition)
  if (outcome.kind === 'forward') {
    applyDials(petition, listener.settings.safe_search)
    if (petition.rewritten) record.url = petition.url
    return await forward(peer, message, petition, body)
  }
  const { satisfied } = petition
  if (satisfied !== null) return await satisfy(peer, satisfied.head, satisfied.body)
  if (outcome.kind === 'deny') throw failureOfDeny(outcome)
  // There is no connection of ours to close.
  if (outcome.kind === 'close') throw new Failure('denied', outcome.reason)
  await reply(peer, answerOf(record, outcome))
}

async function judged(peer: IcapPeer, said: Outcome | Promise<Outcome>): Promise<Outcome> {
  if (!(said instanceof Promise)) return said
  peer.wait('decide', 0)
  const outcome = await said
  if (peer.late !== null) throw peer.late
  return outcome
}

/**
 * Where we would connect to another address, the client is told another URL: nothing else in ICAP makes it do so. Of safe
 * search that is done inside tunnels alone, where nothing of the request could be changed instead.
 */
function applyDials(petition: Petition, level: Parameters<typeof searchSafely>[1]): void {
  const intercepted = petition.dial
  searchSafely(petition, level)
  const { dial } = petition
  if (dial === null || (dial !== intercepted && petition.target.form !== 'authority')) return
  petition.change({ ...NO_CHANGES, url: elsewhere(petition, dial), keepHost: true })
}

function elsewhere(petition: Petition, { host, port }: Dial): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port || petition.port}`
  if (petition.target.form === 'authority') return authority
  return `${petition.scheme || 'http'}://${petition.url.replace(/^[^:/?#]+:\/\/[^/?#]*/, authority)}`
}

/** The request goes on, as it came or changed. */
async function forward(
  peer: IcapPeer,
  { head }: IcapMessage,
  petition: Petition,
  body: IcapBody | null,
): Promise<void> {
  const { record } = peer
  const source = petition.body ?? body
  const changed = source !== body || (body !== null && body.touched)
  const same = petition.head === record.request && !changed
  record.icap = same ? 'ICAP_ECHO' : 'ICAP_MOD'
  // RFC 3507 4.6: inside a preview always, and where the client kept all of it.
  const inside = head.number('preview') >= 0 && (body === null || body.preview)
  if (same && (inside || head.has('allow', '204'))) {
    record.status = 204
    writeUnchanged(peer)
    return await peer.flush()
  }
  await body?.settle()
  record.status = 200
  writeRequest(peer, petition.head, source !== null)
  await pour(peer, source, body, petition.head.framing === 'length' && !changed ? petition.head.length : -1)
}

/** The answer that a service gave in the place of the origin's. */
async function satisfy(peer: IcapPeer, head: Head, body: BodySource | null): Promise<void> {
  const { record, outbox } = peer
  record.response = head
  record.status = head.status
  record.icap = 'ICAP_SAT'
  const beginning = new ByteWriter()
  const whole = body !== null && await gather(peer, body, beginning)
  const response = new ByteWriter(head.end + 64)
  response.put(head.bytes, 0, head.fieldsStart)
  writeFields(response, head)
  response.text(whole ? `Content-Length: ${beginning.length}\r\n\r\n` : '\r\n')
  writeSatisfied(peer, response, body !== null && (!whole || beginning.length > 0))
  if (beginning.length > 0) {
    const taken = outbox.data(beginning.bytes, 0, beginning.length)
    if (taken !== undefined) await peer.taking(taken)
  }
  await pour(peer, whole ? null : body, null, -1)
}

/**
 * Read a body up to its end, true, or as much of it as a page may have. Squid 5 forgets to end an answer whose length it was
 * not told, where all of its body comes at once.
 */
async function gather(peer: IcapPeer, from: BodySource, into: ByteWriter): Promise<boolean> {
  while (into.length < ICAP_GATHERED) {
    const event = from.next()
    if (event.kind === 'data') into.put(event.chunk, event.from, event.to)
    else if (event.kind === 'need-data') await refillFrom(peer, from)
    else return true
  }
  return false
}

async function refillFrom(peer: IcapPeer, from: BodySource): Promise<void> {
  peer.wait('origin', peer.proxy.settings.outgoing.idle_timeout)
  await from.refill()
  if (peer.late !== null) throw peer.late
}

/** An answer of our own. */
async function reply(peer: IcapPeer, answer: Pick<Reply, 'status' | 'fields' | 'body'>): Promise<void> {
  const { record, proxy, outbox } = peer
  record.icap = 'ICAP_SAT'
  const head = new ByteWriter()
  writeReply(head, { ...answer, bodiless: true, close: false, date: proxy.date() })
  const { status, body } = answer
  const empty = status === 204 || status === 304 || body.length === 0
  const whole = !empty && record.request?.isMethod('HEAD') !== true
  writeSatisfied(peer, head, whole)
  if (whole) {
    const taken = outbox.data(body, 0, body.length)
    if (taken !== undefined) await peer.taking(taken)
  }
  outbox.finish(null)
  await peer.flush()
}

/**
 * Send a body, and what was written before it. `length`: what the head says of it, -1: nothing. @throws Failure bad-body where
 * that is not true: two who read it could take it differently.
 */
async function pour(peer: IcapPeer, from: BodySource | null, own: IcapBody | null, length: number): Promise<void> {
  const { outbox } = peer
  let left = length
  while (from !== null) {
    const event = from.next()
    if (event.kind === 'data') {
      if (length >= 0 && (left -= event.to - event.from) < 0) throw tooLong(length)
      const taken = outbox.data(event.chunk, event.from, event.to)
      if (taken !== undefined) await peer.taking(taken)
    } else if (event.kind === 'need-data') {
      await peer.flush()
      // The client's own body says for itself what it waits for.
      if (from === own) await from.refill()
      else await refillFrom(peer, from)
    } else break
  }
  if (from !== null && left > 0) throw tooLong(length)
  outbox.finish(null)
  await peer.flush()
}

function tooLong(length: number): Failure {
  return new Failure('bad-body', `the encapsulated body has not the ${length} bytes its head tells`)
}

/** Tell of a failure: on a page where it is about the HTTP request, in ICAP's own words where it is about ICAP. */
async function refuse(peer: IcapPeer, failure: Failure): Promise<void> {
  const { record, outbox, proxy, socket } = peer
  record.failure = failure.code
  if (record.reason === '') record.reason = failure.detail
  if (failure.when === 'decide' && record.decision !== 'deny') record.decision = 'deny'
  if (peer.waits === 'end') return // answered when it expired
  const cut = peer.begun || failure.code === 'client-left'
  outbox.discard()
  if (cut) {
    peer.reusable = false
    // Half an answer must not look whole.
    socket.abort()
    return
  }
  record.response = null
  try {
    if (peer.broken) {
      record.icap = ''
      writeIcapFailure(peer, failure)
      await peer.flush()
    } else {
      await reply(peer, explain(proxy, record, failure, false))
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    peer.reusable = false
    socket.abort()
  }
}
