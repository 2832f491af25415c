/** What supervisor and workers say to each other. */

import type { Settings } from '../config/settings.ts'
import type { Place } from '../proxy/listening.ts'
import type { Snapshot } from '../proxy/snapshot.ts'
import type { Endpoint } from '../runtime.ts'

/** The worker, first of all. */
export interface Hello {
  readonly kind: 'hello'
  /** As `node 24.21.0`. */
  readonly runtime: string
}

/** The supervisor: what to do. A worker has its settings from nobody else. */
export interface Task {
  readonly kind: 'task'
  /** Which of the workers it is, from 1. */
  readonly id: number
  readonly settings: Settings
  readonly places: readonly Place[]
  /** Places of the service that are not for clients: nobody may reach them through the worker. */
  readonly reserved: readonly Endpoint[]
  /** Listen so that others may, too. */
  readonly shares: boolean
  /** One of the workers says what all of them would say alike. */
  readonly speaks: boolean
}

/** The worker: it listens, at these places. */
export interface Ready {
  readonly kind: 'ready'
  readonly engine: string
  readonly places: readonly Place[]
  readonly snapshot: Snapshot
}

/** The worker: it takes no more connections, because of a signal of its own. */
export interface Leaving {
  readonly kind: 'leaving'
}

/** The worker: it cannot start, for a reason that another one would meet as well, and ends. */
export interface Failed {
  readonly kind: 'failed'
  readonly exit: number
  readonly words: string
}

/** The supervisor: take no more connections, finish what is in flight within `limit` milliseconds (0: no limit), end. */
export interface Drain {
  readonly kind: 'drain'
  readonly limit: number
}

/** The supervisor: end now. */
export interface Stop {
  readonly kind: 'stop'
}

/** The supervisor: read the files again that the filter is made of. */
export interface Reload {
  readonly kind: 'reload'
}

/** The supervisor: how do you do? */
export interface Ask {
  readonly kind: 'ask'
  readonly id: number
}

/** The worker's answer to the question of that id. */
export interface Answer {
  readonly kind: 'answer'
  readonly id: number
  readonly snapshot: Snapshot
}

/** The worker: whole lines for a log. The bytes are lent until the next message. */
export interface Lines {
  readonly kind: LogName
  readonly bytes: Uint8Array
}

/** The access log, and the diagnostics. */
export type LogName = 'access' | 'diagnostics'

export type Message = Hello | Task | Ready | Leaving | Failed | Drain | Stop | Reload | Ask | Answer | Lines
