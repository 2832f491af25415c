/** ICAP services in the chain: requests are shown to them before they go on (REQMOD), responses before they come back (RESPMOD). */

import { withoutZone } from '../bytes/address.ts'
import { toBase64 } from '../bytes/base64.ts'
import type { IcapSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import type { Cause, Decision } from '../filter/decision.ts'
import { NO_CHANGES, REDIRECTS } from '../filter/decision.ts'
import { unable } from '../filter/unable.ts'
import type { BodySource } from '../flow/body_source.ts'
import type { Adaptation, Adapted, IcapService, Shown } from '../flow/icap_client.ts'
import { changeHead, type OwnHead } from '../http/change.ts'
import { FIELD } from '../http/fields.ts'
import { type Head, NO_HEAD } from '../http/head.ts'
import type { MessageEvent } from '../http/parser.ts'
import type { Adapter } from './chain.ts'
import type { Client } from './client.ts'
import { failureOfDeny } from './obey.ts'
import type { Petition } from './petition.ts'
import type { AdaptedResponse, ResponseAdapter } from './response_adapter.ts'

const NOTHING: Uint8Array = new Uint8Array(0)
const END: MessageEvent = { kind: 'end', head: NO_HEAD, chunk: NOTHING, from: 0, to: 0, trailers: null }

/** In the place of a body that was taken away. */
const NO_BODY: BodySource = {
  next: () => END,
  refill: () => Promise.resolve(),
}

/** A REQMOD service in a chain. */
export class RequestService implements Adapter {
  readonly name: string
  readonly #service: IcapService

  constructor(service: IcapService) {
    this.name = service.settings.name
    this.#service = service
  }

  /** @throws Failure where it is not the service's doing */
  async adapt(petition: Petition): Promise<Decision> {
    // Whoever called has something to set right before anything is waited for.
    await null
    const { head, carrier } = petition
    if (petition.body === null && carrier !== null) {
      carrier.begin()
      petition.body = carrier
    }
    const has = head.framing !== 'none' && !head.isMethod('CONNECT')
    const adaptation = this.#service.adaptation({
      request: head,
      url: petition.url,
      response: null,
      body: has ? petition.body : null,
      fields: fieldsOf(petition.client, petition.user, head),
      waits: (on) => carrier?.waits(on),
    })
    const adapted = await under(petition, adaptation)
    const cause: Cause = { by: this.name, rule: '', reason: '', category: '' }
    switch (adapted.kind) {
      case 'unchanged':
        petition.body = adapted.body ?? petition.body
        return { kind: 'permit', final: false, ...cause }
      case 'request':
        return this.#changed(petition, adapted.own, adapted.body, cause)
      case 'response':
        return satisfied(petition, adapted.own.head, adapted.body, cause)
      case 'failed':
        petition.body = adapted.body ?? petition.body
        return undecided(this.#service.settings, adapted)
    }
  }

  #changed(petition: Petition, own: OwnHead, body: BodySource | null, cause: Cause): Decision {
    const { head } = petition
    const broken = { kind: 'deny', status: 503, broken: true, ...cause } as const
    if (own.head.isMethod('CONNECT') !== head.isMethod('CONNECT')) {
      return { ...broken, reason: 'it made another request out of CONNECT, or CONNECT out of another' }
    }
    const whole = head.upgrade ? withUpgrade(own, head) : own
    try {
      petition.take(whole)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return { ...broken, reason: `it gave a request that is none: ${error.message}` }
    }
    petition.body = body ?? NO_BODY
    return { kind: 'rewrite', changes: NO_CHANGES, ...cause }
  }
}

/** What is for the next hop alone is not shown to a service, and a changed request has to have it again. */
function withUpgrade(own: OwnHead, head: Head): OwnHead {
  const protocols: string[] = []
  for (let i = head.find(FIELD.upgrade); i >= 0; i = head.find(FIELD.upgrade, i + 1)) protocols.push(head.value(i))
  const { framing } = own.head
  const whole = changeHead(own.head, {
    ...NO_CHANGES,
    set: [['Upgrade', protocols.join(', ')], ['Connection', 'upgrade']],
  })
  whole.head.framing = framing
  own.release()
  return whole
}

