// rxdb-server as the centre, RxDB as the devices, both in memory.
import { join } from 'node:path';
import EventSource from 'eventsource';
import { forkCentre, freePort } from '../children.js';
import { resident } from '../memory.js';
import { Device } from './device.js';

export const name = 'rxdb';
export const listeners = 500;
export const absent = {};

export async function open(bench) {
  const port = await freePort();
  const centre = await forkCentre(join(import.meta.dirname, 'centre.js'), port);
  await centre.call('ready');
  const url = `http://127.0.0.1:${await bench.route(port)}/measured/0`;
  return {
    fill: (list) => centre.call('fill', list),
    count: () => centre.call('count'),
    memory: () => resident(centre.pid),
    device: (named, options) => new Device(named, url, options).open(),
    // A listener has the stream of changes, and no store.
    listener: (_, onRecord) => new Promise((resolve, reject) => {
      const stream = new EventSource(`${url}/pullStream`);
      stream.onopen = resolve;
      stream.onerror = ({ message }) => reject(new Error(`a listener's stream failed: ${message}`));
      stream.onmessage = ({ data }) => JSON.parse(data).documents?.forEach(({ id }) => onRecord(id));
    }),
    converge: async (a, b) => {
      await a.sync();
      await b.sync();
      await a.sync();
    },
    close: () => centre.stop(),
  };
}
