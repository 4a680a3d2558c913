import { createHash } from 'node:crypto'
import type {
  GetApplicationRevisionInput,
  GetApplicationRevisionOutput,
  ListApplicationRevisionsInput,
  ListApplicationRevisionsOutput,
  RevisionLocation,
} from '@aws-sdk/client-codedeploy'
import type { Deployment } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findApplication, page } from './resources.ts'

type Revision = Deployment['revision']

/** The revision that an application was deployed with, with its content. */
export function GetApplicationRevision(input: GetApplicationRevisionInput, call: Call): GetApplicationRevisionOutput {
  const application = findApplication(call.draft.state, input.applicationName)
  const asked = locationOf(input.revision)
  const uses = usesOf(call.draft.state, application.name).filter(({ revision }) => revision.sha256 === asked.sha256)
  const [last, first] = [uses[0], uses.at(-1)]
  if (last === undefined || first === undefined) {
    throw new ApiError('RevisionDoesNotExistException', `No revision of ${application.name} found with this location`)
  }
  return {
    applicationName: application.name,
    revision: describeRevision(last.revision, last.revision.content),
    revisionInfo: {
      deploymentGroups: [...new Set(uses.map(use => use.deploymentGroupName))],
      firstUsedTime: new Date(first.createdAt),
      lastUsedTime: new Date(last.createdAt),
      registerTime: new Date(first.createdAt),
    },
  }
}

/** All that were deployed, by their digests. */
export function ListApplicationRevisions(
  input: ListApplicationRevisionsInput,
  call: Call,
): ListApplicationRevisionsOutput {
  const application = findApplication(call.draft.state, input.applicationName)
  const uses = usesOf(call.draft.state, application.name)
  const revisions = new Map(uses.map(({ revision }) => [revision.sha256, revision]))
  const { items, nextToken } = page([...revisions.values()], revision => revision.sha256, input.nextToken)
  return { revisions: items.map(revision => describeRevision(revision)), nextToken }
}

/**
 * What is to be deployed. Throws RevisionRequiredException where nothing is named, InvalidRevisionException for what is not
 * an AppSpec's text or has another digest than the caller says.
 */
export function revisionIn(location: RevisionLocation | undefined): Revision {
  const { revisionType, content, sha256 } = locationOf(location)
  if (content === undefined || content === '') throw invalidRevision('its content is missing')
  const digest = createHash('sha256').update(content).digest('hex')
  if (sha256 !== undefined && sha256.toLowerCase() !== digest) {
    throw invalidRevision(`the SHA-256 of its content is ${digest}, not ${sha256}`)
  }
  return { revisionType, content, sha256: digest }
}

/** Only GetApplicationRevision gives the content (AWS: AppSpecContent). */
export function describeRevision({ revisionType, sha256 }: Revision, content?: string): RevisionLocation {
  const text = { content, sha256 }
  return revisionType === 'String' ? { revisionType, string: text } : { revisionType, appSpecContent: text }
}

function locationOf(location: RevisionLocation | undefined) {
  if (location === undefined) {
    throw new ApiError('RevisionRequiredException', 'The revision is required')
  }
  const { revisionType } = location
  if (revisionType !== 'AppSpecContent' && revisionType !== 'String') {
    throw invalidRevision(
      `its type ${revisionType ?? '(none)'} is not offered here; specify AppSpecContent with the text of an AppSpec`,
    )
  }
  const { content, sha256 } = (revisionType === 'String' ? location.string : location.appSpecContent) ?? {}
  return { revisionType, content, sha256 } as const
}

function invalidRevision(why: string): ApiError {
  return new ApiError('InvalidRevisionException', `The revision was specified in an invalid format: ${why}`)
}

/** Newest first. */
function usesOf(state: State, applicationName: string): readonly Deployment[] {
  return [...state.deployments.values()]
    .filter(deployment => deployment.applicationName === applicationName)
    .sort((a, b) => b.createdAt - a.createdAt)
}
