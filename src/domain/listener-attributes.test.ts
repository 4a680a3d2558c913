import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addedResponseFields } from './listener-attributes.ts'
import { listener } from './state.fixture.ts'

test('answers get the fields that have a value, and Strict-Transport-Security by HTTPS alone', () => {
  const attributes = {
    'routing.http.response.strict_transport_security.header_value': 'max-age=1',
    'routing.http.response.x_frame_options.header_value': 'DENY',
    'routing.http.response.access_control_max_age.header_value': '',
  }
  const frames = ['X-Frame-Options', 'DENY']
  assert.deepEqual(addedResponseFields(listener({ protocol: 'HTTP', attributes })), [frames])
  assert.deepEqual(addedResponseFields(listener({ protocol: 'HTTPS', attributes })), [
    ['Strict-Transport-Security', 'max-age=1'],
    frames,
  ])
})
