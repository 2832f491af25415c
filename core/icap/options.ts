/** What a service says of itself in its answer to OPTIONS (RFC 3507 4.10.2). */

import { type IcapHead, members } from './head.ts'

/** How a file is shown: with a preview first, not at all, or as a whole at once (RFC 3507 4.10.2, Transfer-*). */
export type Transfer = 'preview' | 'ignore' | 'complete'

export interface ServiceOptions {
  /** In upper case; empty: it does not say. */
  readonly methods: readonly string[]
  /** Bytes of a preview it wants; -1: it wants none. */
  readonly preview: number
  /** It knows partial content: 206. */
  readonly partial: boolean
  /** Connections it wants at most; Infinity: it does not say. */
  readonly connections: number
  /** Seconds for which this holds; -1: it does not say. */
  readonly ttl: number
  /** By what follows the last dot of a file's name, in lower case. */
  readonly transfers: ReadonlyMap<string, Transfer>
  /** Of all other files. */
  readonly others: Transfer
}

/** Of a service that has no OPTIONS: what holds for all. */
export const NO_OPTIONS: ServiceOptions = {
  methods: [],
  preview: -1,
  partial: false,
  connections: Infinity,
  ttl: -1,
  transfers: new Map(),
  others: 'complete',
}

const TRANSFERS = [['transfer-preview', 'preview'], ['transfer-ignore', 'ignore'], [
  'transfer-complete',
  'complete',
]] as const

/** Read the head of an answer of 200. What makes no sense in it is taken as not said. */
export function readOptions(head: IcapHead): ServiceOptions {
  const preview = head.number('preview')
  const transfers = new Map<string, Transfer>()
  let others: Transfer = 'preview'
  for (const [field, transfer] of TRANSFERS) {
    for (const extension of members(head.get(field) ?? '')) {
      if (extension === '*') others = transfer
      else transfers.set(extension.toLowerCase(), transfer)
    }
  }
  const connections = head.number('max-connections')
  return {
    methods: members(head.get('methods') ?? '').map((method) => method.toUpperCase()),
    preview,
    partial: head.has('allow', '206'),
    connections: connections > 0 ? connections : Infinity,
    ttl: head.number('options-ttl'),
    transfers,
    others,
  }
}

/** How what is at `url` is shown. */
export function transferOf(options: ServiceOptions, url: string): Transfer {
  if (options.transfers.size === 0) return options.others
  const path = /^(?:[^:/?#]+:\/\/[^/?#]*)?([^?#]*)/.exec(url)![1]
  const dot = path.lastIndexOf('.')
  if (dot < path.lastIndexOf('/')) return options.others
  return options.transfers.get(path.slice(dot + 1).toLowerCase()) ?? options.others
}
