import packageJson from '../package.json' with { type: 'json' }

/** Sluice's own version, as package.json has it. */
export const version: string = packageJson.version
