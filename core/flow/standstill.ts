/** Who takes bytes slowly, and who takes none: the machine says that it has room again only once there is much. */

import type { Socket } from '../runtime.ts'

/** How long nothing of what was written there has gone on, milliseconds; Infinity: nobody knows, or there is no such socket. */
export const standstill = (socket: Socket | undefined): number => socket?.standstill?.() ?? Infinity
