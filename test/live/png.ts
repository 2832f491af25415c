/** Just enough of PNG (RFC 2083) to look at a screenshot: 8 bits, with or without alpha, not interlaced. */

import type { Buffer } from 'node:buffer'
import { inflateSync } from 'node:zlib'

export interface Picture {
  readonly width: number
  readonly height: number
  /** `#rrggbb` of a point. */
  at(x: number, y: number): string
}

export function readPng(file: Buffer): Picture {
  const width = file.readUInt32BE(16)
  const height = file.readUInt32BE(20)
  const [depth, colour, , , interlaced] = file.subarray(24, 29)
  if (depth !== 8 || (colour !== 2 && colour !== 6) || interlaced !== 0) throw new Error('a PNG of another kind')
  const size = colour === 2 ? 3 : 4
  const pieces: Uint8Array[] = []
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      pieces.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)))
    }
  }
  const packed = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let put = 0
  for (const piece of pieces) {
    packed.set(piece, put)
    put += piece.length
  }
  const pixels = unfiltered(inflateSync(packed), width * size, height, size)
  const two = (value: number) => value.toString(16).padStart(2, '0')
  return {
    width,
    height,
    at(x, y) {
      const from = (Math.round(y) * width + Math.round(x)) * size
      return `#${two(pixels[from])}${two(pixels[from + 1])}${two(pixels[from + 2])}`
    },
  }
}

/** Each line begins with the way it was filtered (RFC 2083 6). */
function unfiltered(lines: Uint8Array, length: number, height: number, size: number): Uint8Array {
  const pixels = new Uint8Array(length * height)
  for (let y = 0; y < height; y++) {
    const way = lines[y * (length + 1)]
    for (let x = 0; x < length; x++) {
      const at = y * length + x
      const left = x < size ? 0 : pixels[at - size]
      const above = y === 0 ? 0 : pixels[at - length]
      const corner = x < size || y === 0 ? 0 : pixels[at - length - size]
      const guess = [0, left, above, (left + above) >> 1, nearest(left, above, corner)][way]
      pixels[at] = lines[y * (length + 1) + 1 + x] + guess
    }
  }
  return pixels
}

function nearest(left: number, above: number, corner: number): number {
  const guess = left + above - corner
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(guess - value))
  return a <= b && a <= c ? left : b <= c ? above : corner
}
