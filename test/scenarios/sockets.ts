/** Which sockets a process holds, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** How many sockets process `pid` has at this local port: UDP, or established TCP connections (not those that listen). */
export function socketsAt(protocol: 'tcp' | 'udp', port: number, pid: number): number {
  const own = new Set(inodesOf(pid))
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync(`/proc/net/${protocol}`, 'latin1')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, local = '', , state, , , , , , inode = '']) => {
      // 01 is TCP_ESTABLISHED.
      return local.endsWith(`:${hexPort}`) && (protocol === 'udp' || state === '01') && own.has(inode)
    }).length
}

function inodesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
    } catch {
      // Closed while the list was read.
      return []
    }
  })
}
