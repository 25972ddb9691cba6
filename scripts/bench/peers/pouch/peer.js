// express-pouchdb as the centre, PouchDB as the devices.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { forkCentre, freePort } from '../children.js';
import { resident } from '../memory.js';
import { batches, Device, remote, toDoc } from './device.js';

export const name = 'express-pouchdb';
export const listeners = 500;
export const absent = {};

export async function open(bench) {
  const [dir, port] = [join(bench.dir, 'centre'), await freePort()];
  mkdirSync(dir);
  const centre = await forkCentre(join(import.meta.dirname, 'centre.js'), dir, port);
  await centre.call('ready');
  const url = `http://127.0.0.1:${await bench.route(port)}/measured`;
  const { update_seq: start } = await remote(url).info();
  return {
    fill: (list) => centre.call('fill', list.map(toDoc)),
    count: () => centre.call('count'),
    memory: () => resident(centre.pid),
    device: async (named, options) => new Device(join(bench.dir, 'devices'), named, url, options),
    // A listener has the feed of changes with the documents, and no store.
    listener: async (_, onRecord) => {
      const feed = remote(url).changes({ live: true, since: start, include_docs: true, ...batches });
      feed.on('change', ({ doc }) => onRecord(doc._id));
    },
    // What the first sends the second takes and answers, and the first takes that.
    converge: async (a, b) => {
      await a.sync();
      await b.sync();
      await a.sync();
    },
    close: () => centre.stop(),
  };
}
