import assert from 'node:assert/strict'

const suffixes = ['_bucket', '_sum', '_count']

/**
 * Reads a text exposition as strictly as `promtool check metrics` and Prometheus's own parser, and fails where they would.
 *
 * @returns values by series, as it is written: `name{label="value"}`
 */
export function lint(text: string): ReadonlyMap<string, number> {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line has an end')
  const series = new Map<string, number>()
  const types = new Map<string, string>()
  let helped = ''
  let family = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const [, help] = /^# HELP ([a-z][a-z0-9_]*) (?:[^\\\n]|\\\\|\\n)+$/.exec(line) ?? []
    if (help !== undefined) {
      assert.ok(!types.has(help), `${help} comes twice`)
      helped = help
      continue
    }
    const [, name, type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (name !== undefined) {
      assert.equal(name, helped, 'each TYPE follows its HELP')
      assert.equal(name.endsWith('_total'), type === 'counter', `${name}: counters, and they alone, end in _total`)
      assert.ok(!suffixes.some(suffix => name.endsWith(suffix)), name)
      types.set(name, type)
      family = name
      continue
    }
    const sample =
      /^([a-z][a-z0-9_]*)(\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})? (\S+)$/.exec(
        line,
      )
    assert.ok(sample, `no sample: ${line}`)
    const [, metric = '', labels = '', value = ''] = sample
    const names = [...labels.matchAll(/[{,]([a-z_]+)="/g)].map(([, label]) => label)
    assert.equal(new Set(names).size, names.length, `a label comes twice: ${line}`)
    const isPart = types.get(family) === 'histogram' && suffixes.some(suffix => metric === family + suffix)
    assert.ok(isPart || (metric === family && types.get(family) !== 'histogram'), `${line} is not of ${family}`)
    assert.ok(!series.has(metric + labels), `${metric}${labels} comes twice`)
    assert.ok(Number.isFinite(Number(value)) && (types.get(family) === 'gauge' || Number(value) >= 0), line)
    series.set(metric + labels, Number(value))
  }
  checkHistograms(series)
  return series
}

/** Buckets are in order and never fall, and the last one, +Inf, is the count. */
function checkHistograms(series: ReadonlyMap<string, number>): void {
  const last = new Map<string, { readonly bound: number; readonly count: number }>()
  for (const [name, count] of series) {
    const [, before = '', bound = ''] = /^(.*),le="([^"]+)"\}$/.exec(name) ?? []
    if (bound === '') continue
    const le = bound === '+Inf' ? Infinity : Number(bound)
    const previous = last.get(before)
    assert.ok(previous === undefined || (le > previous.bound && count >= previous.count), name)
    last.set(before, { bound: le, count })
  }
  for (const [before, { bound, count }] of last) {
    assert.equal(bound, Infinity, `${before} ends with +Inf`)
    assert.equal(series.get(`${before.replace('_bucket{', '_count{')}}`), count)
    assert.ok(series.has(`${before.replace('_bucket{', '_sum{')}}`))
  }
}