/** The service has answered itself. */
function satisfied(petition: Petition, head: Head, body: BodySource | null, cause: Cause): Decision {
  const { status } = head
  if (petition.head.isMethod('CONNECT') && status < 300) {
    // The client would take it for a tunnel, and what follows for what the origin says.
    return { kind: 'deny', status: 403, broken: false, ...cause, reason: `the service answered CONNECT with ${status}` }
  }
  petition.satisfied = { head, body }
  const location = head.get(FIELD.location)
  if (REDIRECTS.includes(status) && location !== undefined) return { kind: 'redirect', status, location, ...cause }
  if (status >= 400) return { kind: 'deny', status, broken: false, ...cause }
  return { kind: 'respond', status, type: head.get(FIELD['content-type']) ?? '', body: NOTHING, ...cause }
}

/** The RESPMOD services of a listener, in the order of its chain. */
export class ResponseServices implements ResponseAdapter {
  readonly #services: readonly IcapService[]

  constructor(services: readonly IcapService[]) {
    this.#services = services
  }

  async adapt(client: Client, request: Head, response: Head, body: BodySource | null): Promise<AdaptedResponse> {
    const petition = client.petition!
    let head = response
    let own = body
    for (const service of this.#services) {
      const { name } = service.settings
      const adaptation = service.adaptation({
        request,
        url: petition.url,
        response: head,
        body: own,
        fields: fieldsOf(petition.client, petition.user, petition.head),
        waits: (on) => responseWaits(client, on),
      })
      const adapted = await under(petition, adaptation)
      if (adapted.kind === 'failed') {
        const said = undecided(service.settings, adapted)
        judged(client, petition, said)
        if (said.kind === 'deny') throw failureOfDeny(said)
        own = adapted.body
      } else if (adapted.kind === 'unchanged') own = adapted.body
      else {
        head = adapted.own.head
        own = adapted.body
        const cause = { by: name, rule: '', reason: '', category: '' }
        // What it puts in the place of something else is a refusal; else it is the same answer, changed.
        const refused = head.status >= 400 && head.status !== response.status
        judged(
          client,
          petition,
          refused
            ? { kind: 'deny', status: head.status, broken: false, ...cause }
            : { kind: 'rewrite', changes: NO_CHANGES, ...cause },
        )
      }
    }
    return { head, body: own }
  }
}

function judged(client: Client, petition: Petition, said: Decision): void {
  client.proxy.statistics.decided(said)
  petition.kind = said.kind
  petition.cause = said
  client.record.judged(petition)
}

function responseWaits(client: Client, on: 'body' | 'service'): void {
  if (client.late !== null || (client.waits !== 'decide' && client.waits !== 'origin')) return
  if (on === 'body') client.wait('origin', client.proxy.settings.outgoing.idle_timeout)
  else client.wait('decide', 0)
}

/** Run it as an errand of the petition: it hears when that is given up, and when it is over. */
function under(petition: Petition, adaptation: Adaptation): Promise<Adapted> {
  petition.errands = [...petition.errands, adaptation]
  return adaptation.run()
}

/** What is done when the service cannot say. Past the point where all can still go on as it was there is no permit. */
function undecided(settings: IcapSettings, { detail, whole }: { detail: string; whole: boolean }): Decision {
  const onError = whole || settings.on_error !== 'permit' ? settings.on_error : 'unavailable'
  return unable(settings.name, onError, detail)
}

/** What a service may know of who asks (draft-stecher-icap-subid); and what is for proxies alone (RFC 3507 4.4.1). */
function fieldsOf(client: string, user: string, head: Head): Shown['fields'] {
  const fields: [string, string][] = []
  if (client !== '') fields.push(['X-Client-IP', withoutZone(client)])
  if (user !== '') fields.push(['X-Authenticated-User', toBase64(encoder.encode(`Local://${user}`))])
  const login = head.get(FIELD['proxy-authorization'])
  if (login !== undefined) fields.push(['Proxy-Authorization', login])
  return fields
}

const encoder = new TextEncoder()
