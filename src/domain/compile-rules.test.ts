import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileRules } from './compile-rules.ts'
import { anySeed, randomFrom } from './random.fixture.ts'
import type { RuleCondition } from './rule.ts'
import type { RoutableRequest } from './rule-match.ts'
import type { SnapshotRule } from './snapshot-http.ts'

const toDefault: SnapshotRule = { priority: 0, conditions: [], action: { forward: [] } }

function ruleOf(priority: number, ...conditions: RuleCondition[]): SnapshotRule {
  return { priority, conditions, action: { forward: [] } }
}

/** `lines`: header fields, name and value. */
function request(url: string, method = 'GET', lines: readonly (readonly [string, string])[] = []): RoutableRequest {
  const [, authority = '', path = '', , query = ''] = /^http:\/\/([^/]*)([^?]*)(\?(.*))?$/.exec(url) ?? []
  const valuesOf = (name: string) => lines.filter(([its]) => its.toLowerCase() === name).map(([, value]) => value)
  return { method, path, query, authority, valuesOf }
}

const host = (...values: string[]): RuleCondition => ({ field: 'host-header', values, regexValues: [] })
const path = (...values: string[]): RuleCondition => ({ field: 'path-pattern', values, regexValues: [] })
const hostRegex = (...regexValues: string[]): RuleCondition => ({ field: 'host-header', values: [], regexValues })
const pathRegex = (...regexValues: string[]): RuleCondition => ({ field: 'path-pattern', values: [], regexValues })
const header = (name: string, ...values: string[]): RuleCondition => ({
  field: 'http-header',
  name,
  values,
  regexValues: [],
})
const query = (value: string, key?: string): RuleCondition => ({
  field: 'query-string',
  values: [key === undefined ? { value } : { key, value }],
})

const cases: readonly (readonly [condition: RuleCondition, request: RoutableRequest, holds: boolean])[] = [
  [host('example.com'), request('http://example.com/'), true],
  [host('example.com'), request('http://EXAMPLE.com:8080/'), true],
  [host('example.com'), request('http://example.com.evil.org/'), false],
  [host('example.com'), request('http://notexample.com/'), false],
  [host('*.example.com'), request('http://test.example.com/'), true],
  [host('*.example.com'), request('http://a.b.Example.com:1/'), true],
  [host('*.example.com'), request('http://example.com/'), false],
  [host('www.?.example.com'), request('http://www.x.example.com/'), true],
  [host('www.?.example.com'), request('http://www..example.com/'), false],
  [host('Api*.example.com'), request('http://api-2.example.com/'), true],
  [hostRegex('^api[0-9]+[.]'), request('http://API12.example.com:80/'), true],
  [hostRegex('com$'), request('http://example.com:80/'), true],
  [hostRegex('^api[0-9]+[.]'), request('http://www.api1.example.com/'), false],
  [path('/img/*'), request('http://a/img/'), true],
  [path('/img/*'), request('http://a/img/a/b.png?x'), true],
  [path('/img/*'), request('http://a/img'), false],
  [path('/img/*'), request('http://a/IMG/a'), false],
  [path('/img/*/pics'), request('http://a/img/a/b/pics'), true],
  [path('/img/*/pics'), request('http://a/img/pics'), false],
  [path('*.js'), request('http://a/lib/a.js'), true],
  [path('/a?c'), request('http://a/abc'), true],
  [path('/a?c'), request('http://a/ac'), false],
  [path('/a'), request('http://a/a?b=/c'), true],
  [path('/a b'), request('http://a/a%20b'), false],
  [pathRegex('^/v[12]/'), request('http://a/v2/x'), true],
  [pathRegex('^/v[12]/'), request('http://a/V2/x'), false],
  [pathRegex('v[12]'), request('http://a/of/v2/x'), true],
  [pathRegex('(?=a)'), request('http://a/a'), false],
  [header('User-Agent', '*Chrome*'), request('http://a/', 'GET', [['user-agent', 'x (y) chrome/9']]), true],
  [header('User-Agent', '*Chrome*'), request('http://a/'), false],
  [
    header('x-a', 'two'),
    request('http://a/', 'GET', [
      ['X-A', 'one'],
      ['X-a', 'two'],
    ]),
    true,
  ],
  [
    { field: 'http-header', name: 'x-a', values: [], regexValues: ['^b+$'] },
    request('http://a/', 'GET', [['x-a', 'BB']]),
    true,
  ],
  [{ field: 'http-request-method', values: ['GET', 'PUT'] }, request('http://a/', 'PUT'), true],
  [{ field: 'http-request-method', values: ['GET', 'PUT'] }, request('http://a/', 'put'), false],
  [query('v1', 'version'), request('http://a/?a=b&VERSION=V1&c'), true],
  [query('v1', 'version'), request('http://a/?version=v10'), false],
  [query('v1'), request('http://a/?any=v1'), true],
  [query('v1'), request('http://a/?v1=any'), false],
  [query('*'), request('http://a/'), false],
  [query('', 'debug'), request('http://a/?debug'), true],
  [query('a=b', 'x'), request('http://a/?x=a=b'), true],
  [query('\\*', 'x'), request('http://a/?x=*'), true],
  [query('\\*', 'x'), request('http://a/?x=y'), false],
  [query('a*', 'k?y'), request('http://a/?key=abc'), true],
  [query('a b'), request('http://a/?x=a%20b'), false],
  [query('a%2Fb'), request('http://a/?x=a%2fb'), true],
]

