/**
 * The life of an ICAP client's connection (RFC 3507), as a coroutine: other proxies show requests (REQMOD), and the chain of the
 * listener decides about them. A listener of mode "icap" believes what its clients say of whom they ask for: it is for
 * proxies of the same operator.
 */

import { Failure } from '../failure.ts'
import type { IcapMessage } from '../icap/parser.ts'
import { LINGER_TIME } from '../limits.ts'
import type { Recorded } from './connection.ts'
import { IcapBody } from './icap_body.ts'
import { modifyRequest } from './icap_exchange.ts'
import type { IcapPeer } from './icap_peer.ts'
import { writeIcapFailure, writeOptions } from './icap_reply.ts'

/** Serve the requests of a connection, one after the other, until it ends. */
export async function serveIcap(peer: IcapPeer, recorded: Recorded): Promise<void> {
  try {
    do {
      let message: IcapMessage | null
      try {
        message = await nextMessage(peer)
      } catch (error) {
        const failure = error instanceof Failure ? error : peer.proxy.bug(error)
        // Gone before a request was whole: nobody to answer, and nothing worth a line.
        if (failure.code === 'client-left') return
        // One that came too late was refused at once, and its exchange began then.
        if (peer.late === null) await refuse(peer, failure)
        peer.finish()
        recorded(peer.record)
        break
      }
      if (message === null) return
      try {
        await answer(peer, message, recorded)
      } finally {
        message.request?.release()
        message.response?.release()
      }
    } while (peer.again())
    await linger(peer)
  } finally {
    peer.close()
  }
}

/** One connection too many: told so, and closed. `why` names the limit. */
export async function turnAwayIcap(peer: IcapPeer, why: string, recorded: Recorded): Promise<void> {
  try {
    await refuse(peer, new Failure('too-many-connections', why))
    peer.finish()
    recorded(peer.record)
    await linger(peer)
  } finally {
    peer.close()
  }
}

/** `null`: the client left between messages. @throws Failure */
async function nextMessage(peer: IcapPeer): Promise<IcapMessage | null> {
  const { parser, listener } = peer
  let event = peer.next()
  if (event.kind !== 'message') peer.wait('request', listener.settings.idle_timeout)
  while (event.kind !== 'message') {
    if (peer.ended) return null
    if (peer.waits === 'request' && parser.started) peer.wait('head', listener.settings.head_timeout)
    await peer.refill()
    event = peer.next()
  }
  return event.message
}

/** What came is no message. */
async function refuse(peer: IcapPeer, failure: Failure): Promise<void> {
  peer.begin(null)
  peer.reusable = false
  try {
    writeIcapFailure(peer, failure)
    await peer.flush()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
  }
}

async function answer(peer: IcapPeer, message: IcapMessage, recorded: Recorded): Promise<void> {
  const { head, encapsulated } = message
  if (!head.persistent) peer.reusable = false
  const body = encapsulated.body === 'null-body' ? null : new IcapBody(peer, head.number('preview') >= 0)
  peer.begin(message.request === null ? null : message.request.head)
  // What a service says of itself is about no request, and asked for again and again.
  const quiet = head.method === 'OPTIONS'
  if (head.method === 'REQMOD' && wrong(message) === null) await modifyRequest(peer, message, body)
  else await answerItself(peer, message)
  // What follows the answer is the rest of this request, or a next one.
  if (peer.reusable) await finishReading(peer, body)
  if (quiet && peer.record.failure === '') {
    peer.measure()
    return
  }
  peer.finish()
  recorded(peer.record)
}

/** Why the request is not understood as one for this service; `null`: it is. */
function wrong({ head, encapsulated, request, response, problem }: IcapMessage): Failure | null {
  if (head.get('host') === null) return new Failure('bad-request', 'an ICAP request without Host')
  switch (head.method) {
    case 'OPTIONS':
      return null
    case 'REQMOD': {
      const { body } = encapsulated
      const heads = problem !== null || (request !== null && response === null)
      if (heads && encapsulated.response === 0 && (body === 'req-body' || body === 'null-body')) return null
      return new Failure('bad-request', 'REQMOD encapsulates the head of a request, and its body')
    }
    case 'RESPMOD':
      return new Failure('method-refused', 'RESPMOD')
    default:
      return new Failure('method-unknown', head.method)
  }
}

async function answerItself(peer: IcapPeer, message: IcapMessage): Promise<void> {
  const failure = wrong(message)
  if (failure === null) writeOptions(peer)
  else writeIcapFailure(peer, failure)
  try {
    await peer.flush()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    peer.reusable = false
  }
}

async function finishReading(peer: IcapPeer, body: IcapBody | null): Promise<void> {
  try {
    if (body !== null) await body.discard()
    else if (peer.next().kind !== 'end') throw new Error('a message without a body that does not end')
  } catch (error) {
    // The exchange is over: what went wrong after it costs no more than the connection.
    if (!(error instanceof Failure)) throw error
    peer.reusable = false
  }
}

/** Close so that the client gets to read what was sent last (as core/proxy/connection.ts). */
async function linger(peer: IcapPeer): Promise<void> {
  try {
    if (peer.waits !== 'end') {
      peer.wait('end', LINGER_TIME)
      peer.socket.end()
    }
    while (!peer.ended) {
      const pulled = await peer.pull()
      if (pulled.done === true) return
    }
  } catch {
    // It broke: there is nobody left to be polite to.
  }
}
