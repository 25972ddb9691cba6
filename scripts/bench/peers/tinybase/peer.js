// A WebSocket relay of TinyBase as the centre, with a store beside it, and MergeableStores as the devices.
import { join } from 'node:path';
import { forkCentre, freePort } from '../children.js';
import { resident } from '../memory.js';
import { Device } from './device.js';

export const name = 'tinybase';
// Whoever joins asks all others what they have, so that joining costs the square of their number.
export const listeners = 100;
export const absent = {};

export async function open(bench) {
  const port = await freePort();
  const centre = await forkCentre(join(import.meta.dirname, 'centre.js'), port);
  await centre.call('ready');
  const url = `ws://127.0.0.1:${await bench.route(port)}/measured`;
  const device = (named) => new Device(named, url, (ids) => centre.call('arrived', ids));
  return {
    device,
    fill: (list) => centre.call('fill', list),
    count: () => centre.call('count'),
    memory: () => resident(centre.pid),
    listener: (i, onRecord) => device(`listener-${i}`).live(onRecord),
    converge: async (a, b) => {
      await Promise.all([a.connect(), b.connect()]);
      while (a.hashes() !== b.hashes()) await new Promise((resolve) => { setTimeout(resolve, 2); });
    },
    close: () => centre.stop(),
  };
}
