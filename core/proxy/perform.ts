/** One exchange, from its head to its last byte: decided, sent to the origin, answered. A failure is a way to finish. */

import { Failure } from '../failure.ts'
import type { BodySource } from '../flow/body_source.ts'
import type { Server } from '../flow/group.ts'
import type { Messages } from '../flow/messages.ts'
import type { OriginConnection } from '../flow/origins.ts'
import { relay as moveBody, relayable } from '../flow/relay.ts'
import { Upload } from '../flow/upload.ts'
import { parseBasic } from '../http/basic.ts'
import { FIELD } from '../http/fields.ts'
import { hasVia, writeRequestHead, writeResponseHead } from '../http/forward.ts'
import type { Head } from '../http/head.ts'
import { bindsLogin } from '../http/login.ts'
import { CONTINUE } from '../http/reply.ts'
import { asHttps, parseTarget, type Target } from '../http/target.ts'
import { INTERIM_COUNT } from '../limits.ts'
import { SystemFailure } from '../runtime.ts'
import { answerItself } from './answer.ts'
import { aim } from './capture.ts'
import { ClientCarrier } from './carrier.ts'
import type { Client } from './client.ts'
import { connect, openTunnel } from './connect.ts'
import type { Chain, Outcome } from './chain.ts'
import { obey } from './obey.ts'
import { Petition, type Satisfied, urlOf } from './petition.ts'
import { reachOne } from './reach.ts'
import { refuse } from './refuse.ts'
import { destination, waitForServer } from './route.ts'
import { searchSafely } from './search_safely.ts'
import { answeredThrough, failedThrough, reachNext } from './through.ts'
import type { Users } from './users.ts'

/**
 * Perform the exchange that begins with `head`. What became of it is in the client's record. Never rejects.
 * @returns true when the origin's connection may be kept.
 */
export function perform(client: Client, head: Head): Promise<boolean> {
  try {
    const { proxy } = client
    if (proxy.methods !== null && !proxy.methods.has(head.method())) throw new Failure('method-refused', head.method())
    const target = parseTarget(head, client.target, client.secure)
    if (client.secure) asHttps(target)
    const { destination } = client.arrival
    if (destination !== null) {
      aim(client, target, destination)
      // Nobody wrote what the log would take the host from.
      if (target.authorityStart === target.authorityEnd) client.record.url = urlOf(head, target)
    }
    const { users } = client.listener
    if (users !== null && client.answers === null) logIn(client, head, users)
    if (hasVia(head, proxy.name)) throw new Failure('loop')
    if (!head.persistent || client.messages.ended) client.reusable = false
    if (target.form !== 'authority' && answerItself(client, head, target)) return sendAnswer(client)
    const { chain } = client.listener
    return chain === null ? goOn(client, head, target) : decide(client, head, target, chain)
  } catch (error) {
    return refused(client, error)
  }
}

/** Whose request it is. @throws Failure login-needed */
function logIn(client: Client, head: Head, users: Users): void {
  const given = head.get(FIELD['proxy-authorization'])
  const login = given === undefined ? null : parseBasic(given)
  client.user = login === null ? '' : users.login(login.name, login.password, client.record.client)
  client.record.user = client.user
  // Browsers ask once without, to be told that they must.
  if (client.user === '') throw new Failure('login-needed', login === null ? '' : 'a wrong name or password')
}

const NOT_KEPT = Promise.resolve(false)

/** Send an answer of our own that was put into the client's outbox. */
function sendAnswer(client: Client): Promise<boolean> {
  client.wait('reader', client.listener.settings.idle_timeout)
  const taken = client.outbox.flush()
  return taken === undefined ? NOT_KEPT : taken.then(() => false, (error) => refused(client, error))
}

/** To the origin. */
function goOn(client: Client, head: Head, target: Target): Promise<boolean> {
  if (target.form === 'authority') return connect(client, target).catch((error) => refused(client, error))
  return forward(client, head, target)
}

/** Ask the chain of the listener, and do what it says. @throws Failure */
function decide(client: Client, head: Head, target: Target, chain: Chain): Promise<boolean> {
  const petition = client.petition = new Petition(client.petitioner(), head, target)
  petition.tls = client.hello === null ? null : client.hello.facts
  // Where it goes is known: what the name is elsewhere says nothing of that.
  petition.addresses = client.goes
  if (chain.adapts && head.framing !== 'none') petition.carrier = new ClientCarrier(client, head)
  const said = chain.decide(petition)
  if (!(said instanceof Promise)) return decided(client, petition, said)
  client.wait('decide', 0)
  return said.then((outcome) => {
    if (client.late !== null) throw client.late
    return decided(client, petition, outcome)
  }).catch((error) => refused(client, error))
}

