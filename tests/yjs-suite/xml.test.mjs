// What tests/y-xml.tests.js of yjs asks for.
import assert from 'node:assert/strict'
import { compare, init } from './network.mjs'
import { alone, suite } from './suite.mjs'

suite('y-xml', {
  testCustomTypings: alone(([Y]) => {
    const element = new Y.Doc().getMap().set('yxml', new Y.XmlElement('test'))
    assert.deepEqual([element.getAttribute('num'), element.getAttributes()], [undefined, {}])
  }),
  testSetProperty: cast => {
    const { users, network } = init(cast, 2)
    users[0].xml.setAttribute('height', '10')
    assert.equal(users[0].xml.getAttribute('height'), '10')
    network.flush()
    assert.equal(users[1].xml.getAttribute('height'), '10')
    compare(users)
  },
  testHasProperty: cast => {
    const { users, network } = init(cast, 2)
    const has = want => { for (const user of users) assert.equal(user.xml.hasAttribute('height'), want) }
    users[0].xml.setAttribute('height', '10')
    network.flush()
    has(true)
    users[0].xml.removeAttribute('height')
    network.flush()
    has(false)
    compare(users)
  },
  // Of the events only that both sides have the same afterwards.
  testEvents: cast => {
    const { users, network } = init(cast, 2)
    const [a, b] = users.map(user => user.xml)
    const same = () => { network.flush(); assert.deepEqual([b.getAttributes(), b.toArray().map(String)], [a.getAttributes(), a.toArray().map(String)]) }
    a.setAttribute('key', 'value')
    same()
    a.removeAttribute('key')
    same()
    a.insert(0, [new users[0].Y.XmlText('some text')])
    same()
    a.delete(0)
    same()
    compare(users)
  },
  testTreewalker: cast => {
    const { users } = init(cast, 3)
    const { xml, Y } = users[0]
    const [first, second] = [new Y.XmlElement('p'), new Y.XmlElement('p')]
    first.insert(0, [new Y.XmlText('init'), new Y.XmlText('text')])
    xml.insert(0, [first, second, new Y.XmlElement('img')])
    const found = xml.querySelectorAll('p')
    assert.equal(found.length, 2)
    assert.ok(found[0] === first && found[1] === second && xml.querySelector('p') === first)
    compare(users)
  },
  testYtextAttributes: alone(([Y]) => {
    const text = new Y.Doc().get('', Y.XmlText)
    text.setAttribute('test', 42)
    assert.deepEqual([text.getAttribute('test'), text.getAttributes()], [42, { test: 42 }])
  }),
  testSiblings: alone(([Y]) => {
    const xml = new Y.Doc().getXmlFragment()
    const [first, second] = [new Y.XmlText(), new Y.XmlElement('p')]
    xml.insert(0, [first, second])
    assert.ok(first.nextSibling === second && second.prevSibling === first && first.parent === xml && xml.parent === null && xml.firstChild === first)
  }),
  testInsertafter: alone(([Y]) => {
    const xml = new Y.Doc().getXmlFragment()
    const [first, second, third] = [new Y.XmlText(), new Y.XmlElement('p'), new Y.XmlElement('p')]
    const [span, text] = [new Y.XmlElement('span'), new Y.XmlText()]
    second.insertAfter(null, [span])
    second.insertAfter(span, [text])
    xml.insertAfter(null, [first, second])
    xml.insertAfter(second, [third])
    assert.equal(xml.length, 3)
    assert.ok(second.get(0) === span && second.get(1) === text)
    assert.ok([first, second, third].every((type, i) => xml.get(i) === type))
    assert.throws(() => new Y.XmlElement('p').insertAfter(span, [new Y.XmlText()]))
  }),
  testClone: alone(([Y]) => {
    const doc = new Y.Doc()
    const xml = doc.getXmlFragment()
    xml.push([new Y.XmlText('text'), new Y.XmlElement('p'), new Y.XmlElement('p')])
    const copy = xml.clone()
    doc.getArray('copyarr').insert(0, [copy])
    assert.equal(copy.length, 3)
    assert.deepEqual(copy.toJSON(), xml.toArray().map(String).join(''))
  }),
  testFormattingBug: alone(([Y]) => {
    const text = new Y.Doc().get('', Y.XmlText)
    const delta = [{ insert: 'A', attributes: { em: {}, strong: {} } }, { insert: 'B', attributes: { em: {} } }, { insert: 'C', attributes: { em: {}, strong: {} } }]
    text.applyDelta(structuredClone(delta))
    assert.deepEqual(text.toDelta(), delta)
  }),
  testElement: alone(([Y]) => {
    const xml = new Y.Doc().getXmlElement()
    const texts = [new Y.XmlText('text1'), new Y.XmlText('text2')]
    xml.insert(0, texts)
    assert.ok(texts.every((text, i) => xml.toArray()[i] === text))
  })
})
