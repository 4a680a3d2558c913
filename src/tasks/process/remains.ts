import { openProcessRuntime, type ProcessRuntimeOptions } from './runtime.ts'
import { TaskFolders } from './task-folder.ts'

/**
 * Ends the tasks that a Sluice of this data directory left running, with their namespaces and addresses: nobody would adopt them. Answers
 * how many there were. Nothing is done, and nothing set up, where none was left.
 */
export async function endProcesses(options: Omit<ProcessRuntimeOptions, 'onEvent'>): Promise<number> {
  const folders = new TaskFolders(options.dataDir)
  if (folders.ids().every(id => folders.record(id)?.endedAt !== undefined)) return 0
  let ended = 0
  const runtime = await openProcessRuntime({
    ...options,
    onEvent(event) {
      if (event.kind === 'stopped') ended++
    },
  })
  await runtime.adopt([])
  await runtime.close()
  return ended
}