/** @throws Failure */
function decided(client: Client, petition: Petition, outcome: Outcome): Promise<boolean> {
  const { record } = client
  record.judged(petition)
  if (outcome.kind === 'forward') {
    searchSafely(petition, client.listener.settings.safe_search)
    if (petition.rewritten) record.url = petition.url
    return goOn(client, petition.head, petition.target)
  }
  if (petition.satisfied !== null) {
    return satisfy(client, petition.satisfied).catch((error) => refused(client, error))
  }
  obey(client, outcome)
  return sendAnswer(client)
}

/** Send the answer that a service gave instead of the origin. */
async function satisfy(client: Client, { head, body }: Satisfied): Promise<boolean> {
  answer(client, head)
  const relayed = body === null ? finishEmpty(client) : relay(client, body)
  if (relayed !== undefined) await relayed
  return false
}

/** An answer without a body is all there with its head. */
function finishEmpty(client: Client): Promise<void> | void {
  client.outbox.finish(null)
  const taken = client.outbox.flush()
  if (taken !== undefined) return client.taking(taken)
}

async function refused(client: Client, error: unknown): Promise<boolean> {
  await refuse(client, failureOf(client, error))
  return false
}

/** What went wrong, in the table's words. A missed deadline counts more than what broke because of it. */
function failureOf(client: Client, error: unknown): Failure {
  if (client.late !== null) return client.late
  // What the client did wrong is why its upload ended, and why the origin was cut off.
  const upload = client.upload?.failure ?? null
  if (upload !== null && upload.code !== 'origin-left') return upload
  if (error instanceof Failure) return error
  return client.proxy.bug(error)
}

/**
 * Send the request to an origin, and relay its answer. One coroutine from the first byte to the last: what it calls waits
 * only where something is out of the ordinary, for each wait more costs as much as reading a head.
 */
async function forward(client: Client, head: Head, target: Target): Promise<boolean> {
  const { proxy, record } = client
  try {
    const origin = destination(client, target) ?? await waitForServer(client, null)
    let connection = client.take(origin)
    record.reused = connection !== null
    if (connection === null) connection = await reachOne(client, origin, target)
    else client.use(connection)
    /** Servers of a parent that have not done it. */
    let failed: Set<Server> | null = null
    for (;;) {
      if (head.expectContinue && !proxy.settings.http.expect) await bidContinue(client)
      send(client, connection, head, target)
      try {
        if (client.upload === null) {
          client.wait('response', proxy.settings.outgoing.response_timeout)
          const taken = connection.outbox.flush()
          if (taken !== undefined) await taken
        }
        const { messages } = connection
        let response = nextResponse(connection)
        for (let interims = 0; response === null || response.status < 200;) {
          if (response === null) {
            fed(client, messages, await messages.pull())
          } else {
            if (response.status === 101) return await openTunnel(client, connection, head, response)
            if (++interims > INTERIM_COUNT) {
              throw new Failure('bad-response', `more than ${INTERIM_COUNT} interim responses`)
            }
            await interim(client, head, response)
            while (messages.next().kind !== 'end');
            messages.parser.restart(head.isMethod('HEAD') ? HEAD_ANSWER : ANY_ANSWER)
          }
          response = nextResponse(connection)
        }
        if (connection.origin.proxy !== null) answeredThrough(connection, response)
        if (bindsLogin(head, response)) connection.login = true
        // No promise where nobody has to wait.
        if (client.listener.respmod !== null) return await adaptResponse(client, connection, head, response)
        answer(client, response)
        break
      } catch (error) {
        if (client.late !== null) throw client.late
        const failure = error instanceof SystemFailure ? new Failure('origin-left', error.message) : error
        if (!(failure instanceof Failure)) throw failure
        const at = connection.origin
        const stale = wasStale(client, connection, failure)
        const said = stale || at.proxy === null ? failure : failedThrough(client, connection, failure)
        if (!maySendAgain(client, connection, head, failure, stale)) throw said
        client.release(false)
        record.reused = false
        record.firstByte = -1
        if (stale) connection = await reachOne(client, origin, target)
        else connection = await reachNext(client, at, target, failed ??= new Set(), said)
      }
    }
    const relayed = relay(client, connection.messages)
    if (relayed !== undefined) await relayed
    return reusable(client, connection, client.record.response!)
  } catch (error) {
    return await refused(client, error)
  }
}

