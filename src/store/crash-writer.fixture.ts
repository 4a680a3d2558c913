import { writeSync } from 'node:fs'
import type { Vpc } from '../domain/network.ts'
import type { SecurityGroup } from '../domain/security-group.ts'
import type { Change } from '../domain/state.ts'
import { openSqliteStore } from './sqlite.ts'

/*
 * The process that `sqlite.test.ts` kills: it commits pairs of records that belong together, and says each revision on
 * standard output once the store has answered it. Arguments: directory, how many commits.
 */
const [directory = '', count = '0'] = process.argv.slice(2)
const store = await openSqliteStore(directory)
writeSync(1, 'open\n')
for (let left = Number(count); left > 0; left--) {
  const { revision } = store.read()
  await store.transact(revision, pair(revision + 1))
  writeSync(1, `${revision + 1}\n`)
}
// Holds the directory until it is killed, or whoever started it is gone.
process.stdin.resume()

function pair(revision: number): readonly Change[] {
  const vpc: Vpc = { id: `vpc-${revision}`, cidrBlock: '10.0.0.0/16', isDefault: false, tags: [] }
  const group: SecurityGroup = {
    id: `sg-${revision}`,
    name: 'default',
    description: 'x'.repeat(revision % 5000),
    vpcId: vpc.id,
    rules: [],
    tags: [],
  }
  // The oldest pair goes, so that a commit also deletes and the database stays small.
  const old = revision - 500
  return [
    { table: 'vpcs', key: vpc.id, value: vpc },
    { table: 'securityGroups', key: group.id, value: group },
    { table: 'vpcs', key: `vpc-${old}` },
    { table: 'securityGroups', key: `sg-${old}` },
  ]
}
