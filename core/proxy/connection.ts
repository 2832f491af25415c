/** The life of a client's connection, as a coroutine: requests one after the other, each yielded when it is over. */

import { Failure } from '../failure.ts'
import { machineWords } from '../flow/messages.ts'
import type { Head } from '../http/head.ts'
import { LINGER_TIME } from '../limits.ts'
import type { Client } from './client.ts'
import { perform } from './perform.ts'
import type { ExchangeRecord } from './record.ts'
import { refuse } from './refuse.ts'

/** Yields the record of each exchange when it is over; it is good until the coroutine goes on. */
export async function* converse(client: Client): AsyncGenerator<ExchangeRecord, void> {
  try {
    do {
      let head: Head | null
      try {
        head = nextHead(client) ?? await waitForHead(client)
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        // Gone before a request was whole: nobody to answer, and nothing worth a line.
        if (error.code === 'client-left') return
        // A head that came too late was refused at once, and its exchange began then.
        if (client.waits !== 'end') client.begin(null)
        await refuse(client, error)
        client.finish()
        yield client.record
        break
      }
      if (head === null) return
      client.begin(head)
      const keep = await perform(client, head)
      client.finish()
      yield client.record
      client.release(keep)
    } while (client.again())
    await linger(client)
  } finally {
    client.close()
    client.messages.parser.release()
  }
}

/** One connection too many: told so, and closed. `why` names the limit. */
export async function* turnAway(client: Client, why: string): AsyncGenerator<ExchangeRecord, void> {
  try {
    client.begin(null)
    await refuse(client, new Failure('too-many-connections', why))
    client.finish()
    yield client.record
    await linger(client)
  } finally {
    client.close()
  }
}

/** The next head when it is here already: pipelined. */
function nextHead(client: Client): Head | null {
  const event = client.messages.next()
  return event.kind === 'head' ? event.head : null
}

/** @returns null when the client ended in good order. @throws Failure for what is not a request, or not in time. */
async function waitForHead(client: Client): Promise<Head | null> {
  const { messages, listener } = client
  client.wait('request', listener.settings.idle_timeout)
  for (;;) {
    if (messages.ended) return null
    if (client.waits === 'request' && messages.parser.started) client.wait('head', listener.settings.head_timeout)
    let pulled: IteratorResult<Uint8Array, void>
    try {
      pulled = await messages.pull()
    } catch (error) {
      throw client.late ?? new Failure('client-left', machineWords(error))
    }
    if (client.late !== null) throw client.late
    messages.fed(pulled)
    const event = messages.next()
    if (event.kind === 'head') return event.head
  }
}

/**
 * Close so that the client gets to read what was sent last: half-close, and read until it ends (RFC 9112 9.6). Otherwise
 * the reset that answers what it still sends would destroy it.
 */
async function linger(client: Client): Promise<void> {
  const { socket, messages, upload } = client
  try {
    if (client.waits !== 'end') {
      client.wait('end', LINGER_TIME)
      socket.end()
    }
    if (upload !== null && !upload.done) {
      upload.discard()
      await client.uploading
    }
    while (!messages.ended) {
      const pulled = await messages.pull()
      if (pulled.done === true) return
    }
  } catch {
    // It broke: there is nobody left to be polite to.
  }
}
