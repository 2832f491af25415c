/** The ISTag of our ICAP service (RFC 3507 4.7): as long as it is the same, the same requests are answered the same. */

import type { ListenerSettings, Settings } from '../config/settings.ts'

/** Of the rules, of what else decides, and of the lists. All workers say the same, and so they do after a restart. */
export class IcapTag {
  readonly #name: string
  readonly #configured: string
  readonly #lists: { readonly signature: string }
  #signature: string
  #value: string

  /** `lists`: their signature is another one when they are. */
  constructor(settings: Settings, listener: ListenerSettings, lists: { readonly signature: string }) {
    const { rule, list, helper, icap, http } = settings
    this.#name = http.transparent ? '' : 'exaproxy-'
    this.#configured = JSON.stringify([rule, list, helper, icap, listener.filter, listener.safe_search])
    this.#lists = lists
    this.#signature = lists.signature
    this.#value = this.#make()
  }

  /** Without its quotes: 25 characters at most, where 32 are allowed. */
  get value(): string {
    if (this.#lists.signature !== this.#signature) {
      this.#signature = this.#lists.signature
      this.#value = this.#make()
    }
    return this.#value
  }

  #make(): string {
    const text = this.#configured + this.#signature
    return `${this.#name}${hex(fnv(text, 0x811c9dc5))}${hex(fnv(text, 0x9e3779b9))}`
  }
}

/** FNV-1a, 32 bits, of the characters' codes. */
function fnv(text: string, basis: number): number {
  let hash = basis
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

function hex(number: number): string {
  return number.toString(16).padStart(8, '0')
}
