import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Whether there is a Chromium to look with. */
export async function hasChromium(): Promise<boolean> {
  return promisify(execFile)('chromium', ['--version']).then(
    () => true,
    () => false,
  )
}

/**
 * What `script`, the body of a function, answers in a headless Chromium that shows `body`; its answer goes through JSON.
 */
export async function seenBy<T>(body: string, script: string, scheme: 'light' | 'dark' = 'light'): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-browser-'))
  try {
    const page = join(folder, 'page.html')
    await writeFile(
      page,
      `<!doctype html><meta charset="utf-8"><body style="margin:0">${body}<pre id="answer"></pre>
<script>addEventListener('load', () => {
  document.getElementById('answer').textContent = encodeURIComponent(JSON.stringify((() => {${script}})()))
})</script>`,
    )
    const { stdout } = await promisify(execFile)(
      'chromium',
      [
        ...[
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--window-size=1200,2000',
          `--user-data-dir=${folder}/profile`,
        ],
        `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
        ...['--dump-dom', `file://${page}`],
      ],
      { timeout: 60_000, maxBuffer: 64 << 20 },
    )
    const answer = /<pre id="answer">([^<]*)<\/pre>/.exec(stdout)?.[1]
    if (!answer) throw new Error(`no answer from the page: ${stdout.slice(-500)}`)
    return JSON.parse(decodeURIComponent(answer))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
