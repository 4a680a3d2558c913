/**
 * `SLUICE_LONG=1`: reliability rows with the numbers that they are held to, minutes each, instead of the short forms of every
 * `npm test`. One file at a time, so that no other test disturbs the figures:
 *
 *     SLUICE_LONG=1 bin/with-node --test test/scenarios/crash.test.ts
 */
export const long = process.env.SLUICE_LONG === '1'

/** What must be there by a time may be so much later, ms, in the short form: it shares two cores with other tests. */
export const slackMs = long ? 0 : 1_500

/** For a test that takes longer than `npm test` allows one: 20 minutes in its long form. */
export const timeout = long ? 20 * 60_000 : 60_000
