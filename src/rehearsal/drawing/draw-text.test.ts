import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crowded, dark, empty } from '../timeline.fixture.ts'
import { drawText } from './draw-text.ts'

const drawn = `NLB, both listeners move at once  (nlb, timing aws-nlb, seed 7)

seconds           0           120          240         360          480
                  |-----------|------------|-----------|------------|----------|
                  a     b          c                   e
                                   d                   f
production :80    -- blue ---------== green ===========-- blue -----------------
test :8080        -- blue ---------== green ===========-- blue -----------------

targets of blue   ++ healthy ++++++.. unused ..........:::::::++ healthy +++++++
targets of green        .. unused .:::::::++ healthy ++.>>>>>>

client of :80     -- blue ----------------== green =====XX 75 s -- blue --------
client of :8080   -- blue ----------------== green =====XX 75 s -- blue --------

-- blue  == green  ++ healthy  .. unused  :: initial  >> draining  XX no answer

a       0 s  CreateDeployment
b      60 s  green runs
c     160 s  BeforeAllowTraffic Succeeded, listeners move
d     161 s  AllowTraffic Succeeded
e     355 s  StopDeployment
f   355.4 s  listeners move back

! client of :80: no answer, 366 s to 441 s (75 s), in the rollback
! client of :8080: no answer, 366 s to 441 s (75 s), in the rollback
`

test('a rollback that goes dark fits a terminal of 80 columns', () => {
  assert.equal(drawText(dark, 80), drawn)
})

test('no line is wider than asked for, whatever is in it', () => {
  for (const timeline of [dark, crowded, empty]) {
    for (const width of [60, 80, 81.5, 120, 300]) {
      for (const line of drawText(timeline, width).split('\n')) assert.ok(line.length <= width, `${width}: ${line}`)
    }
  }
})

test('the wider, the more is said: a span tells its reason where there is room', () => {
  assert.doesNotMatch(drawText(dark, 80), /InitialHealthChecking/)
  assert.match(drawText(dark, 300), /:: Elb.InitialHealthChecking :/)
})

test('an outage is shown, however short', () => {
  const lane = /client of :443 +(.*)/.exec(drawText(crowded, 80))?.[1]
  assert.equal(lane?.match(/X+/g)?.length, 2)
  assert.match(lane ?? '', /X$/)
  const text = drawText(crowded, 80)
  assert.match(text, /! client of :443: no answer, 300 s to 300.4 s \(0.4 s\), in the deployment\n/)
  assert.match(text, /! client of :443: 10 % lost, 310 s to 312 s \(2 s\), in the deployment\n/)
})

test('colours change no letter of what is said, and end with their line', () => {
  const plain = drawText(dark, 80).split('\n')
  const coloured = drawText(dark, 80, true).split('\n')
  assert.equal(coloured.length, plain.length)
  for (const [i, line] of coloured.entries()) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences.
    const bare = line.replace(/\u001b\[[0-9;]*m/g, '')
    const words = (text: string) => text.match(/[a-z]{2,}|\d+/gi)
    assert.deepEqual(words(bare), words(plain[i]?.replaceAll('XX no', 'no').replaceAll('XX 75', '75') ?? ''))
    assert.ok(!line.includes('\u001b') || line.lastIndexOf('\u001b[0m') === line.lastIndexOf('\u001b'))
  }
})

test('nobody who was not without an answer is said to have been', () => {
  assert.match(drawText(empty, 80), /No client went without an answer\.\n$/)
})