test('a condition holds for what AWS says it holds for', () => {
  for (const [condition, its, holds] of cases) {
    const table = compileRules([ruleOf(1, condition), toDefault])
    const about = `${JSON.stringify(condition)} for ${its.method} ${its.authority}${its.path}?${its.query}`
    assert.equal(table.match(its, '192.0.2.1').priority, holds ? 1 : 0, about)
  }
})

test('the address that connects is compared with ranges of its family', () => {
  const table = compileRules([ruleOf(1, { field: 'source-ip', values: ['10.0.0.0/8', '2001:db8::/32'] }), toDefault])
  const fit = ['10.1.2.3', '2001:db8::5', '11.0.0.1', '::1'].map(source => table.match(request('http://a/'), source))
  assert.deepEqual(
    fit.map(rule => rule.priority),
    [1, 1, 0, 0],
  )
})

test('all conditions of a rule must hold, and the first rule by priority is taken wherever the index has it', () => {
  const table = compileRules([
    ruleOf(1, host('a.example.com'), path('/x/*'), header('x-a', '1')),
    ruleOf(2, path('/x/y')),
    ruleOf(3, host('*.example.com')),
    ruleOf(4, host('a.example.com', 'b.test'), path('/x*', '/z')),
    toDefault,
  ])
  const chosen = (url: string, lines: [string, string][] = []) =>
    table.match(request(url, 'GET', lines), '::1').priority
  assert.equal(chosen('http://a.example.com/x/y', [['X-A', '1']]), 1)
  assert.equal(chosen('http://a.example.com/x/y'), 2)
  assert.equal(chosen('http://a.example.com/x/z'), 3)
  assert.equal(chosen('http://b.test/x'), 4)
  assert.equal(chosen('http://b.test/z'), 4)
  assert.equal(chosen('http://b.test/zz'), 0)
  assert.equal(chosen('/'), 0)
})

test('the index chooses as going through all rules does', t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[random(items.length)]!
  const text = (letters: string, most: number) =>
    Array.from({ length: random(most + 1) }, () => pick([...letters])).join('')
  const some = <Item>(make: () => Item) => Array.from({ length: 1 + random(3) }, make)
  const makers: (() => RuleCondition)[] = [
    () => host(...some(() => text('ab.*?A', 5))),
    () => path(...some(() => `/${text('ab/*?', 5)}`)),
    () => hostRegex(text('ab.', 2)),
    () => pathRegex(`^/${text('ab', 2)}`),
    () => header('x-a', ...some(() => text('ab*?', 3))),
    () => ({ field: 'http-request-method', values: [pick(['GET', 'PUT'])] }),
    () => query(text('ab*', 2), pick(['a', 'b', undefined])),
    () => ({ field: 'source-ip', values: [pick(['10.0.0.0/8', '10.1.0.0/16'])] }),
  ]
  for (let round = 0; round < 300; round++) {
    const rules = Array.from({ length: random(30) }, (_, i) => {
      const kinds = [...new Set([random(2), random(makers.length), pick([0, 1, 2, 3])])].filter(
        (kind, _, all) => !(kind === 2 && all.includes(0)) && !(kind === 3 && all.includes(1)),
      )
      return ruleOf(i + 1, ...kinds.map(kind => makers[kind]!()))
    })
    const table = compileRules([...rules, toDefault])
    for (let i = 0; i < 40; i++) {
      const url = `http://${text('ab.AB', 5)}${pick(['', ':80'])}/${text('ab/', 5)}${pick(['', `?${text('ab=&', 6)}`])}`
      const its = request(url, pick(['GET', 'PUT']), [['X-A', text('abA', 3)]])
      const source = pick(['10.1.0.1', '10.2.0.1', '192.0.2.1'])
      const expected = rules.find(rule => rule.conditions.every(condition => holds(condition, its, source)))
      const about = () => `${url} among ${JSON.stringify(rules)}`
      assert.equal(table.match(its, source).priority, expected?.priority ?? 0, about())
    }
  }
})

/** As AWS writes it down, with regular expressions of JavaScript. */
function holds(condition: RuleCondition, its: RoutableRequest, source: string): boolean {
  const like = (pattern: string, text: string, flags: string) =>
    new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/\*/g, '.*').replace(/\?/g, '.')}$`, flags).test(text)
  const bare = its.authority.replace(/:\d*$/, '')
  switch (condition.field) {
    case 'host-header':
      return (
        condition.values.some(value => like(value, bare, 'i')) ||
        condition.regexValues.some(value => new RegExp(value, 'i').test(bare))
      )
    case 'path-pattern':
      return (
        condition.values.some(value => like(value, its.path, '')) ||
        condition.regexValues.some(value => new RegExp(value).test(its.path))
      )
    case 'http-header':
      return its.valuesOf(condition.name).some(text => condition.values.some(value => like(value, text, 'i')))
    case 'http-request-method':
      return condition.values.includes(its.method)
    case 'query-string':
      return its.query
        .split('&')
        .filter(pair => pair !== '')
        .some(pair => {
          const [key = '', ...rest] = pair.split('=')
          return condition.values.some(
            wanted =>
              (wanted.key === undefined || like(wanted.key, key, 'i')) && like(wanted.value, rest.join('='), 'i'),
          )
        })
    case 'source-ip':
      return condition.values.some(cidr => source.startsWith(cidr === '10.0.0.0/8' ? '10.' : '10.1.'))
  }
}
