/** What no single option of parents can get wrong: names that mean nothing, and checks that cannot be made. */

import { endpointOf, formatEndpoint, type HostPort, parseEndpoint, splitHostPort } from '../bytes/address.ts'
import { asksTls } from '../filter/conditions.ts'
import type { Endpoint } from '../runtime.ts'
import { type Finding, grave, warning } from './finding.ts'
import { clash, isLoopback } from './places.ts'
import { DIRECT, type ListenerSettings, type Settings } from './settings.ts'
import { didYouMean } from './suggest.ts'

function unknown(option: string, name: string, names: readonly string[]): Finding {
  const there = names.length === 0 ? `; there is none: add [parent.${name}]` : `; there are ${names.join(', ')}`
  return grave(option, `there is no parent ${JSON.stringify(name)}${didYouMean(name, names) || there}`)
}

const LOOPBACK = ['127.0.0.1', '::1']

/** Where a server of a parent is, as far as that stands here: any other name has to be looked up. */
function placesOf({ host, port }: HostPort): Endpoint[] {
  const addresses = host === 'localhost' ? LOOPBACK : [host]
  return addresses.map((address) => endpointOf(address, port)).filter((place) => place !== null)
}

/** A proxy that is its own parent asks itself until it can do nothing else: only Via would tell, which SOCKS has not. */
function checkLoops({ listener, admin, parent, rule, outgoing }: Settings): Finding[] {
  const own = [...listener, admin].flatMap(({ address }) => address.map((text) => parseEndpoint(text)?.address))
  const listenerAt = (place: Endpoint): ListenerSettings | undefined => {
    if (!isLoopback(place.address) && !own.includes(place.address)) return undefined
    return listener.find(({ address }) => address.some((text) => clash(text, formatEndpoint(place))))
  }
  return parent.flatMap(({ name, servers }) => {
    // One of mode "passthrough" may be the way to a parent that is elsewhere, where it does not go through that itself.
    const led = outgoing.parent !== name || rule.some((one) => one.parent !== '' && one.parent !== name)
    return servers.flatMap((server) => {
      const at = placesOf(splitHostPort(server)!).map(listenerAt).find((found) => found !== undefined)
      if (at === undefined || (at.mode === 'passthrough' && led)) return []
      const words =
        `${server} is listener.${at.name} of this very proxy: requests would go round; give one another address`
      return [grave(`parent.${name}.servers`, words)]
    })
  })
}

export function checkParents(settings: Settings): Finding[] {
  const { listener, parent, rule, outgoing } = settings
  const found: Finding[] = []
  const names = parent.map(({ name }) => name)
  const used = new Set<string>()
  if (outgoing.parent !== '') {
    used.add(outgoing.parent)
    if (!names.includes(outgoing.parent)) found.push(unknown('outgoing.parent', outgoing.parent, names))
  } else if (outgoing.or_direct) {
    found.push(warning('outgoing.or_direct', 'is of no use without outgoing.parent: all goes directly'))
  }
  for (const [i, one] of rule.entries()) {
    const option = `rule.${i + 1}`
    if (one.or_direct && (one.parent === '' || one.parent === DIRECT)) {
      found.push(grave(`${option}.or_direct`, 'is of no use without a parent; say which: parent = "NAME"'))
    }
    if (one.parent === '' || one.parent === DIRECT) continue
    used.add(one.parent)
    if (!names.includes(one.parent)) found.push(unknown(`${option}.parent`, one.parent, [...names, DIRECT]))
    if (asksTls(one) && listener.some(({ mode }) => mode !== 'tls')) {
      const words =
        'comes too late for what a client of CONNECT or SOCKS says inside its tunnel: that is connected by then'
      found.push(warning(`${option}.parent`, words))
    }
  }
  for (const { name, type, check, check_url } of parent) {
    const option = `parent.${name}`
    if (name === DIRECT) found.push(grave(option, '"direct" means no parent: give it another name'))
    if (!used.has(name)) {
      const words = 'is asked by nobody; name it in outgoing.parent or in parent of a [[rule]], or remove it'
      found.push(warning(option, words))
    }
    if (check === 'http' && type !== 'http') {
      found.push(grave(`${option}.check`, `"http" is not what a server of type "${type}" speaks; write "tcp"`))
    } else if (check === 'http' && check_url === '') {
      found.push(grave(`${option}.check_url`, 'is missing; say what a check asks for, as "http://example.com/"'))
    } else if (check !== 'http' && check_url !== '') {
      found.push(warning(`${option}.check_url`, `is of no use with check = "${check}"; it is for "http"`))
    }
  }
  return [...found, ...checkLoops(settings)]
}
