/**
 * From a change of one listener's weights to the next snapshot, among 1,000 listeners with 10,000 targets
 *
 * `npm run bench -- snapshot`; the goal is 10 ms, since every change of anything takes this way.
 */
import { snapshotBuilder } from '../src/domain/build-snapshot.ts'
import { manyGroups, now, stateWith } from '../src/domain/state.fixture.ts'

const { state, known } = manyGroups(1_000)
const build = snapshotBuilder()
const timed = (changed: typeof state) => {
  const start = performance.now()
  build(changed, known, now)
  return performance.now() - start
}

console.log(`the first snapshot: ${timed(state).toFixed(1)} ms`)
let changing = state
const times = [...state.listeners.values()].slice(0, 200).map(listener => {
  const forward = listener.forward.map(({ targetGroupArn }) => ({ targetGroupArn, weight: 2 }))
  changing = stateWith({ listeners: [{ ...listener, forward }], subnets: [] }, changing)
  return timed(changing)
})
times.sort((a, b) => a - b)
console.log(`one changed weight: p50 ${times[100]?.toFixed(1)} ms, p99 ${times[198]?.toFixed(1)} ms (goal: p50 10 ms)`)
