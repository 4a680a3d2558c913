import { spawn } from 'node:child_process'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import type { LifecycleEvent } from '../domain/code-deploy.ts'
import type { HookCall } from './view.ts'

/**
 * What a hook said of the event. `undefined`: it will say it later, by PutLifecycleEventHookExecutionStatus. `callBack`: it is to be
 * called again after so many seconds, and given `details` (of ECS's own deployments alone).
 */
export type HookAnswer =
  | (Pick<LifecycleEvent, 'answer' | 'diagnostics'> & {
      readonly callBack?: { readonly afterSeconds: number; readonly details?: unknown }
    })
  | undefined

/** Calls a hook. It never rejects; when `signal` aborts, it ends what it began. */
export type CallHook = (call: HookCall, signal: AbortSignal) => Promise<HookAnswer>

/** As much of a hook's output is kept (AWS: logTail, the last 4 KB). */
const tailBytes = 4_096
/** AWS: Lambda quotas, function timeout. */
const functionMs = 900_000
/** So much of an answer by HTTP is read; one that is longer says nothing. */
const answerBytes = 65_536

/**
 * Makes what calls hooks. Where AWS invokes a Lambda function, here its name stands for a URL or a command.
 *
 * `http://` and `https://` get a POST of AWS's event. An answer `{"status":"Succeeded"}` or `Failed` is the hook's; any other
 * answer with a 2xx code means that it calls PutLifecycleEventHookExecutionStatus later. `exec:` is run by `sh -c` with the event on
 * stdin and in its environment; exit code 0 is Succeeded. Hooks of ECS's own deployments answer as a Lambda function does
 * (`spokenAnswer`), a command in the last line that it writes; where that says no hookStatus its exit code does.
 *
 * @param targets by function name or ARN: `--hook`
 * @param longestCallMs so long a hook of ECS's own deployments may take; one that needs longer says IN_PROGRESS
 */
export function hookCaller(targets: Readonly<Record<string, string>>, longestCallMs = functionMs): CallHook {
  return async (call, signal) => {
    const name = functionName(call.name)
    const target = targets[call.name] ?? targets[name]
    if (target === undefined) {
      const flag = `--hook ${name}=http://... or --hook ${name}=exec:COMMAND`
      return failed('ScriptMissing', `No hook is known by the name ${name}: start Sluice with ${flag}`)
    }
    const ask = (signal: AbortSignal) =>
      target.startsWith('exec:') ? execute(target.slice('exec:'.length), call, signal) : post(target, call, signal)
    if (call.payload === undefined) return ask(signal)
    const late = AbortSignal.timeout(longestCallMs)
    const answer = await ask(AbortSignal.any([signal, late]))
    const text = `${target}: did not answer within ${longestCallMs / 60_000} minutes; one that needs longer says IN_PROGRESS`
    return late.aborted ? failed('ScriptTimedOut', text) : answer
  }
}

/** `check` of `arn:aws:lambda:us-east-1:123456789012:function:check:3` */
function functionName(name: string): string {
  return /^arn:[^:]+:lambda:[^:]*:[^:]*:function:([^:]+)/.exec(name)?.[1] ?? name
}

/** AWS's event, as the Lambda function gets it. */
function eventOf({ deploymentId, executionId, payload }: HookCall): string {
  return JSON.stringify(payload ?? { DeploymentId: deploymentId, LifecycleEventHookExecutionId: executionId })
}

function post(url: string, call: HookCall, signal: AbortSignal): Promise<HookAnswer> {
  const body = eventOf(call)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise(resolve => {
    const broken = (error: Error) => resolve(failed('ScriptFailed', `POST ${url}: ${error.message || String(error)}`))
    try {
      // Not fetch: that gives up on a hook that takes longer than five minutes.
      const start = url.startsWith('https:') ? httpsRequest : httpRequest
      // A connection of its own: one that is kept may be closed by the other end in this very moment.
      const request = start(url, { method: 'POST', headers, signal, agent: false }, response => {
        const tail = new Tail(answerBytes)
        response.on('data', (chunk: Buffer) => tail.add(chunk))
        response.on('error', broken)
        response.on('end', () => resolve(answerOf(url, call, response.statusCode ?? 0, tail.text())))
      })
      request.on('error', broken)
      request.end(body)
    } catch (error) {
      broken(error as Error)
    }
  })
}

