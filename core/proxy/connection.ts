/** The life of a client's connection, as a coroutine: requests one after the other. */

import { Failure } from '../failure.ts'
import { machineWords } from '../flow/machine_words.ts'
import type { Head } from '../http/head.ts'
import { LINGER_TIME } from '../limits.ts'
import type { Client } from './client.ts'
import { perform } from './perform.ts'
import type { ExchangeRecord } from './record.ts'
import { refuse } from './refuse.ts'

/** Told of each exchange when it is over. The record is good until it returns. */
export type Recorded = (record: ExchangeRecord) => void

/**
 * Serve the requests of a connection, one after the other, until it ends. A coroutine as the others, but that it hands its
 * records over by a call: as a generator it would take a twentieth of the time of a small exchange to yield them.
 */
export async function converse(client: Client, recorded: Recorded): Promise<void> {
  const { messages, listener } = client
  try {
    do {
      let head = null
      try {
        head = nextHead(client)
        if (head === null) client.wait('request', listener.settings.idle_timeout)
        while (head === null) {
          if (messages.ended) return
          if (client.waits === 'request' && messages.parser.started) client.wait('head', listener.settings.head_timeout)
          const pulled = await messages.pull()
          if (client.late !== null) throw client.late
          messages.fed(pulled)
          head = nextHead(client)
        }
      } catch (error) {
        const failure = error instanceof Failure
          ? error
          : client.late ?? new Failure('client-left', machineWords(error))
        if (!await refuseUnread(client, failure, recorded)) return
        break
      }
      client.begin(head)
      const keep = await perform(client, head)
      client.finish()
      recorded(client.record)
      client.release(keep)
    } while (client.again())
    await linger(client)
  } finally {
    client.close()
    messages.parser.release()
  }
}

/**
 * Answer what never became a request. @returns false when the client has gone: there is nobody to answer, and nothing worth
 * a line.
 */
export async function refuseUnread(client: Client, failure: Failure, recorded: Recorded): Promise<boolean> {
  if (failure.code === 'client-left') return false
  // A head that came too late was refused at once, and its exchange began then.
  if (client.waits !== 'end') client.begin(null)
  await refuse(client, failure)
  client.finish()
  recorded(client.record)
  return true
}

/** One connection too many: told so, and closed. `why` names the limit. */
export async function turnAway(client: Client, why: string, recorded: Recorded): Promise<void> {
  try {
    await refuseUnread(client, new Failure('too-many-connections', why), recorded)
    await linger(client)
  } finally {
    client.close()
  }
}

/** The next head when it is here. @throws Failure for what is not a request */
function nextHead(client: Client): Head | null {
  const event = client.messages.next()
  return event.kind === 'head' ? event.head : null
}

/**
 * Close so that the client gets to read what was sent last: half-close, and read until it ends (RFC 9112 9.6). Otherwise
 * the reset that answers what it still sends would destroy it.
 */
export async function linger(client: Client): Promise<void> {
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
