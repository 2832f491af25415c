/** A tunnel that was permitted by the name CONNECT gave is judged once more by the name inside it. */

import type { TlsFacts } from '../filter/subject.ts'
import { NO_CHANGES } from '../filter/decision.ts'
import { changeHead } from '../http/change.ts'
import { parseTarget } from '../http/target.ts'
import type { Client } from './client.ts'
import type { Outcome } from './chain.ts'
import { type Dial, Petition } from './petition.ts'
import { searchSafely } from './search_safely.ts'

/** The end, or where to connect to: `null` where it stays as it is. */
export type Review = Exclude<Outcome, { kind: 'forward' }> | { readonly kind: 'forward'; readonly dial: Dial | null }

/**
 * Ask the rules with what the ClientHello says; and all of the chain about the server name in it, where that is another than
 * the host of CONNECT: what is refused by one name is not to be had by another. Rewrites come too late here, and are left.
 * @throws Failure as the chain does
 */
export async function review(client: Client, facts: TlsFacts): Promise<Review> {
  const petition = client.petition!
  const chain = client.listener.chain!
  const dialled = petition.dial
  petition.tls = facts
  // Where it goes is known by now, whatever a name is elsewhere.
  const goes = connectedTo(client)
  petition.addresses ??= goes
  // What only reports holds now as it did before, and is told once.
  petition.reported = []
  const again = await chain.review(petition)
  client.record.judged(petition)
  if (again.kind !== 'forward') return again
  if (facts.sni !== '' && facts.sni !== petition.host) {
    const { target, head } = petition
    const own = changeHead(head, { ...NO_CHANGES, url: `${facts.sni}:${target.port}` })
    const inside = new Petition(client.petitioner(), own.head, parseTarget(own.head))
    inside.tls = facts
    inside.addresses = goes
    try {
      const outcome = await chain.decide(inside)
      if (inside.cause !== null) client.record.judged(inside)
      if (outcome.kind !== 'forward') return outcome
      searchSafely(inside, client.listener.settings.safe_search)
      if (inside.dial !== null) petition.dial = inside.dial
    } finally {
      inside.release()
    }
  }
  return { kind: 'forward', dial: petition.dial === dialled ? null : petition.dial }
}

/** The address of the origin, as rules about addresses see it; `null`: it is reached by others, or is led elsewhere. */
function connectedTo({ connection, petition, proxy }: Client): readonly string[] | null {
  if (connection === null || connection.origin.via !== null || petition!.dial !== null) return null
  return proxy.destinations.meanings(connection.socket.peer.address)
}
