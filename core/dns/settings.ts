/** What the machine says about names: resolv.conf and the hosts file, as text (resolv.conf(5), hosts(5)). */

import { endpointOf, formatAddress, parseAddress, parseEndpoint } from '../bytes/address.ts'
import { hostName } from '../bytes/host.ts'
import { DNS_SERVERS } from '../limits.ts'
import type { Endpoint } from '../runtime.ts'

export const DNS_PORT = 53

/** Spaces and tabs alone: the C library knows no other white space here. */
const BLANKS = /[ \t]+/

export interface ResolvConf {
  /** In the order they are to be asked; that of this machine when the file names none, as the C library does. */
  readonly servers: readonly Endpoint[]
  /** It names one at least. */
  readonly named: boolean
  /** Domains put after names without a dot, in order. */
  readonly search: readonly string[]
}

/** Lines that cannot be read are passed over, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: Endpoint[] = []
  let search: string[] = []
  for (const line of text.split('\n')) {
    const words = line.replace('\r', '').split(/[#;]/, 1)[0].split(BLANKS).filter((word) => word !== '')
    if (words[0] === 'nameserver' && words.length > 1 && servers.length < DNS_SERVERS) {
      const server = endpointOf(words[1], DNS_PORT)
      if (server !== null) servers.push(server)
    } else if (words[0] === 'search' || words[0] === 'domain') {
      // The last line of either kind counts.
      search = []
      for (const word of words.slice(1)) {
        const domain = hostName(word)
        if ('name' in domain) search.push(domain.name)
      }
    }
  }
  const named = servers.length > 0
  if (!named) servers.push({ family: 4, address: '127.0.0.1', port: DNS_PORT })
  return { servers, named, search }
}

/** The servers of the configuration: addresses, with a port or without. Throws a TypeError for one that is none. */
export function parseServers(texts: readonly string[]): Endpoint[] {
  return texts.map((text) => {
    const server = parseEndpoint(text, DNS_PORT) ?? endpointOf(text, DNS_PORT)
    if (server === null || server.family === 'unix') throw new TypeError(`Cannot read the name server ${text}`)
    return server
  })
}

export interface HostsEntry {
  readonly 4: readonly string[]
  readonly 6: readonly string[]
}

/** Names in lower case to their addresses, in the order of the file. Lines that cannot be read are passed over. */
export function parseHosts(text: string): ReadonlyMap<string, HostsEntry> {
  const hosts = new Map<string, { 4: string[]; 6: string[] }>()
  for (const line of text.split('\n')) {
    const hash = line.indexOf('#')
    const words = (hash === -1 ? line : line.slice(0, hash)).replace('\r', '').split(BLANKS)
    if (words[0] === '') words.shift()
    if (words.length < 2) continue
    const address = parseAddress(words[0])
    if (address === null) continue
    const shown = formatAddress(address)
    for (let i = 1; i < words.length; i++) {
      const name = hostName(words[i])
      if (!('name' in name)) continue
      let entry = hosts.get(name.name)
      if (entry === undefined) hosts.set(name.name, entry = { 4: [], 6: [] })
      const list = entry[address.family]
      if (!list.includes(shown)) list.push(shown)
    }
  }
  return hosts
}
