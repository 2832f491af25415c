/**
 * Workers of a Node that knows no SO_REUSEPORT (before 23.1), or not on this system: node:cluster. The supervisor opens the
 * port, and each worker accepts from it by itself (SCHED_NONE), so that no connection passes through the supervisor.
 */
import cluster from 'node:cluster'
import process from 'node:process'
import type { Child, Runtime } from '../../core/runtime.ts'
import { childOf, spawn } from '../shared/child.ts'
import { inheritance, inheritedDescriptors } from '../shared/inherited.ts'
import { workers } from '../shared/worker.ts'

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number)

/** Before 23.1 Node takes the option and ignores it; later, elsewhere than on Linux, it may be refused. */
export const REUSE_PORT = process.platform === 'linux' && (MAJOR > 23 || (MAJOR === 23 && MINOR >= 1))

// When the supervisor dies, a worker finishes what is in flight: node:cluster would end it at once.
if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true

function fork(environment: Readonly<Record<string, string>>): Child {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ stdio: ['pipe', 'pipe', 'pipe', ...inheritedDescriptors, 'ipc'] })
  return childOf(cluster.fork({ ...environment, ...inheritance }).process)
}

export const own: readonly string[] = process.argv.slice(2)

export const { worker, sharesPorts }: Pick<Runtime, 'worker' | 'sharesPorts'> = REUSE_PORT
  ? workers(own, spawn)
  : { worker: fork, sharesPorts: true }
