import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { hookCaller } from './hooks.ts'
import type { HookCall } from './view.ts'

const call: HookCall = { name: 'check', event: 'AfterInstall', deploymentId: 'd-AAAAAAAAA', executionId: 'execution-1' }
const never = new AbortController().signal

/** A server that answers every request so, and what it was sent. */
async function hookServer(t: TestContext, status: number, body: string) {
  const requests: { request: IncomingMessage; body: string }[] = []
  const server = createServer(async (request, response) => {
    requests.push({ request, body: await text(request) })
    response.writeHead(status).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, requests }
}

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-hooks-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('http: the event is posted as AWS gives it to the function', async t => {
  const { url, requests } = await hookServer(t, 200, '{"status":"Succeeded"}')
  assert.deepEqual(await hookCaller({ check: url })(call, never), { answer: 'Succeeded' })
  const [{ request, body } = assert.fail()] = requests
  assert.equal(request.method, 'POST')
  assert.equal(request.url, '/hook')
  assert.equal(request.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(body), { DeploymentId: 'd-AAAAAAAAA', LifecycleEventHookExecutionId: 'execution-1' })
})

test('http: an answer without a status means that the hook will say it by the API', async t => {
  for (const body of ['', 'null', '{}', 'ok', '{"status":"InProgress"}']) {
    const { url } = await hookServer(t, 202, body)
    assert.equal(await hookCaller({ check: url })(call, never), undefined, body)
  }
})

test('http: a hook that says Failed, answers with an error or is not there has failed, with what it said', async t => {
  const failing = await hookServer(t, 200, '{"status":"Failed","why":"no login"}')
  const broken = await hookServer(t, 500, 'out of order')
  assert.deepEqual(await hookCaller({ check: failing.url })(call, never), {
    answer: 'Failed',
    diagnostics: {
      errorCode: 'ScriptFailed',
      message: `POST ${failing.url}: answered that it failed`,
      logTail: '{"status":"Failed","why":"no login"}',
    },
  })
  assert.deepEqual(await hookCaller({ check: broken.url })(call, never), {
    answer: 'Failed',
    diagnostics: { errorCode: 'ScriptFailed', message: `POST ${broken.url}: answered 500`, logTail: 'out of order' },
  })
  for (const url of ['http://127.0.0.1:1/', 'http://[not-a-url/']) {
    const answer = await hookCaller({ check: url })(call, never)
    assert.equal(answer?.answer, 'Failed')
    assert.equal(answer?.diagnostics?.message.startsWith(`POST ${url}: `), true)
  }
})

test('http: a long answer is read as a whole, and of one that says Failed the end is kept', async t => {
  const reasons = 'x'.repeat(10_000)
  const passing = await hookServer(t, 200, JSON.stringify({ status: 'Succeeded', reasons }))
  assert.deepEqual(await hookCaller({ check: passing.url })(call, never), { answer: 'Succeeded' })
  const failing = await hookServer(t, 200, JSON.stringify({ status: 'Failed', reasons }))
  const answer = await hookCaller({ check: failing.url })(call, never)
  assert.equal(answer?.answer, 'Failed')
  assert.equal(answer?.diagnostics?.logTail?.length, 4_096)
})

test('http: each call has a connection of its own, so that none meets one that is just being closed', async t => {
  const { url, requests } = await hookServer(t, 200, '{"status":"Succeeded"}')
  for (let calls = 0; calls < 2; calls++) await hookCaller({ check: url })(call, never)
  assert.equal(new Set(requests.map(({ request }) => request.socket)).size, 2)
})

test('http: what nobody waits for any longer is given up', async t => {
  const server = createServer(() => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const controller = new AbortController()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const answer = hookCaller({ check: url })(call, controller.signal)
  await new Promise(resolve => server.once('request', resolve))
  controller.abort()
  assert.equal((await answer)?.answer, 'Failed')
})

test('exec: the event is on stdin and in the environment, and exit code 0 is Succeeded', async t => {
  const path = directory(t)
  const command = `cat > ${path}/in; echo "$DEPLOYMENT_ID $LIFECYCLE_EVENT_HOOK_EXECUTION_ID $LIFECYCLE_EVENT" > ${path}/env`
  assert.deepEqual(await hookCaller({ check: `exec:${command}` })(call, never), { answer: 'Succeeded' })
  assert.deepEqual(JSON.parse(readFileSync(join(path, 'in'), 'utf8')), {
    DeploymentId: 'd-AAAAAAAAA',
    LifecycleEventHookExecutionId: 'execution-1',
  })
  assert.equal(readFileSync(join(path, 'env'), 'utf8'), 'd-AAAAAAAAA execution-1 AfterInstall\n')
})

test('exec: a command that fails says how, with the end of its output', async () => {
  const answer = await hookCaller({ check: 'exec:seq 1 2000; echo no login >&2; exit 3' })(call, never)
  assert.equal(answer?.answer, 'Failed')
  assert.match(answer?.diagnostics?.message ?? '', /: exited with 3$/)
  assert.match(answer?.diagnostics?.logTail ?? '', /no login/)
  assert.ok((answer?.diagnostics?.logTail ?? '').length <= 4_096)
  const missing = await hookCaller({ check: 'exec:/nosuch/command' })(call, never)
  assert.match(missing?.diagnostics?.message ?? '', /exited with 127$/)
  const killed = await hookCaller({ check: 'exec:kill -9 $$' })(call, never)
  assert.match(killed?.diagnostics?.message ?? '', /was killed by SIGKILL$/)
})

test('exec: what it leaves in the background holds nobody up', async () => {
  const answer = await hookCaller({ check: 'exec:sleep 1000 & exit 0' })(call, never)
  assert.deepEqual(answer, { answer: 'Succeeded' })
})

test('exec: what it leaves in a session of its own goes on, and holds nobody up', { timeout: 20_000 }, async t => {
  const path = join(directory(t), 'pid')
  const start = `const { pid } = child_process.spawn("sleep", ["1000"], { detached: true, stdio: "inherit" })
    fs.writeFileSync("${path}", String(pid))
    console.log("not well")
    process.exit(3)`
  const answer = await hookCaller({ check: `exec:${process.execPath} -e '${start}'` })(call, never)
  assert.equal(answer?.diagnostics?.logTail, 'not well')
  const pid = Number(readFileSync(path, 'utf8'))
  assert.equal(isGone(pid), false)
  process.kill(pid)
})

test('exec: what nobody waits for any longer is ended, and all that it started', async t => {
  const path = directory(t)
  const controller = new AbortController()
  const command = `sleep 1000 & echo $! > ${path}/new; mv ${path}/new ${path}/pid; wait`
  const answer = hookCaller({ check: `exec:${command}` })(call, controller.signal)
  while (!existsSync(join(path, 'pid'))) await new Promise(resolve => setImmediate(resolve))
  controller.abort()
  assert.equal((await answer)?.answer, 'Failed')
  const pid = Number(readFileSync(join(path, 'pid'), 'utf8'))
  // Its output ends a moment before it has gone.
  while (!isGone(pid)) await new Promise(resolve => setImmediate(resolve))
})

test('exec: a command ends with the process that called it, so that the next one may call it again', {
  timeout: 20_000,
}, async t => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const command = `${process.execPath} -e 'net.connect(${port}, "127.0.0.1").resume()'`
  const owner = join(directory(t), 'owner.mjs')
  writeFileSync(
    owner,
    `import { hookCaller } from ${JSON.stringify(new URL('hooks.ts', import.meta.url).href)}
     await hookCaller(${JSON.stringify({ check: `exec:${command}` })})(${JSON.stringify(call)}, new AbortController().signal)`,
  )
  const running = spawn(process.execPath, [owner], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [connection] = await once(server, 'connection')
  const closed = once(connection.on('error', () => {}).resume(), 'close')
  running.kill('SIGKILL')
  await closed
})

/** A process that ended and was not waited for yet is gone. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !existsSync(`/proc/${pid}/stat`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return true
  }
}

test('a hook is found by the name that the AppSpec gives, or by the one in its ARN', async () => {
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:check:3'
  for (const targets of [{ [arn]: 'exec:true' }, { check: 'exec:true' }]) {
    assert.deepEqual(await hookCaller(targets)({ ...call, name: arn }, never), { answer: 'Succeeded' })
  }
  assert.deepEqual(await hookCaller({})({ ...call, name: arn }, never), {
    answer: 'Failed',
    diagnostics: {
      errorCode: 'ScriptMissing',
      message:
        'No hook is known by the name check: start Sluice with --hook check=http://... or --hook check=exec:COMMAND',
    },
  })
})

const stageCall: HookCall = {
  name: 'check',
  event: 'POST_SCALE_UP',
  deploymentId: 'arn:service-deployment',
  executionId: 'ecs-lambda-1',
  payload: { executionId: '1', lifecycleStage: 'POST_SCALE_UP' },
}

test("http: a hook of ECS's own deployments answers as a Lambda function does, and must", async t => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['{"hookStatus":"SUCCEEDED"}', { answer: 'Succeeded' }],
    ['{"hookStatus":"IN_PROGRESS"}', { callBack: { afterSeconds: 30 } }],
    [
      '{"hookStatus":"IN_PROGRESS","callBackDelay":60,"hookDetails":{"a":1}}',
      { callBack: { afterSeconds: 60, details: { a: 1 } } },
    ],
    ['{"hookStatus":"IN_PROGRESS","callBackDelay":0.001}', { callBack: { afterSeconds: 1 } }],
    ['{"hookStatus":"FAILED"}', 'answered that it failed'],
    ['', 'answered without a hookStatus SUCCEEDED, FAILED or IN_PROGRESS'],
    ['{"status":"Succeeded"}', 'answered without a hookStatus SUCCEEDED, FAILED or IN_PROGRESS'],
  ]
  for (const [body, expected] of rows) {
    const { url, requests } = await hookServer(t, 200, body)
    const answer = await hookCaller({ check: url })(stageCall, never)
    if (typeof expected === 'string') assert.equal(answer?.diagnostics?.message, `POST ${url}: ${expected}`)
    else assert.deepEqual(answer, expected)
    assert.deepEqual(JSON.parse(requests[0]!.body), stageCall.payload)
  }
})

test("a hook of ECS's own deployments that does not answer in time has failed, and is ended", async t => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => silent.close().closeAllConnections())
  await once(silent, 'listening')
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  for (const target of [url, 'exec:sleep 60'])
    assert.deepEqual(await hookCaller({ check: target }, 60)(stageCall, never), {
      answer: 'Failed',
      diagnostics: {
        errorCode: 'ScriptTimedOut',
        message: `${target}: did not answer within 0.001 minutes; one that needs longer says IN_PROGRESS`,
      },
    })
})

test("exec: a command of ECS's own deployments answers in the last line of stdout, or by its exit code", async () => {
  const run = (command: string) => hookCaller({ check: `exec:${command}` })(stageCall, never)
  assert.deepEqual(await run('true'), { answer: 'Succeeded' })
  assert.deepEqual(await run(`grep -q '"lifecycleStage":"POST_SCALE_UP"'`), { answer: 'Succeeded' })
  assert.equal((await run('false'))?.answer, 'Failed')
  const still = `echo '{"hookStatus":"IN_PROGRESS","callBackDelay":5}'`
  assert.deepEqual(await run(still), { callBack: { afterSeconds: 5 } })
  assert.deepEqual(await run(`echo '{"requests": 5}'; ${still}`), { callBack: { afterSeconds: 5 } })
  assert.deepEqual(await run('echo all is well'), { answer: 'Succeeded' })
  assert.equal((await run(`echo '{"hookStatus":'`))?.answer, 'Failed')
})