/** The rest of an exchange whose answer others may change. @returns whether the origin's connection may be kept. */
async function adaptResponse(
  client: Client,
  connection: OriginConnection,
  head: Head,
  response: Head,
): Promise<boolean> {
  const { messages } = connection
  const whole = response.framing === 'none'
  client.wait('decide', 0)
  const adapted = await client.listener.respmod!.adapt(client, head, response, whole ? null : messages)
  if (client.late !== null) throw client.late
  answer(client, adapted.head)
  const relayed = adapted.body === null ? finishEmpty(client) : relay(client, adapted.body)
  if (relayed !== undefined) await relayed
  // A service need not want all of a body to say what it has to say.
  if (whole) { while (messages.next().kind !== 'end'); }
  return messages.parser.over && reusable(client, connection, response)
}

/** Put the request head into the origin's outbox, and start the body on its way if there is one. */
function send(client: Client, connection: OriginConnection, head: Head, target: Target): void {
  const { proxy, listener } = client
  const how = proxy.requests
  const body = head.framing !== 'none'
  how.withoutCookie = client.upstream === null ? '' : client.upstream.cookie
  how.client = client.record.client
  how.secure = client.secure
  const { via, proxy: parent } = connection.origin
  how.form = parent === null ? 'origin' : 'absolute'
  how.authorization = parent === null ? '' : via!.authorization
  how.chunked = head.framing === 'chunked'
  how.maxForwards = client.maxForwards
  how.hostFromTarget = target.form === 'absolute' && (client.petition === null || !client.petition.keepHost)
  writeRequestHead(connection.outbox.writer, head, target, how)
  connection.requests++
  const parser = connection.messages.parser
  parser.restart(head.isMethod('HEAD') ? HEAD_ANSWER : ANY_ANSWER)
  client.upload = null
  if (!body) return
  connection.outbox.chunked = how.chunked
  const upload = new Upload(client.petition?.body ?? client.messages, connection.outbox, client.uploads)
  client.upload = upload
  client.wait('body', listener.settings.idle_timeout)
  client.uploading = upload.run().then(() => uploaded(client, upload), (error) => {
    upload.failure = proxy.bug(error)
    uploaded(client, upload)
  })
}

const HEAD_ANSWER = { head: true }
const ANY_ANSWER = {}

/** Tell a client that waits to go on with its body (RFC 9110 10.1.1). @throws Failure client-left */
async function bidContinue(client: Client): Promise<void> {
  const { outbox, messages, listener } = client
  if (messages.parser.buffered) return
  outbox.writer.put(CONTINUE)
  client.wait('reader', listener.settings.idle_timeout)
  await outbox.flush()
}

/** The upload is over: from now on the origin's answer is waited for, or there will be none. */
function uploaded(client: Client, upload: Upload): void {
  if (client.waits === 'end' || client.upload !== upload) return
  if (upload.failure !== null && upload.failure.code !== 'origin-left') {
    client.giveUp(upload.failure)
  } else if (client.waits === 'body' || client.waits === 'origin') {
    if (!client.answered) client.wait('response', client.proxy.settings.outgoing.response_timeout)
  }
}

/** The head of a response when it is here, of an interim one too. @throws Failure origin-left, and the parser's */
function nextResponse(connection: OriginConnection): Head | null {
  const { messages } = connection
  const event = messages.next()
  if (event.kind === 'head') return event.head
  // Between two messages an end is no failure to the parser; here an answer is owed.
  if (messages.ended) throw new Failure('origin-left', 'it closed the connection without an answer')
  return null
}

/** Bytes of the answer have come, or its end. */
function fed(client: Client, messages: Messages, pulled: IteratorResult<Uint8Array, void>): void {
  if (client.late !== null) throw client.late
  const { record, proxy } = client
  if (record.firstByte < 0 && pulled.done !== true) record.firstByte = proxy.clock.now() - client.began
  messages.fed(pulled)
}

/** Pass a 1xx on; never to HTTP/1.0 (RFC 9110 15.2), nor a 100 that we have sent already ourselves. */
async function interim(client: Client, head: Head, response: Head): Promise<void> {
  const { proxy } = client
  if (head.minor === 0) return
  if (response.status === 100 && head.expectContinue && !proxy.settings.http.expect) return
  writeResponseHead(client.outbox.writer, response, proxy.interim(false))
  const taken = client.outbox.flush()
  if (taken === undefined) return
  await client.taking(taken)
  if (client.upload === null || client.upload.done) {
    client.wait('response', proxy.settings.outgoing.response_timeout)
  } else client.wait('body', client.listener.settings.idle_timeout)
}

