// The records, the proxy and what became of edits, without a peer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { countingProxy } from './proxy.js';
import { parse } from './records.js';
import { edits, outcome } from './work/edits.js';

test('records are lines, and too few are an error', () => {
  assert.deepEqual(parse('{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n', 2), [{ id: 'a' }, { id: 'b' }]);
  assert.throws(() => parse('{"id":"a"}\n', 2), /1 records, not the 2/);
});

test('the proxy counts what passes, both ways', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end('x'.repeat(5000)))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await countingProxy(server.address().port);
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write('hello');
  let got = 0;
  socket.on('data', (bytes) => { got += bytes.length; });
  await once(socket, 'close');
  server.close();
  assert.equal(got, 5000);
  assert.deepEqual(proxy.counted, { down: 5000, up: 5 });
});

const list = ['a', 'b', 'c', 'd'].map((id) => ({ id, note: 'old', minutes: 1, people: 1 }));
const both = list.map((record, i) => ({ ...record, ...edits(list, 'b')[i], ...edits(list, 'a')[i] }));
const one = list.map((record, i) => ({ ...record, ...edits(list, 'a')[i] }));
const other = list.map((record, i) => ({ ...record, ...edits(list, 'b')[i] }));
const tally = (merged, won, kept, lost) => ({ 'merged/op': merged, 'won-by-A/op': won, 'losers-kept/op': kept, 'lost/op': lost });
const from = (records) => (id) => records.find((record) => record.id === id);

test('fields that merged, and losers that are gone', async () => {
  assert.deepEqual(await outcome(list, from(both), () => []), tally(2, 2, 0, 2));
});

test('whole records that won, and losers that are kept', async () => {
  assert.deepEqual(await outcome(list, from(one), (id) => [from(other)(id)]), tally(0, 2, 4, 0));
  assert.deepEqual(await outcome(list, from(one), () => []), tally(0, 2, 0, 4));
});
