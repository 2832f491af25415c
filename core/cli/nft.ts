/** `exaproxy nft`: what has to be said to the kernel for the listeners that capture. */

import { capturedPorts, capturedTo, capturing, FAMILIES, ipCommands, nftRules } from '../config/capture_rules.ts'
import type { Settings } from '../config/settings.ts'

/** There is nothing to print, and why. */
export class NftFailure extends Error {}

/** `ip`: the routes as commands, instead of the rules. @throws NftFailure */
export function printNft(settings: Settings, ip: boolean): string {
  const listeners = capturing(settings)
  if (listeners.length === 0) throw new NftFailure('no listener captures: set listener.NAME.capture')
  for (const listener of listeners) {
    const { name, mode } = listener
    if (capturedPorts(listener).length === 0) {
      throw new NftFailure(`listener.${name}.capture_ports is missing: mode "${mode}" has no port of its own, as [25]`)
    }
    if (FAMILIES.some((family) => capturedTo(listener, family)?.port === 0)) {
      throw new NftFailure(
        `listener.${name}.address needs a port: 0 is chosen at the start, after the rules are loaded`,
      )
    }
  }
  return ip ? ipCommands(settings) : nftRules(settings)
}
