import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { applyChanges, type Change, emptyState, type State, type TableName, tableNames } from '../domain/state.ts'
import { type Journal, openMemoryStore } from './memory.ts'
import { type Store, StoreUnusable } from './store.ts'

/**
 * Each brings a database from the version that is its index to the next one; version 0 is an empty file. The version is
 * SQLite's `user_version`. `id` keeps the order in which records were made, which is the order of a `State`'s tables.
 */
const migrations: readonly string[] = [
  `CREATE TABLE records (
     id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     UNIQUE (kind, key)
   ) STRICT;
   CREATE TABLE meta (revision INTEGER NOT NULL) STRICT;
   INSERT INTO meta VALUES (0);`,
]

/**
 * Opens the store in `directory`, which is made (mode 0700) where it is missing. All of it is read into memory; a commit
 * writes only what it changes, and is on disk when it is answered. One process at a time: a second one is refused.
 * Rejects with `StoreUnusable`.
 */
export async function openSqliteStore(directory: string): Promise<Store> {
  const path = join(directory, 'sluice.db')
  let database: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // SQLite gives the files beside it the same mode. An existing file must not be touched: closing any descriptor of it
    // would drop the locks that this process holds on it (fcntl(2)).
    if (!existsSync(path)) writeFileSync(path, '', { mode: 0o600 })
    database = new DatabaseSync(path, { timeout: 200 })
    prepare(database, directory)
    const state = load(database)
    writeFileSync(pidPath(directory), `${process.pid}\n`, { mode: 0o600 })
    return openMemoryStore(state, new SqliteJournal(database, directory))
  } catch (error) {
    database?.close()
    throw explain(error, directory)
  }
}

/** Locks the database, brings it to the newest version, and sets how it writes. */
function prepare(database: DatabaseSync, directory: string): void {
  // WAL alone lets a second writer in. This lock is the kernel's and ends with the process, however it ends.
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > migrations.length) {
    throw new StoreUnusable(
      `data directory ${directory} was written by a newer version of sluice (schema ${version}; this one knows up to ` +
        `${migrations.length}): start that version, or choose another directory with --data-dir`,
    )
  }
  for (const migration of migrations.slice(version)) database.exec(migration)
  database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
}

function load(database: DatabaseSync): State {
  const check = database.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (check !== 'ok') throw new Damaged(String(check))
  const revision = Number(database.prepare('SELECT revision FROM meta').get()?.revision)
  if (!Number.isSafeInteger(revision)) throw new Damaged('it has no revision')
  const rows = database.prepare('SELECT kind, key, value FROM records ORDER BY id').all()
  const changes = rows.map(({ kind, key, value }) => {
    if (!tableNames.includes(kind as TableName)) throw new Damaged(`it has a record of unknown kind '${kind}'`)
    return { table: kind, key, value: parse(String(value), `${kind} ${key}`) } as Change
  })
  return applyChanges(emptyState, revision, changes)
}

function parse(text: string, record: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Damaged(`record ${record} is not JSON`)
  }
}

class SqliteJournal implements Journal {
  readonly #database: DatabaseSync
  readonly #directory: string
  readonly #put
  readonly #delete
  readonly #revise

  constructor(database: DatabaseSync, directory: string) {
    this.#database = database
    this.#directory = directory
    this.#put = database.prepare(
      'INSERT INTO records (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    )
    this.#delete = database.prepare('DELETE FROM records WHERE kind = ? AND key = ?')
    this.#revise = database.prepare('UPDATE meta SET revision = ?')
  }

  write(revision: number, changes: readonly Change[]): void {
    try {
      this.#database.exec('BEGIN')
      for (const { table, key, value } of changes) {
        if (value === undefined) this.#delete.run(table, key)
        else this.#put.run(table, key, JSON.stringify(value))
      }
      this.#revise.run(revision)
      this.#database.exec('COMMIT')
    } catch (error) {
      // After some errors (a full disk) SQLite has rolled back by itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw resultCode(error) === undefined ? error : explain(error, this.#directory)
    }
  }

  close(): void {
    rmSync(pidPath(this.#directory), { force: true })
    this.#database.close()
  }
}

/** What SQLite finds no fault with, and we do. */
class Damaged extends Error {}

/** SQLite's result codes (https://www.sqlite.org/rescode.html) that the operator can do something about. */
const BUSY = 5
const CORRUPT = 11
const FULL = 13
const NOT_A_DATABASE = 26

function explain(error: unknown, directory: string): StoreUnusable {
  if (error instanceof StoreUnusable) return error
  const path = join(directory, 'sluice.db')
  const reason = error instanceof Error ? error.message : String(error)
  const code = resultCode(error)
  if (code === BUSY) {
    const pid = holder(directory)
    const who = pid === undefined ? 'another process' : `another process (pid ${pid})`
    return new StoreUnusable(
      `data directory ${directory} is in use by ${who}: stop it, or choose another directory with --data-dir`,
      { cause: error },
    )
  }
  if (error instanceof Damaged || code === CORRUPT || code === NOT_A_DATABASE) {
    return new StoreUnusable(
      `${path} is damaged (${reason}): put back a copy of it, or move it and ${path}-wal away to start empty`,
      { cause: error },
    )
  }
  if (code === FULL) {
    return new StoreUnusable(`cannot write ${path}, the disk is full: make room on it`, { cause: error })
  }
  return new StoreUnusable(
    `cannot use ${path} (${reason}): make ${directory} a directory that this user can write, or choose another with --data-dir`,
    { cause: error },
  )
}

/** The primary result code, which is the low byte; absent where the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
}

/** The process that has the lock, if it has left its number and is alive. */
function holder(directory: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidPath(directory), 'utf8'), 10)
    process.kill(pid, 0)
    return pid
  } catch {
    // No number, or one that a killed process left: better to name nobody than a wrong one.
    return undefined
  }
}

function pidPath(directory: string): string {
  return join(directory, 'sluice.pid')
}