function answerOf(url: string, call: HookCall, code: number, text: string): HookAnswer {
  if (code < 200 || code > 299) return failed('ScriptFailed', `POST ${url}: answered ${code}`, text)
  if (call.payload !== undefined) return spokenAnswer(`POST ${url}`, text)
  const status = jsonIn(text)?.status
  if (status === 'Failed') return failed('ScriptFailed', `POST ${url}: answered that it failed`, text)
  return status === 'Succeeded' ? { answer: status } : undefined
}

/** AWS's default for `callBackDelay`, seconds. */
const usualCallBackSeconds = 30
/** Whatever it says: each call is a commit. */
const shortestCallBackSeconds = 1

/** What a Lambda function says of a stage (AWS: Lambda hooks for Amazon ECS service deployments); without a valid hookStatus it failed. */
function spokenAnswer(who: string, text: string): HookAnswer {
  const { hookStatus, callBackDelay, hookDetails } =
    jsonIn(text) ?? jsonIn(text.slice(text.lastIndexOf('\n') + 1)) ?? {}
  if (hookStatus === 'SUCCEEDED') return { answer: 'Succeeded' }
  if (hookStatus === 'FAILED') return failed('ScriptFailed', `${who}: answered that it failed`, text)
  if (hookStatus !== 'IN_PROGRESS')
    return failed('ScriptFailed', `${who}: answered without a hookStatus SUCCEEDED, FAILED or IN_PROGRESS`, text)
  const isDelay = typeof callBackDelay === 'number' && callBackDelay > 0
  const afterSeconds = isDelay ? Math.max(shortestCallBackSeconds, callBackDelay) : usualCallBackSeconds
  return { callBack: { afterSeconds, ...(hookDetails !== undefined && { details: hookDetails }) } }
}

function jsonIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Runs `$0`, and ends its whole process group when descriptor 3 does, which is when this process has died. */
const guarded = '(cat <&3; kill -s KILL 0) >/dev/null 2>&1 & exec 3<&-; exec /bin/sh -c "$0"'

function execute(command: string, call: HookCall, signal: AbortSignal): Promise<HookAnswer> {
  const env = {
    ...process.env,
    DEPLOYMENT_ID: call.deploymentId,
    LIFECYCLE_EVENT_HOOK_EXECUTION_ID: call.executionId,
    LIFECYCLE_EVENT: call.event,
  }
  return new Promise(resolve => {
    const tail = new Tail(tailBytes)
    const output = new Tail(answerBytes)
    // A process group of its own, so that all of it can be ended.
    const child = spawn('/bin/sh', ['-c', guarded, command], {
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    child.on('error', error => resolve(failed('ScriptFailed', `${command}: ${error.message}`)))
    const end = () => endGroup(child.pid)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    const outputs = [child.stdout, child.stderr]
    for (const its of outputs) its.on('data', (chunk: Buffer) => tail.add(chunk))
    child.stdout.on('data', (chunk: Buffer) => output.add(chunk))
    // The guard writes nothing, but only what is read is seen to end.
    const guard = child.stdio[3] as Readable
    guard.on('error', () => {}).resume()
    // A command that does not read its input may be gone before it was written.
    child.stdin.on('error', () => {})
    child.stdin.end(eventOf(call))
    child.on('exit', () => {
      end()
      // What it left in a session of its own may hold its output open for ever, and nobody waits for that. What it wrote itself is
      // read by the second turn from here.
      setImmediate(setImmediate, () => {
        for (const its of outputs) its.destroy()
      })
    })
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', end)
      if (code === 0) {
        const text = output.text()
        const isSpoken = call.payload !== undefined && text.includes('hookStatus')
        return resolve(isSpoken ? spokenAnswer(command, text) : { answer: 'Succeeded' })
      }
      const how = killedBy === null ? `exited with ${code}` : `was killed by ${killedBy}`
      resolve(failed('ScriptFailed', `${command}: ${how}`, tail.text()))
    })
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

function failed(errorCode: string, message: string, output = ''): HookAnswer {
  const logTail = output.slice(-tailBytes)
  return { answer: 'Failed', diagnostics: { errorCode, message, ...(logTail !== '' && { logTail }) } }
}

/** The newest bytes of what was written. */
class Tail {
  readonly #limit: number
  #bytes = Buffer.alloc(0)

  constructor(limit: number) {
    this.#limit = limit
  }

  add(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-this.#limit)
  }

  text(): string {
    return this.#bytes.toString('utf8').trim()
  }
}
