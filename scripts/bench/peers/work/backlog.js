// W2: what devices wrote while they were offline, until each knows that the centre has it.
import { timed } from '../measure.js';

function backlog(name, title, devicesOf) {
  return {
    name,
    title,
    unit: 'ms',
    async run(centre, bench) {
      const [devices, each] = devicesOf(bench.size);
      const list = bench.records(2, devices * each);
      const all = [];
      for (let i = 0; i < devices; i++) {
        const device = await centre.device(`phone-${i}`, { sendsOnly: true });
        await device.write(list.slice(i * each, (i + 1) * each));
        all.push(device);
      }
      const ns = await timed(() => Promise.all(all.map((device) => device.push())));
      const there = await centre.count();
      if (there !== list.length) throw new Error(`the centre has ${there} records, not ${list.length}`);
      return { ns, metrics: { 'records/s': list.length / (ns / 1e9) } };
    },
  };
}

export const one = backlog('BacklogOne', (size) => `W2 ${size.backlog} records from one device`, (size) => [1, size.backlog]);
export const many = backlog(
  'BacklogMany',
  (size) => `W2 ${size.devices} devices with ${size.each} records each`,
  (size) => [size.devices, size.each],
);
