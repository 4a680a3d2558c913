/**
 * How long the SQLite store takes to commit: one changed target group of 1,000 with 5 targets each, one commit after the
 * other, each synced to disk; and how long it takes to open. It has no goal of its own: a call waits for its commit.
 *
 *     npm run bench -- store [seconds]
 */
/**
 * How long the SQLite store takes to commit: one changed target group of 1,000 with 5 targets each, one commit after the
 * other, each synced to disk. Prints commits per second, their times, and how long it takes to open.
 *
 *     bin/with-node bench/store.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { targetGroup } from '../src/domain/state.fixture.ts'
import type { Change } from '../src/domain/state.ts'
import type { Target } from '../src/domain/target-group.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'

const groups = 1_000
const targetsEach = 5
const seconds = Number(process.argv[2] ?? 5)

const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-store-'))
try {
  const filled = await openSqliteStore(directory)
  await filled.transact(
    0,
    Array.from({ length: groups }, (_, n) => change(n, 0)),
  )
  await filled.close()

  const opening = performance.now()
  const store = await openSqliteStore(directory)
  const openMs = performance.now() - opening

  const times: number[] = []
  const start = performance.now()
  while (performance.now() - start < seconds * 1_000) {
    const before = performance.now()
    await store.transact(store.read().revision, [change(times.length % groups, times.length)])
    times.push(performance.now() - before)
  }
  const elapsed = performance.now() - start
  await store.close()

  times.sort((a, b) => a - b)
  const quantile = (q: number) => `${(times[Math.floor(q * times.length)] ?? 0).toFixed(2)} ms`
  console.log(`sqlite store, ${groups} target groups of ${targetsEach} targets: opened in ${openMs.toFixed(0)} ms;`)
  console.log(`${((times.length / elapsed) * 1_000).toFixed(0)} commits/s, p50 ${quantile(0.5)}, p99 ${quantile(0.99)}`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function change(n: number, edition: number): Change {
  const arn = `arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/group-${n}/${String(n).padStart(16, '0')}`
  const targets = Array.from({ length: targetsEach }, (_, i): Target => {
    return { id: `10.0.${n % 256}.${i}`, port: 8080 + (edition % 100) }
  })
  return { table: 'targetGroups', key: arn, value: targetGroup({ arn, name: `group-${n}`, targets }) }
}
