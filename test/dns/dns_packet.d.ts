/** As much of the package's shape as the tests use: it brings no types. */
declare module 'dns-packet' {
  export interface Packet {
    type?: 'query' | 'response'
    id?: number
    flags?: number
    rcode?: string
    questions?: { name: string; type: string; class?: string }[]
    answers?: PacketRecord[]
    authorities?: PacketRecord[]
    additionals?: PacketRecord[]
  }
  export interface PacketRecord {
    name: string
    type: string
    class?: string
    ttl?: number
    data?: unknown
    udpPayloadSize?: number
    extendedRcode?: number
    ednsVersion?: number
    flags?: number
    options?: { code: number; data: Uint8Array }[]
  }
  export function encode(packet: Packet): Uint8Array
  export function decode(bytes: Uint8Array): Packet
}
