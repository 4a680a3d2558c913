/**
 * TLS's edges, Sluice and HAProxy side by side (A6): a hundred faulty or odd handshakes and sessions, each beside what the
 * RFCs have a server do.
 *
 * This is a table of our own, because tlsfuzzer was not to be had: it is not tlsfuzzer, has a small part of its cases, and checks
 * neither ciphers and curves one by one, nor timing, nor which alert a fault is answered with. Records are made by hand, or
 * OpenSSL's are changed on their way. HAProxy stands on the system's OpenSSL, Sluice on Node's. Prints a line for each case in which
 * one of the two does otherwise than the RFCs say (with `all`, for every case), and how many there are (goal: none where HAProxy does
 * as they say and Sluice does not).
 *
 *     npm run bench -- tls [all]
 */
import { answering, haproxyTlsPort, httpsPort, openWebStage, startHaproxy } from '../stage/web.ts'
import { describe, isSound } from './case.ts'
import { helloCases } from './hello-cases.ts'
import { sessionCases } from './session-cases.ts'

const showsAll = process.argv[2] === 'all'
const stage = await openWebStage({ targetCount: 1 })
startHaproxy(stage.balancer, stage.targets[0]!.address, stage.directory)
const host = '10.9.0.1'
await answering(stage, `https://${host}:${haproxyTlsPort}/`)

const cases = [...helloCases, ...sessionCases]
const rows = await Promise.all(
  cases.map(async ({ name, expected, run }) => {
    const [ours, its] = await Promise.all([run({ host, port: httpsPort }), run({ host, port: haproxyTlsPort })])
    return { name, expected, ours, its, isOurs: isSound(ours, expected), isIts: isSound(its, expected) }
  }),
)
const line = (...cells: readonly string[]) =>
  console.log(cells.map((cell, n) => cell.padEnd(n === 0 ? 54 : n === 1 ? 12 : 40)).join(' '))
line('case', 'RFC', 'Sluice', 'HAProxy')
const mark = (is: boolean) => (is ? '  ' : '! ')
for (const { name, expected, ours, its, isOurs, isIts } of rows)
  if (showsAll || !isOurs || !isIts) line(name, expected, mark(isOurs) + describe(ours), mark(isIts) + describe(its))
const worse = rows.filter(({ isOurs, isIts }) => !isOurs && isIts)
const count = (of: (row: (typeof rows)[number]) => boolean) => rows.filter(of).length
console.log(
  `${rows.length} cases: as the RFCs say: Sluice ${count(row => row.isOurs)}, HAProxy ${count(row => row.isIts)}`,
)
console.log(`Sluice worse in ${worse.length} (goal: 0)${worse.map(({ name }) => `\n  ${name}`).join('')}`)
process.exit(worse.length === 0 ? 0 : 1)
