import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { appSpec, DeployAccount } from './code-deploy.fixture.ts'
import { GetApplicationRevision, ListApplicationRevisions, revisionIn } from './revisions.ts'

test('a revision is known by its digest, and its content is given by GetApplicationRevision alone', () => {
  const account = new DeployAccount()
  account.application()
  account.group()
  const content = appSpec()
  const sha256 = createHash('sha256').update(content).digest('hex')
  const first = account.deploy()
  account.advance(first, { status: 'Succeeded' })
  account.now += 1000
  const second = account.deploy({
    revision: { revisionType: 'String', string: { content: `${content}\n`, sha256: undefined } },
  })
  assert.deepEqual(account.describe(first).revision, {
    revisionType: 'AppSpecContent',
    appSpecContent: { content: undefined, sha256 },
  })
  assert.deepEqual(account.describe(second).previousRevision, account.describe(first).revision)
  assert.equal(account.run(ListApplicationRevisions, { applicationName: 'app' }).revisions?.length, 2)

  const revision = { revisionType: 'AppSpecContent', appSpecContent: { sha256 } } as const
  const found = account.run(GetApplicationRevision, { applicationName: 'app', revision })
  assert.equal(found.revision?.appSpecContent?.content, content)
  assert.deepEqual(found.revisionInfo?.deploymentGroups, ['group'])
  assert.deepEqual(found.revisionInfo?.lastUsedTime, new Date(account.now - 1000))
  assert.throws(
    () =>
      account.run(GetApplicationRevision, {
        applicationName: 'app',
        revision: { revisionType: 'String', string: { sha256: 'nope' } },
      }),
    awsError('RevisionDoesNotExistException', ''),
  )
})

for (const [what, location, code, text] of [
  ['nothing', undefined, 'RevisionRequiredException', ''],
  ['no type', {}, 'InvalidRevisionException', '(none) is not offered here'],
  ['an object in S3', { revisionType: 'S3' }, 'InvalidRevisionException', 'S3 is not offered here'],
  ['no content', { revisionType: 'AppSpecContent' }, 'InvalidRevisionException', 'content is missing'],
  [
    'another digest',
    { revisionType: 'AppSpecContent', appSpecContent: { content: 'a', sha256: '00' } },
    'InvalidRevisionException',
    'is ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, not 00',
  ],
] as const) {
  test(`a revision with ${what} is refused`, () => {
    assert.throws(() => revisionIn(location), awsError(code, text))
  })
}
