/** Options: a kind, a default, and the reason for it. */

import * as z from 'zod'
import type { Kind, Shape } from './kinds.ts'

/**
 * One option. `path` has `*` in the place of a NAME. `fallback` is as a person would write it; `undefined`: required, or
 * where `unset` is not empty, what that says.
 */
export interface Option {
  readonly path: readonly string[]
  readonly shape: Shape
  readonly form: string
  readonly fallback: unknown
  readonly unset: string
  readonly description: string
}

interface About extends Kind {
  readonly fallback: unknown
  readonly unset: string
  readonly description: string
}

export const ABOUT = new WeakMap<z.ZodType, About>()

export function option<T extends z.ZodType>(of: Kind<T>, fallback: z.input<T>, description: string): z.ZodPrefault<T> {
  const type = of.type.prefault(fallback as never).meta({ description })
  ABOUT.set(type, { ...of, fallback, unset: '', description })
  return type
}

export function required<T extends z.ZodType>(of: Kind<T>, description: string): T {
  const type = of.type.meta({ description })
  ABOUT.set(type, { ...of, fallback: undefined, unset: '', description })
  return type
}

/** It need not be there; `unset`: what then is, in a word or two. */
export function optional<T extends z.ZodType>(of: Kind<T>, unset: string, description: string): z.ZodExactOptional<T> {
  const type = z.exactOptional(of.type).meta({ description })
  ABOUT.set(type, { ...of, fallback: undefined, unset, description })
  return type
}