/** A kept connection turned out dead. */
function wasStale({ record }: Client, { messages }: OriginConnection, { code }: Failure): boolean {
  return code === 'origin-left' && record.reused && !messages.parser.started
}

/**
 * What changes nothing may be sent again when no byte of an answer has come: after a stale connection on a new one, and to
 * the next server of a parent after each. So may anything that a parent wanted another login for: it has not been done.
 */
function maySendAgain(
  { upload }: Client,
  { messages, origin }: OriginConnection,
  head: Head,
  { code }: Failure,
  stale: boolean,
): boolean {
  // A body is gone.
  if (upload !== null) return false
  if (stale) return isSafe(head)
  if (origin.proxy === null) return false
  return code === 'parent-login' || (code === 'origin-left' && messages.received === 0 && isSafe(head))
}

function isSafe(head: Head): boolean {
  return head.isMethod('GET') || head.isMethod('HEAD') || head.isMethod('OPTIONS') || head.isMethod('TRACE')
}

/** Put the head of the answer into the client's outbox. */
function answer(client: Client, response: Head): void {
  const { proxy, record, outbox } = client
  record.response = response
  record.status = response.status
  const asked = record.request!
  const old = asked.minor === 0
  const chunked = !old && (response.framing === 'chunked' || response.framing === 'close')
  client.endsWithConnection = old && (response.framing === 'chunked' || response.framing === 'close')
  // An early answer: the body that still comes cannot be told from a next request in time.
  const whole = (client.upload === null || client.upload.done) &&
    (client.petition === null || client.messages.parser.over)
  if (client.endsWithConnection || !whole) client.reusable = false
  const how = proxy.responses
  how.close = !client.reusable
  how.keepAlive = old && client.reusable
  how.framing = response.framing === 'none' || response.framing === 'length' ? 'as-is' : chunked ? 'chunked' : 'close'
  how.upgrade = false
  how.date = proxy.date()
  how.trailers = asked.trailersWelcome && chunked
  client.trailers = how.trailers
  how.setCookie = client.upstream === null ? '' : client.upstream.remember(client)
  writeResponseHead(outbox.writer, response, how)
  client.answered = true
  client.sentBefore = outbox.sent
  outbox.chunked = chunked
}

/** The body of the answer, all of it when it is here already. */
function relay(client: Client, from: BodySource): Promise<void> | void {
  const { outbox } = client
  for (;;) {
    const event = from.next()
    if (event.kind === 'data') {
      const taken = outbox.data(event.chunk, event.from, event.to)
      if (taken !== undefined) return relayRest(client, from, taken)
    } else if (event.kind === 'need-data') {
      return relayRest(client, from, outbox.flush())
    } else {
      outbox.finish(client.trailers ? event.trailers : null)
      const taken = outbox.flush()
      if (taken !== undefined) return client.taking(taken)
      return
    }
  }
}

/** The same from the first wait on. `taken`: the client has still to take this. */
async function relayRest(client: Client, from: BodySource, taken: Promise<void> | void): Promise<void> {
  const { proxy, outbox } = client
  const { idle_timeout } = proxy.settings.outgoing
  if (taken !== undefined) await client.taking(taken)
  for (;;) {
    const event = from.next()
    if (event.kind === 'data') {
      const taken = outbox.data(event.chunk, event.from, event.to)
      if (taken !== undefined) await client.taking(taken)
    } else if (event.kind === 'need-data') {
      const direct = relayable(from)
      if (direct !== null) {
        await moveBody(direct, outbox, client.relays)
      } else {
        const taken = outbox.flush()
        if (taken !== undefined) await client.taking(taken)
        client.wait('origin', idle_timeout)
        await from.refill()
      }
      // An end that we made ourselves is not the end of a body.
      if (client.late !== null) throw client.late
    } else {
      outbox.finish(client.trailers ? event.trailers : null)
      const taken = outbox.flush()
      if (taken !== undefined) await client.taking(taken)
      return
    }
  }
}

/** RFC 9112 9.3: complete, self-delimited, allowed to live, nothing left over, and all of the request sent. */
function reusable(client: Client, connection: OriginConnection, response: Head): boolean {
  const { messages } = connection
  const { upload } = client
  if (upload !== null && !upload.done) client.reusable = false
  if (!response.persistent || response.framing === 'close' || messages.ended || messages.parser.buffered) return false
  if (client.late !== null) return false
  return upload === null || (upload.done && upload.failure === null)
}
