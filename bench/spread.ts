/**
 * How evenly flows fall on targets, and whether they stay there (R14): 10,000 flows over 10 equal targets; then one target
 * turns unhealthy. Prints the busiest target's share of the mean (goal: 1.10), existing flows of the others that moved
 * (goal: 0), and new flows that go elsewhere than before though their target is there (about 3 % with 1,009 slots; the
 * table's size decides that).
 *
 *     npm run bench -- spread [flows] [targets]
 */
import { ask, openClient, openStage } from './stage/udp.ts'

const flowCount = Number(process.argv[2] ?? 10_000)
const targetCount = Number(process.argv[3] ?? 10)

const stage = await openStage(targetCount, 3 * flowCount)
const before = await askAll(0)
const { targets } = await stage.engine.observe()
const flows = targets.map(({ newFlows }) => newFlows)
const mean = flows.reduce((sum, each) => sum + each, 0) / targetCount
console.log(`flows per target: ${flows.join(' ')}`)
console.log(`busiest / mean: ${(Math.max(...flows) / mean).toFixed(3)} (goal: 1.10)`)

await stage.serve(targetCount - 1)
const without = await askAll(0)
const gone = `${targetCount - 1} `
const others = before.filter(answer => !answer?.startsWith(gone)).length
const moved = before.filter((answer, i) => !answer?.startsWith(gone) && answer !== without[i]).length
console.log(`one target unhealthy: ${moved} of the ${others} flows at other targets moved (goal: 0)`)
console.log(
  `flows without an answer: ${[...before, ...without].filter(answer => answer === undefined).length} (goal: 0)`,
)
await stage.close()

// Every flow is new to a balancer that has just started: what the table alone decides.
const anew = await openStage(targetCount, flowCount)
await anew.serve(targetCount - 1)
const fresh = await askAll(0)
const needless = before.filter((answer, i) => !answer?.startsWith(gone) && nameIn(answer) !== nameIn(fresh[i])).length
console.log(`the same flows as new ones: ${((100 * needless) / others).toFixed(2)} % needlessly at another target`)
await anew.close()

/** The answers to all flows, 50 asking at a time; the same number is the same client address and port. */
async function askAll(first: number): Promise<(string | undefined)[]> {
  const answers: (string | undefined)[] = []
  let next = first
  async function some(): Promise<void> {
    while (next < first + flowCount) {
      const number = next++
      const client = openClient(number)
      answers[number - first] = await ask(client)
      client.close()
    }
  }
  await Promise.all(Array.from({ length: 50 }, some))
  return answers
}

function nameIn(answer: string | undefined): string | undefined {
  return answer?.split(' ')[0]
}
