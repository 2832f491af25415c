/** What a DNS message is made of (RFC 1035 section 4, RFC 3596, RFC 2782, RFC 6891), as values. */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  HTTPS: 65,
} as const

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

/** The Internet class, the only one we ask for. */
export const CLASS_IN = 1

/** `name` is text as in name.ts, its case as it was on the wire. */
export interface Question {
  readonly name: string
  readonly type: number
  readonly class: number
}

export type Data =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'mx'; readonly preference: number; readonly exchange: string }
  | { readonly kind: 'txt'; readonly strings: readonly Uint8Array[] }
  | { readonly kind: 'soa'; readonly primary: string; readonly mailbox: string; readonly times: SoaTimes }
  | {
    readonly kind: 'srv'
    readonly priority: number
    readonly weight: number
    readonly port: number
    readonly target: string
  }
  | { readonly kind: 'opaque'; readonly bytes: Uint8Array }

/** Seconds, but for the serial number. `minimum` is the TTL of negative answers (RFC 2308 4). */
export interface SoaTimes {
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  readonly minimum: number
}

/** A resource record. `ttl` in seconds. */
export interface Resource {
  readonly name: string
  readonly type: number
  readonly class: number
  readonly ttl: number
  readonly data: Data
}

/** The OPT record (RFC 6891 6.1): how large an answer over UDP may be, and options not looked into. */
export interface Edns {
  readonly size: number
  readonly version: number
  readonly dnssec: boolean
  readonly options: readonly { readonly code: number; readonly bytes: Uint8Array }[]
}

export interface Message {
  readonly id: number
  /** QR: this is an answer. */
  readonly response: boolean
  readonly opcode: number
  readonly authoritative: boolean
  readonly truncated: boolean
  readonly recursionDesired: boolean
  readonly recursionAvailable: boolean
  readonly authentic: boolean
  readonly unchecked: boolean
  /** 4 bits, and 8 more above them where there is EDNS. */
  readonly rcode: number
  readonly questions: readonly Question[]
  readonly answers: readonly Resource[]
  readonly authorities: readonly Resource[]
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly Resource[]
  readonly edns: Edns | null
}

/** What RCODE n is called, for people. */
export function rcodeName(rcode: number): string {
  for (const [name, value] of Object.entries(RCODE)) if (value === rcode) return name
  return `RCODE ${rcode}`
}
