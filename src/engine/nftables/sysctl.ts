import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../../durable-file.ts'
import { readSetting, settingPath } from './host.ts'
import { cautionAbout, describeMissing, type MissingSetting } from './refusal.ts'

interface SysctlOptions {
  /** The data directory: `sysctl.json` there says what was changed. */
  readonly directory: string
  /** The operator's consent (`--sysctl`). Without it nothing is set, only named. */
  readonly maySet: boolean
  /** Other Sluices here, by any name: they may need the settings by now, too. Absent, or nobody can tell: none. */
  neighbors?(): Promise<readonly string[] | undefined>
  /** One line for the operator. */
  log(line: string): void
}

/** What was changed, and where: settings end with their kernel or network namespace, and then so does what this says. */
interface Changes {
  readonly where: string
  readonly settings: readonly { readonly name: string; readonly before: string; readonly ours: string }[]
}

/**
 * Kernel settings that were changed with the operator's consent. What was there before is on disk before it is changed, so
 * that whoever comes next, this process or another after a crash, can put it back.
 */
export class Sysctl {
  readonly #options: SysctlOptions
  readonly #path: string
  /** Lines that were logged: each is said once. */
  readonly #said = new Set<string>()

  constructor(options: SysctlOptions) {
    this.#options = options
    this.#path = join(options.directory, 'sysctl.json')
  }

  /**
   * Sets what is missing, where it may, and else says what is missing, once.
   * @returns whether it has set any, so that the host's facts are others now
   */
  async provide(missing: readonly MissingSetting[]): Promise<boolean> {
    // What isn't there yet comes with a module that the engine loads: there is nothing to put back so far, so nothing is set.
    const settable = this.#options.maySet ? missing.filter(({ is }) => is !== undefined) : []
    for (const setting of missing) if (!settable.includes(setting)) this.#say(describeMissing(setting))
    if (settable.length === 0) return false
    try {
      await this.#remember(settable)
    } catch (error) {
      this.#say(`kernel settings stay as they are, because what they were can't be saved: ${(error as Error).message}`)
      return false
    }
    let hasSet = false
    for (const { name, is, needs, otherwise } of settable) {
      if (!this.#write(name, needs)) continue
      hasSet = true
      const caution = cautionAbout(name)
      this.#options.log(`${name} is set to ${needs}, because ${otherwise}${caution}; it was ${is}, and will be again`)
    }
    return hasSet
  }

  /** Puts back what was changed, by this process or by an earlier one that could not, and was not changed by others since. */
  async restore(): Promise<void> {
    const left: Changes['settings'][number][] = []
    const { settings } = this.#changes()
    const neighbors = settings.length === 0 ? undefined : await this.#options.neighbors?.()
    if (neighbors !== undefined && neighbors.length > 0) {
      const names = settings.map(({ name, ours }) => `${name}=${ours}`).join(', ')
      const others = neighbors.join(', ')
      this.#options.log(
        `${names} stays, because another Sluice may need it (${others}); bin/sluice cleanup puts it back`,
      )
      return
    }
    for (const setting of settings) {
      const { name, before, ours } = setting
      if (readSetting(name) !== ours) continue
      if (this.#write(name, before)) this.#options.log(`${name} is ${before} again, as it was before Sluice`)
      else left.push(setting)
    }
    if (left.length > 0) await this.#save(left)
    else if (settings.length > 0) await rm(this.#path, { force: true })
  }

  /** Writes down what is there now, but for what was written down before. */
  async #remember(missing: readonly MissingSetting[]): Promise<void> {
    const { settings } = this.#changes()
    const fresh = missing
      .filter(({ name }) => !settings.some(known => known.name === name))
      .map(({ name, is = '', needs }) => ({ name, before: is, ours: needs }))
    if (fresh.length > 0) await this.#save([...settings, ...fresh])
  }

  #changes(): Changes {
    const nothing = { where: whereabouts(), settings: [] }
    try {
      const changes: Changes = JSON.parse(readFileSync(this.#path, 'utf8'))
      return changes.where === nothing.where ? changes : nothing
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') this.#say(`${this.#path} can't be read (${message}): what it says was changed stays so`)
      return nothing
    }
  }

  async #save(settings: Changes['settings']): Promise<void> {
    await replaceFile(this.#path, JSON.stringify({ where: whereabouts(), settings } satisfies Changes))
  }

  /** False: the kernel refused, and the log says how. */
  #write(name: string, value: string): boolean {
    try {
      writeFileSync(settingPath(name), value)
      return true
    } catch (error) {
      this.#say(`${name} can't be set to ${value}: ${(error as Error).message}`)
      return false
    }
  }

  #say(line: string): void {
    if (this.#said.has(line)) return
    this.#said.add(line)
    this.#options.log(line)
  }
}

/** This boot of the kernel, and the network namespace in it: `8c0f5f4e-... net:[4026531840]`. */
function whereabouts(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  return `${boot} ${readlinkSync('/proc/self/ns/net')}`
}
