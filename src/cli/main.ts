import { describeFlags, readOptions, UsageError } from './options.ts'

const help = `sluice: Elastic Load Balancing that you run yourself

  sluice up [FLAGS]       start it, and keep it running
  sluice doctor [FLAGS]   what this machine can and cannot do, and how each listener and each deployment under way is
  sluice explain udp|tcp CLIENT:PORT ADDRESS:PORT [FLAGS]
                          which target a new flow goes to, and why
  sluice check [--json] [FLAGS]
                          what in the running design will cost requests, time or safety, and the cure; exits with 1 if anything
  sluice target render --target-group ARN [FLAGS]
                          commands for target hosts, so that their replies come back through the load balancer
  sluice sg render --target-group ARN [FLAGS]
                          an nftables ruleset for target hosts, which admits what came through the load balancer
  sluice task logs [--follow] ID [FLAGS]
                          what a task wrote (its id or ARN: aws ecs list-tasks)
  sluice ca [FLAGS]       the root certificate (PEM) of what aws acm request-certificate issues, for clients to trust
  sluice rehearse [DESIGN...] [--timing P] [--seed N] [--runs N] [--from-live] [--out FILE.svg|FILE.html] [FLAGS]
                          a blue/green deployment and its rollback in virtual time: what clients would get, under AWS's
                          timing and under Sluice's own (designs: alb, nlb, nlb-wait, nlb-dummy, nlb-weight0)
  sluice cleanup [--all] [FLAGS]
                          remove what the Sluice of this data directory (--all: any) left in the kernel when it ended
  sluice version
  sluice help

Flags (each is also an environment variable: --data-dir is SLUICE_DATA_DIR):
${describeFlags()}
`

const [given, ...args] = process.argv.slice(2)
const command = args.some(arg => arg === '--help' || arg === '-h') ? 'help' : given

// Whoever reads what we print may have seen enough, as in `sluice doctor | head`. What serves goes on serving.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`sluice: what it prints cannot be written: ${error.message}\n`)
  if (command !== 'up') process.exit(error.code === 'EPIPE' ? undefined : 2)
})

try {
  switch (command) {
    case 'up': {
      const { up } = await import('./up.ts')
      await up(readOptions(args, process.env))
      break
    }
    case 'doctor': {
      const { doctor } = await import('./doctor.ts')
      process.exitCode = await doctor(readOptions(args, process.env))
      break
    }
    case 'explain': {
      const { explainCommand } = await import('./explain.ts')
      process.exitCode = await explainCommand(args, process.env)
      break
    }
    case 'check': {
      const { checkCommand } = await import('./check.ts')
      process.exitCode = await checkCommand(args, process.env)
      break
    }
    case 'target':
    case 'sg': {
      const { renderCommand } = await import('./render.ts')
      process.exitCode = await renderCommand(command, args, process.env)
      break
    }
    case 'task': {
      const { taskCommand } = await import('./task.ts')
      process.exitCode = await taskCommand(args, process.env)
      break
    }
    case 'ca': {
      const { caCommand } = await import('./ca.ts')
      process.exitCode = await caCommand(args, process.env)
      break
    }
    case 'rehearse': {
      const { rehearseCommand } = await import('./rehearse.ts')
      process.exitCode = await rehearseCommand(args, process.env)
      break
    }
    case 'cleanup': {
      const { cleanupCommand } = await import('./cleanup.ts')
      process.exitCode = await cleanupCommand(args, process.env)
      break
    }
    case 'version': {
      const { version } = await import('../version.ts')
      process.stdout.write(`sluice ${version} (node ${process.versions.node})\n`)
      break
    }
    case 'help':
    case '--help':
    case '-h':
    case undefined:
      process.stdout.write(help)
      break
    default:
      throw new UsageError(`there is no command '${command}' (see: sluice help)`)
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`sluice: ${error.message}\n`)
  process.exitCode = 2
}
