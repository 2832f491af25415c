/**
 * What a classifier says about a request: one vocabulary for rules, lists, helper programs and ICAP services.
 *
 * A classifier that has nothing against a request and nothing to change says `permit`, and the next one of the chain is
 * asked. Values are checked where they are made: what is in a Decision can be written into a message as it is.
 */

/** In the order of the counters. */
export type DecisionKind = typeof DECISIONS[number]
export const DECISIONS = ['permit', 'rewrite', 'redirect', 'deny', 'respond', 'intercept', 'close'] as const

/** Statuses of a redirection (RFC 9110 15.4): those that send a client elsewhere with a Location. */
export const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** Who decided, and why: for the log, the metrics and the page. */
export interface Cause {
  /** The classifier: `rules`, or the name of the helper or the ICAP service. */
  readonly by: string
  /** The rule that matched, or what stands for it; empty: none has a name. */
  readonly rule: string
  /** Why, in words for a person; may be empty. */
  readonly reason: string
  /** The list or category it was found in; may be empty. */
  readonly category: string
}

/** What is done to a request before it goes on. The method is kept, and so is the body. */
export interface Changes {
  /** The absolute URI to ask for, or `host:port` for CONNECT; empty: the one that came. */
  readonly url: string
  /** Host stays as it came, although the URL is another. */
  readonly keepHost: boolean
  /** In the place of all fields of that name. */
  readonly set: readonly (readonly [name: string, value: string])[]
  /** Beside those there are. */
  readonly append: readonly (readonly [name: string, value: string])[]
  /** Names, in any case of letters. */
  readonly remove: readonly string[]
  /** Cookies of the request, by name: `null` takes it out. */
  readonly cookie: readonly (readonly [name: string, value: string | null])[]
}

export const NO_CHANGES: Changes = { url: '', keepHost: false, set: [], append: [], remove: [], cookie: [] }

/** `final`: no other classifier is asked. */
export interface Permit extends Cause {
  readonly kind: 'permit'
  readonly final: boolean
  /** Who it turns out to be that asks. */
  readonly user?: string
}

export interface Rewrite extends Cause {
  readonly kind: 'rewrite'
  readonly changes: Changes
}

export interface Redirect extends Cause {
  readonly kind: 'redirect'
  readonly status: number
  readonly location: string
}

export interface Deny extends Cause {
  readonly kind: 'deny'
  /** 400 to 599. */
  readonly status: number
  /** It is not about the request: who should decide could not (too slow, too busy, dead). */
  readonly broken: boolean
}

/** An answer of our own, not an error page. */
export interface Respond extends Cause {
  readonly kind: 'respond'
  readonly status: number
  /** The value of Content-Type; empty: there is none. */
  readonly type: string
  /** Others, none of which is about framing or the connection. */
  readonly fields?: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** The same request, sent to another address; Host and SNI stay as they are. */
export interface Intercept extends Cause {
  readonly kind: 'intercept'
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
  /** The operator named it, so that it may be an address of this machine. */
  readonly trusted: boolean
}

/** The connection is closed without a word. */
export interface Close extends Cause {
  readonly kind: 'close'
}

export type Decision = Permit | Rewrite | Redirect | Deny | Respond | Intercept | Close
