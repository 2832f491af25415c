/** What no single option can get wrong: values that are fine alone and not together. */

import { isLinkLocal, parseAddress, parseEndpoint, parseNetwork, splitHostPort } from '../bytes/address.ts'
import { capturedPorts, capturedTo } from './capture_rules.ts'
import { checkFilter } from './filter_checks.ts'
import { checkParents } from './parent_checks.ts'
import { type Finding, grave, warning } from './finding.ts'
import { clash, isLoopback } from './places.ts'
import { checkTls } from './tls_checks.ts'
import { ADMIN_ADDRESS, type ListenerSettings, type PortRange, PROXY_PROTOCOL_FROM, type Settings } from './settings.ts'

function checkListeners(listeners: readonly ListenerSettings[]): Finding[] {
  const places = listeners.flatMap(({ name, address }) => address.map((at) => ({ name, at })))
  const found: Finding[] = []
  for (const [i, { name, at }] of places.entries()) {
    const other = places.slice(0, i).find((earlier) => clash(earlier.at, at))
    if (other === undefined) continue
    const said = other.at === at ? at : `${at} (beside ${other.at})`
    found.push(grave(`listener.${name}.address`, `${said} is taken by listener.${other.name}; give each its own port`))
  }
  return found
}

/** The default gives way to listeners: it is not asked for. */
function checkAdmin({ listener, admin }: Settings): Finding[] {
  const found: Finding[] = []
  for (const at of admin.address) {
    const taken = listener.find(({ address }) => address.some((theirs) => clash(theirs, at)))
    if (taken === undefined || at === ADMIN_ADDRESS) continue
    found.push(grave('admin.address', `${at} is taken by listener.${taken.name}; give each its own port`))
  }
  return found
}

function checkUpstreams({ listener, upstream }: Settings): Finding[] {
  const found: Finding[] = []
  const reverse = listener.filter(({ mode }) => mode === 'reverse')
  for (const { name } of upstream.length === 0 ? reverse : []) {
    const fix = 'add [upstream.NAME] with servers = ["127.0.0.1:9000"]'
    found.push(grave(`listener.${name}.mode`, `"reverse" needs an upstream to serve; ${fix}`))
  }
  if (reverse.length === 0) {
    for (const { name } of upstream) {
      const words = 'is served by no listener; add one with mode = "reverse", or remove it'
      found.push(warning(`upstream.${name}`, words))
    }
  }
  for (const { name, balance, max_connections, queue, sticky } of upstream) {
    if (queue > 0 && max_connections === 0) {
      found.push(warning(`upstream.${name}.queue`, 'is of no use without max_connections: there is always room'))
    }
    if (sticky === 'client' && balance !== 'hash_client' && balance !== 'round_robin') {
      found.push(warning(`upstream.${name}.balance`, 'does not count: sticky = "client" finds the server by its hash'))
    }
  }
  const owners = new Map<string, string>()
  for (const { name, hosts } of upstream) {
    for (const host of new Set(hosts)) {
      const owner = owners.get(host)
      if (owner === undefined) owners.set(host, name)
      else found.push(grave(`upstream.${name}.hosts`, `"${host}" is served by upstream.${owner} already`))
    }
  }
  return found
}

/** Log, metrics and cookies tell servers by their address: one that is there twice would be two of the same name. */
function checkServers({ upstream, parent }: Settings): Finding[] {
  const groups = [
    ...upstream.map(({ name, servers }) => ({ option: `upstream.${name}.servers`, servers })),
    ...parent.map(({ name, servers }) => ({ option: `parent.${name}.servers`, servers })),
  ]
  return groups.flatMap(({ option, servers }) => {
    const again = servers.filter((server, i) => servers.indexOf(server) < i && servers.lastIndexOf(server) === i)
    return again.map((server) => grave(option, `"${server}" is there more than once; leave one of them`))
  })
}

function checkIntroductions({ listener }: Settings): Finding[] {
  const found: Finding[] = []
  for (const { name, address, proxy_protocol, proxy_protocol_from: from, proxy_protocol_user } of listener) {
    if (proxy_protocol === 'require') {
      if (from.length > 0 || address.every((at) => parseEndpoint(at)?.family === 'unix')) continue
      const words = 'is empty, so that every connection is closed; name the load balancer, as ["10.0.0.5/32"]'
      found.push(grave(`listener.${name}.proxy_protocol_from`, words))
      continue
    }
    const words = 'is of no use without proxy_protocol = "require": nobody says who the client is'
    if (proxy_protocol_user !== 'off') found.push(warning(`listener.${name}.proxy_protocol_user`, words))
    // The default is not asked for.
    if (from.join() !== PROXY_PROTOCOL_FROM.join()) found.push(warning(`listener.${name}.proxy_protocol_from`, words))
  }
  return found
}

function checkLogins({ listener }: Settings): Finding[] {
  return listener.flatMap(({ name, mode, users_file }) => {
    if (users_file === '' || mode === 'socks' || mode === 'forward') return []
    return [grave(`listener.${name}.users_file`, `mode "${mode}" has no login of its own; remove it`)]
  })
}

