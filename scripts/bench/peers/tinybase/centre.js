// The centre of TinyBase, in a process of its own: a relay, and a store in it that hears everything: PORT.
import { once } from 'node:events';
import { createMergeableStore } from 'tinybase';
import { createCustomPersister, Persists } from 'tinybase/persisters';
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client';
import { createWsServer } from 'tinybase/synchronizers/synchronizer-ws-server';
import { WebSocket, WebSocketServer } from 'ws';
import { serveCentre } from '../children.js';

const port = Number(process.argv[2]);
const sockets = new WebSocketServer({ port, host: '127.0.0.1' });
await once(sockets, 'listening');

// The relay has a store where it is given a persister. This one keeps nothing.
const store = createMergeableStore('centre');
const nothing = createCustomPersister(store, async () => undefined, async () => {}, () => 0, () => {}, undefined, Persists.MergeableStoreOnly);
const patience = 60; // seconds that the relay's store waits for an answer, as the devices do
let companion;
const answers = new Promise((resolve) => { companion = resolve; });
const ready = new Promise((resolve) => {
  createWsServer(sockets, () => answers.then(() => [nothing, resolve]), console.error, patience);
});
// The relay's store starts with the first who comes, and is ready when somebody has said what he has. This one has nothing,
// says so, and stays without saying anything more, so that the relay's store stays too.
const first = await createWsSynchronizer(createMergeableStore('first'), new WebSocket(`ws://127.0.0.1:${port}/measured`), patience);
await first.startAutoSave();
companion();
await ready;
await first.stopAutoSave();

// arrived is there when the store has all of them. There is no acknowledgement that a device could wait for.
async function arrived(ids) {
  let next = 0;
  for (;;) {
    while (next < ids.length && store.hasRow('measured', ids[next])) next++;
    if (next === ids.length) return true;
    await new Promise((resolve) => { setTimeout(resolve, 2); });
  }
}

serveCentre({
  ready: () => true,
  arrived,
  count: () => store.getRowCount('measured'),
  fill: (list) => {
    store.transaction(() => {
      for (const { id, ...cells } of list) store.setRow('measured', id, cells);
    });
  },
});
