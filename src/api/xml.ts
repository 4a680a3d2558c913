/** Writes XML 1.0 elements one after the other into one string: what an AWS Query answer is made of. */
export class XmlWriter {
  #text = '<?xml version="1.0" encoding="UTF-8"?>\n'

  /** Begins element `name`, with a default namespace if given. */
  open(name: string, namespace?: string): void {
    this.#text += namespace === undefined ? `<${name}>` : `<${name} xmlns="${namespace}">`
  }

  close(name: string): void {
    this.#text += `</${name}>`
  }

  /** One whole element with `text` in it. */
  leaf(name: string, text: string): void {
    this.#text += text === '' ? `<${name}/>` : `<${name}>${escapeXml(text)}</${name}>`
  }

  toString(): string {
    return this.#text
  }
}

/**
 * `text` as character data. What XML 1.0 (section 2.2) has no way to write, control characters, U+FFFE, U+FFFF and halves of
 * surrogate pairs, becomes U+FFFD; a carriage return is written as a reference, since a parser would read it as a line feed.
 */
export function escapeXml(text: string): string {
  if (!/[^ -%'-;=?-~]/.test(text)) return text
  return text
    .toWellFormed()
    .replace(/[&<>\r]/g, character => references[character] ?? character)
    .replace(unwritable, '\ufffd')
}

const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#xD;',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is for.
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
