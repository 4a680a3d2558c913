import type { SnapshotListener } from '../../../domain/snapshot.ts'
import type { Problem } from '../../engine.ts'
import { protocolOf } from '../names.ts'
import type { Answers, Judge, JudgedTarget, Sweep } from './sweep.ts'
import { targetProblems } from './target-problems.ts'

/** Fewer flows say nothing. */
const fewest = 3
/** For how long it must have been so, in every sweep. */
const persistenceMs = 5_000

/** Since when (monotonic milliseconds) a target has had flows and answered none of them, by mark. */
export type Silence = ReadonlyMap<number, number>

/**
 * Who gives no sign of an answer in this sweep, and since when. Only targets that serve can be silent: one that is cut or
 * drains is dead or about to be.
 *
 * With TCP a flow without any answer is always wrong. With UDP it is not: syslog and statsd never reply. There a target is
 * silent only where another one of its group does reply, to most of its flows: both run the same service.
 */
export function silence(before: Silence, sweep: Pick<Sweep, 'answers'>, judge: Judge, now: number): Silence {
  const replying = new Set<string>()
  const mute: JudgedTarget[] = []
  for (const [mark, answers] of sweep.answers) {
    const target = judge.targetOf(mark)
    if (target?.mode !== 'serve') continue
    if (isMute(answers)) mute.push(target)
    else if (answers.answered >= fewest && answers.answered > answers.unanswered) replying.add(target.its.group)
  }
  const silent = mute.filter(({ its }) => protocolOf(its.group) === 'tcp' || replying.has(its.group))
  return new Map(silent.map(({ its: { mark } }) => [mark, before.get(mark) ?? now]))
}

/**
 * Targets that have been silent for 5 s, each as a problem of every listener that sends flows to it. Whether such a target is
 * healthy an engine does not know; if it is, its replies take another way than through this host.
 */
export function silenceProblems(
  silent: Silence,
  judge: Judge,
  listeners: readonly SnapshotListener[],
  now: number,
): readonly Problem[] {
  const found = [...silent].flatMap(([mark, since]) => {
    const its = judge.targetOf(mark)?.its
    return its === undefined || now - since < persistenceMs ? [] : [[its, describeSilence] as const]
  })
  return targetProblems(found, listeners)
}

function describeSilence(target: string): string {
  return `target ${target} gets flows and none is answered through this host; if it is healthy, its replies take another way, see \`sluice target render\`, or its service answers from another address than it was asked at, as UDP bound to 0.0.0.0 may`
}

function isMute({ unanswered, answered }: Answers): boolean {
  return unanswered >= fewest && answered === 0
}
