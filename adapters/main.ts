/** The program, on the runtime it was started with: the command line of core, or one of the workers it starts. */
import { runtime } from '#runtime'
import { WORKER_VARIABLE } from '../core/config/settings.ts'

const environment = runtime.environment as { [name: string]: string | undefined }
const supervisor = environment[WORKER_VARIABLE]
// What a worker starts is no worker.
delete environment[WORKER_VARIABLE]

// Each loads only what it needs: a worker reads no configuration, and the supervisor carries no traffic.
runtime.exit(
  supervisor
    ? await (await import('../core/service/worker.ts')).work(runtime, supervisor)
    : await (await import('../core/cli/main.ts')).main(runtime),
)