function checkModes({ listener }: Settings): Finding[] {
  const found: Finding[] = []
  for (const { name, mode, server, capture } of listener) {
    if (mode === 'passthrough' && server === '' && capture === 'none') {
      const words =
        'is missing; it says where all connections go, as "192.0.2.1:25" (or set capture, for where they were going)'
      found.push(grave(`listener.${name}.server`, words))
    }
    const to = parseAddress(splitHostPort(server)?.host ?? '')
    if (to !== null && (to.zone !== '' || isLinkLocal(to))) {
      const words = 'is on a link, and what is asked for has no zone to say so; write a global address'
      found.push(grave(`listener.${name}.server`, words))
    }
    if (mode !== 'passthrough' && server !== '') {
      found.push(warning(`listener.${name}.server`, `is of no use to mode "${mode}"; it is for "passthrough"`))
    }
  }
  return found
}

const CAPTURING = ['transparent', 'tls', 'passthrough']

function checkCaptures({ listener, outgoing }: Settings): Finding[] {
  const found: Finding[] = []
  const taken: (PortRange & { readonly name: string; readonly who: string })[] = []
  for (const one of listener) {
    const { name, mode, capture, capture_ports, capture_from, capture_interface, server, address } = one
    if (capture === 'none') {
      if (capture_ports.length + capture_from.length > 0 || capture_interface !== '') {
        const words = 'is "none", so that capture_ports, capture_from and capture_interface are of no use'
        found.push(warning(`listener.${name}.capture`, words))
      }
      continue
    }
    if (!CAPTURING.includes(mode)) {
      const words = `is of no use to mode "${mode}"; it is for "transparent", "tls" and "passthrough"`
      found.push(grave(`listener.${name}.capture`, words))
      continue
    }
    if (mode === 'passthrough' && server !== '') {
      found.push(warning(`listener.${name}.capture`, 'is of no use beside server, which says where all connections go'))
    }
    const places = address.map((text) => parseEndpoint(text))
    if (places.some((place) => place?.family === 'unix')) {
      found.push(grave(`listener.${name}.address`, 'the kernel brings no connections to a unix socket; give a port'))
    } else if (capture === 'redirect' && places.every((place) => place !== null && isLoopback(place.address))) {
      const words =
        'REDIRECT leads to the address of the interface that connections come in by; listen on that, or on 0.0.0.0'
      found.push(warning(`listener.${name}.address`, words))
    }
    found.push(...checkCapturedClients(one))
    if (capturedPorts(one).length === 0) {
      const words = 'is missing, so that exaproxy nft cannot say what is captured; write it as [25]'
      found.push(warning(`listener.${name}.capture_ports`, words))
    }
    const who = `${capture_interface} ${[...capture_from].sort().join(' ')}`
    for (const { first, last } of capturedPorts(one)) {
      const other = taken.find((range) => range.who === who && range.first <= last && first <= range.last)
      if (other !== undefined) {
        const port = Math.max(first, other.first)
        found.push(grave(`listener.${name}.capture_ports`, `${port} is captured by listener.${other.name} already`))
      }
      taken.push({ first, last, name, who })
    }
  }
  const named = listener.some(({ capture, proxy_protocol }) => capture !== 'none' || proxy_protocol === 'require')
  if (outgoing.spoof && !named) {
    const words =
      'is of no use: it is for listeners with capture, or with proxy_protocol = "require", and there is none'
    found.push(warning('outgoing.spoof', words))
  }
  return found
}

/** Of clients of a family that it does not listen in, nobody comes. */
function checkCapturedClients(listener: ListenerSettings): Finding[] {
  const families = new Set(listener.capture_from.map((text) => parseNetwork(text)!.family))
  const lost = [...families].filter((family) => capturedTo(listener, family) === null)
  const all = lost.length === families.size
  return lost.map((family) => {
    const words = `has networks of IPv${family}, and address none of it to bring them to`
    const option = `listener.${listener.name}.capture_from`
    return all ? grave(option, `${words}: nobody would be captured`) : warning(option, words)
  })
}

function checkOutgoing({ outgoing }: Settings): Finding[] {
  const found: Finding[] = []
  if (!outgoing.ipv4 && !outgoing.ipv6) {
    found.push(grave('outgoing.ipv6', 'ipv4 and ipv6 are both off: nothing could be reached; turn one on'))
  } else if (outgoing.prefer !== 'auto' && !outgoing[outgoing.prefer]) {
    found.push(warning('outgoing.prefer', `"${outgoing.prefer}" is preferred, but outgoing.${outgoing.prefer} is off`))
  }
  if (outgoing.nat64 !== 'off' && !outgoing.ipv6) {
    found.push(
      grave('outgoing.nat64', 'is reached over IPv6, and outgoing.ipv6 is off; turn it on, or set nat64 to "off"'),
    )
  }
  if (outgoing.idle_per_origin > outgoing.idle_total) {
    found.push(warning('outgoing.idle_per_origin', 'is more than outgoing.idle_total, which is what counts'))
  }
  return found
}

function checkDns({ dns }: Settings): Finding[] {
  const found: Finding[] = []
  if (dns.ttl_max > 0 && dns.ttl_min > dns.ttl_max) {
    found.push(grave('dns.ttl_min', 'is longer than dns.ttl_max; make it the shorter of the two'))
  }
  return found
}

export function check(settings: Settings): Finding[] {
  return [
    ...checkListeners(settings.listener),
    ...checkAdmin(settings),
    ...checkUpstreams(settings),
    ...checkServers(settings),
    ...checkModes(settings),
    ...checkCaptures(settings),
    ...checkIntroductions(settings),
    ...checkLogins(settings),
    ...checkOutgoing(settings),
    ...checkDns(settings),
    ...checkParents(settings),
    ...checkFilter(settings),
    ...checkTls(settings),
  ]
}
