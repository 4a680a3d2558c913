import { describeFlags, readOptions, UsageError } from './options.ts'

const help = `sluice: Elastic Load Balancing that you run yourself

  sluice up [FLAGS]       start it, and keep it running
  sluice doctor [FLAGS]   what this machine can and cannot do, and how each listener is
  sluice version
  sluice help

Flags (each is also an environment variable: --data-dir is SLUICE_DATA_DIR):
${describeFlags()}
`

const [given, ...args] = process.argv.slice(2)
const command = args.some(arg => arg === '--help' || arg === '-h') ? 'help' : given

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
