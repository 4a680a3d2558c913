import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeXml, XmlWriter } from './xml.ts'

test('markup in a text is escaped and quotes are left alone', () => {
  assert.equal(escapeXml(`<a href="x">'&amp;'</a>`), `&lt;a href="x"&gt;'&amp;amp;'&lt;/a&gt;`)
})

test('a carriage return survives as a reference, tabs and line feeds as they are', () => {
  assert.equal(escapeXml('a\r\n\tb'), 'a&#xD;\n\tb')
})

test('what XML 1.0 cannot write becomes the replacement character', () => {
  assert.equal(escapeXml('a\u0000b\u001bc\ufffed'), 'a\ufffdb\ufffdc\ufffdd')
  assert.equal(escapeXml('\ud800x\udc00'), '\ufffdx\ufffd')
  assert.equal(escapeXml('😀 ü'), '😀 ü')
})

test('elements nest, an empty one is one tag, and a namespace is the default one', () => {
  const xml = new XmlWriter()
  xml.open('A', 'http://example.com/')
  xml.leaf('B', '1 < 2')
  xml.leaf('C', '')
  xml.close('A')
  assert.equal(
    xml.toString(),
    '<?xml version="1.0" encoding="UTF-8"?>\n<A xmlns="http://example.com/"><B>1 &lt; 2</B><C/></A>',
  )
})
