/** What the servers of an upstream and those of a parent have in common. `kind` is which: a word of logs and metrics. */

import { splitHostPort } from '../bytes/address.ts'
import { latin1 } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import type { OutgoingSettings } from '../config/settings.ts'
import type { CheckReport } from '../flow/checks.ts'
import { type Group, Server } from '../flow/group.ts'
import { writeProxyHeader } from '../haproxy/write.ts'
import type { Endpoint } from '../runtime.ts'
import type { Client } from './client.ts'
import type { Logger } from './diagnostics.ts'
import type { Counted, Snapshot } from './snapshot.ts'

type Kind = 'upstream' | 'parent'

/** Nobody's address: a check speaks for no client. */
const NOBODY: Endpoint = { family: 'unix', address: '', port: 0 }

/** `port`: where the text names none; it may have to. */
export function serverOf(kind: Kind, text: string, port?: number): Server {
  const parts = splitHostPort(text, port)
  if (parts === null) throw new Error(`${kind} server "${text}" passed validation and is no address`)
  return new Server(parts.host, parts.port)
}

/** What is hashed to find a server for a request, where that is how one is found; else ''. */
export function keyOf({ record }: Client, { options: { balance } }: Group): string {
  if (balance === 'hash_client') return record.client
  if (balance !== 'hash_url' || record.request === null) return ''
  const { bytes, targetStart, targetEnd } = record.request
  return latin1(bytes, targetStart, targetEnd)
}

/** Servers that want a header of the PROXY protocol want it of checks, too. */
export function prefaceOf({ proxy_protocol }: OutgoingSettings): Uint8Array | null {
  if (proxy_protocol === 'off') return null
  const out = new ByteWriter(64)
  writeProxyHeader(out, proxy_protocol === 'v1' ? 1 : 2, NOBODY, NOBODY)
  return out.view().slice()
}

/** What a check finds out goes into the log. */
export function changesTo(log: Logger, kind: Kind, name: string): CheckReport['changed'] {
  return ({ key: server }, well, why) => {
    if (well) log.info(`${kind} {name}: {server} is up`, { name, server })
    else log.warning(`${kind} {name}: {server} is down: {why}`, { name, server, why })
  }
}

/** A request went wrong because of this server. */
export function blame(log: Logger, kind: Kind, group: Group, server: Server, why: string): void {
  if (!group.failed(server)) return
  log.warning(`${kind} {name}: {server} is left alone for a while: {why}`, {
    name: group.name,
    server: server.key,
    why,
  })
}

/** What is counted of groups, by group and server. */
export function groupSnapshot(kind: Kind, groups: readonly Group[]): Snapshot {
  for (const group of groups) group.review()
  const each = (value: (server: Server) => number): Counted =>
    Object.fromEntries(groups.map(({ name, servers }) => {
      return [name, Object.fromEntries(servers.map((server) => [server.key, value(server)]))]
    }))
  return {
    [`${kind}_server_up`]: each(({ state }) => Number(state === 'up' || state === 'slow')),
    [`${kind}_server_active`]: each(({ active }) => active),
    [`${kind}_server_chosen_total`]: each(({ chosen }) => chosen),
    [`${kind}_server_failures_total`]: each(({ failures }) => failures),
  }
}
