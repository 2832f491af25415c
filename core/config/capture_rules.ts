/** The rules of the kernel that bring connections to the listeners that capture them, as text for nft(8) and sh(1). */

import { parseEndpoint, parseNetwork } from '../bytes/address.ts'
import { CAPTURE_MARK } from '../limits.ts'
import type { Endpoint } from '../runtime.ts'
import type { ListenerSettings, PortRange, Settings } from './settings.ts'

const MARK = `0x${CAPTURE_MARK.toString(16)}`

/** Ports that are captured where the listener names none. */
const PORTS: Partial<Record<ListenerSettings['mode'], number>> = { transparent: 80, tls: 443 }

/**
 * What becomes of connections for a listener that is not there. A chain of its own, for nft(8) lists a rule that rejects
 * without its family, and what is listed may be loaded again.
 */
const REFUSED = [
  '  chain refused {',
  '    # Nothing listens. Without this line, connections go on unfiltered while the proxy is down.',
  '    meta l4proto tcp reject with tcp reset',
  '  }',
]

/** Listeners that rules of the kernel bring connections to. */
export function capturing({ listener }: Settings): ListenerSettings[] {
  return listener.filter(({ capture }) => capture !== 'none')
}

export const FAMILIES = [4, 6] as const

/** Where the kernel is to bring connections of a family; null: nowhere. */
export function capturedTo({ address }: ListenerSettings, family: 4 | 6): Endpoint | null {
  return address.map((text) => parseEndpoint(text)).find((place) => place?.family === family) ?? null
}

/** Empty: it has to say. */
export function capturedPorts({ mode, capture_ports }: ListenerSettings): readonly PortRange[] {
  if (capture_ports.length > 0) return capture_ports
  const port = PORTS[mode]
  return port === undefined ? [] : [{ first: port, last: port }]
}

/** All that `nft -f -` needs; loading it again replaces what it loaded before. */
export function nftRules(settings: Settings): string {
  const listeners = capturing(settings)
  const redirected = listeners.filter(({ capture }) => capture === 'redirect')
  const proxied = listeners.filter(({ capture }) => capture !== 'redirect')
  const routed = proxied.length > 0 || settings.outgoing.spoof
  return [
    '# exaproxy nft | nft -f -',
    ...(routed ? ['# This needs routes as well: exaproxy nft --ip | sh'] : []),
    // Declared first, because what is not there cannot be deleted.
    'table inet exaproxy',
    'delete table inet exaproxy',
    'table inet exaproxy {',
    ...(routed ? tproxyChain(proxied) : []),
    ...(redirected.length > 0 ? redirectChain(redirected) : []),
    '}',
    '',
  ].join('\n')
}

/** The routes that TPROXY needs, as commands; none where nothing is captured so. */
export function ipCommands(settings: Settings): string {
  const routed = settings.outgoing.spoof || capturing(settings).some(({ capture }) => capture !== 'redirect')
  if (!routed) return '# nothing to do: REDIRECT needs no routes\n'
  const lines = ['# exaproxy nft --ip | sh', '# What the rules mark is for this machine, whatever its address is.']
  for (const [family, all] of [['-4', '0.0.0.0/0'], ['-6', '::/0']]) {
    // Given twice, a rule would be there twice.
    lines.push(`ip ${family} rule del fwmark ${MARK} lookup ${CAPTURE_MARK} 2>/dev/null`)
    lines.push(`ip ${family} rule add fwmark ${MARK} lookup ${CAPTURE_MARK}`)
    lines.push(`ip ${family} route replace local ${all} dev lo table ${CAPTURE_MARK}`)
  }
  return `${lines.join('\n')}\n`
}

function tproxyChain(listeners: readonly ListenerSettings[]): string[] {
  return [
    '  chain ours {',
    '    # A listener at any address is found for all clients, and whom it is for is said below.',
    '    socket wildcard 1 return',
    `    meta mark set ${MARK} accept`,
    '  }',
    ...(listeners.length > 0 ? REFUSED : []),
    '  chain capture_tproxy {',
    '    type filter hook prerouting priority mangle; policy accept;',
    '    # Connections of ours already, and answers to those made in the name of clients.',
    '    meta l4proto tcp socket transparent 1 jump ours',
    ...exceptions(),
    ...listeners.flatMap((listener) =>
      rulesOf(listener, (family, { address, port }) => {
        const to = isAny(address) ? '' : family === 6 ? `[${address}]` : address
        return [
          `tproxy ${family === 4 ? 'ip' : 'ip6'} to ${to}:${port} meta mark set ${MARK} accept`,
          'goto refused',
        ]
      })
    ),
    '  }',
  ]
}

function redirectChain(listeners: readonly ListenerSettings[]): string[] {
  return [
    '  chain capture_redirect {',
    '    type nat hook prerouting priority dstnat; policy accept;',
    ...exceptions(),
    ...listeners.flatMap((listener) => rulesOf(listener, (_, { port }) => [`redirect to :${port}`])),
    '  }',
  ]
}

/** What must not come to us: what is for this machine itself, and what has been here. */
function exceptions(): string[] {
  return ['    fib daddr type local return', `    meta mark ${MARK} return`]
}

/** For each family that it listens in, one rule for each verdict: where one did nothing, the next is asked. */
function rulesOf(listener: ListenerSettings, verdicts: (family: 4 | 6, to: Endpoint) => string[]): string[] {
  const lines = [`    # listener.${listener.name}`]
  const ports = set(capturedPorts(listener).map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`))
  for (const family of FAMILIES) {
    const to = capturedTo(listener, family)
    if (to === null) continue
    const from = listener.capture_from.filter((text) => parseNetwork(text)?.family === family)
    if (listener.capture_from.length > 0 && from.length === 0) continue
    const match = [
      ...(listener.capture_interface === '' ? [] : [`iifname "${listener.capture_interface}"`]),
      `meta nfproto ipv${family}`,
      ...(from.length === 0 ? [] : [`${family === 4 ? 'ip' : 'ip6'} saddr ${set(from)}`]),
      `tcp dport ${ports}`,
    ]
    lines.push(...verdicts(family, to).map((verdict) => `    ${match.join(' ')} ${verdict}`))
  }
  return lines
}

function set(members: readonly string[]): string {
  return members.length === 1 ? members[0] : `{ ${members.join(', ')} }`
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
