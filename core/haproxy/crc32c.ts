/** CRC32C (Castagnoli; RFC 3720 12.1 and its appendix B.4), as the PROXY protocol checks its headers with. */

const REFLECTED = 0x82f63b78

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ REFLECTED : crc >>> 1
  return crc
})

/** The checksum of `bytes`, taking those from `zeros` to `zeros + 4` for 0; -1: none. */
export function crc32c(bytes: Uint8Array, zeros = -1): number {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) {
    const byte = zeros >= 0 && i >= zeros && i < zeros + 4 ? 0 : bytes[i]
    crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  }
  return (crc ^ -1) >>> 0
}
