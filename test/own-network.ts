/** A test's process in a network namespace of its own, or in one that it is told of: the kernel's rules there are nobody else's. */
import { execFileSync } from 'node:child_process'
import { dlopen } from 'node:ffi'
import { closeSync, openSync } from 'node:fs'

const CLONE_NEWNET = 0x40000000

/**
 * Moves this process into a new network namespace with nothing but loopback; it goes with the process. Needs root. Only the
 * main thread moves, which is the one that makes sockets and children: node's asynchronous file system calls still see the
 * old namespace's /proc/sys/net.
 */
export function enterOwnNetwork(): void {
  const { functions } = dlopen(null, { unshare: { arguments: ['int32'], return: 'int32' } })
  if (functions.unshare(CLONE_NEWNET) !== 0) throw new Error('unshare(CLONE_NEWNET) failed: not root?')
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
}

/** Moves this process into the network namespace that `ip netns` knows by this name. */
export function enterNetwork(name: string): void {
  const { functions } = dlopen(null, { setns: { arguments: ['int32', 'int32'], return: 'int32' } })
  const fd = openSync(`/var/run/netns/${name}`, 'r')
  const status = functions.setns(fd, CLONE_NEWNET)
  closeSync(fd)
  if (status !== 0) throw new Error(`setns to ${name} failed: not root?`)
}
