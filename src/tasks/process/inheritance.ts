import { readFileSync } from 'node:fs'

/** capget(2): three sets of 64 bits, of which the halves stand together: effective, permitted, inheritable, and again. */
const _LINUX_CAPABILITY_VERSION_3 = 0x20080522
const setsBytes = 24
const inheritableAt = [8, 20]
/** prctl(2) */
const PR_SET_NO_NEW_PRIVS = 38
/** close_range(2), by its number: glibc has it from 2.34 on. */
const SYS_close_range = 436n
const CLOSE_RANGE_CLOEXEC = 4n

/**
 * From here on programs that this thread starts inherit neither its open files nor its capabilities (systemd's AmbientCapabilities),
 * and where we are root they get no others from sudo, setuid or file capabilities. What we may do ourselves stays, also for programs
 * that we start as root. There is no way back, so this holds for hooks, too; without root they may want sudo.
 *
 * @throws Error with one line for the operator
 */
export async function disinherit(): Promise<void> {
  if (process.platform !== 'linux') return
  const ours = readFileSync('/proc/self/status', 'latin1')
  const ffi = await import('node:ffi').catch(() => undefined)
  if (ffi === undefined) {
    if (/^CapAmb:\s*0+$/m.test(ours)) return
    throw new Error('tasks would have the capabilities of Sluice, because this Node.js has no node:ffi')
  }
  const capabilities = { arguments: ['buffer', 'buffer'], return: 'int32' } as const
  const { capget, capset, prctl, syscall } = ffi.dlopen(null, {
    capget: capabilities,
    capset: capabilities,
    prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
    syscall: { arguments: ['uint64', 'uint64', 'uint64', 'uint64'], return: 'int64' },
  }).functions
  // Before Linux 5.11 node's own way has to do, which covers what this process opened itself.
  syscall(SYS_close_range, 3n, 0xffff_ffffn, CLOSE_RANGE_CLOEXEC)
  // The ambient set is never more than the inheritable one. Where that is empty, a filter of system calls may well forbid to set it.
  if (!/^CapInh:\s*0+$/m.test(ours)) {
    const header = Buffer.alloc(8)
    header.writeUInt32LE(_LINUX_CAPABILITY_VERSION_3)
    const sets = Buffer.alloc(setsBytes)
    const isRead = capget(header, sets) === 0
    for (const at of inheritableAt) sets.writeUInt32LE(0, at)
    if (!isRead || capset(header, sets) !== 0)
      throw new Error('tasks would have the capabilities of Sluice: capset failed')
  }
  if (process.getuid?.() === 0 && prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0)
    throw new Error('tasks could become root: prctl(PR_SET_NO_NEW_PRIVS) failed')
}
