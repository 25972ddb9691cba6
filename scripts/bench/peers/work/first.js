// W1: a device that has nothing takes all records that the centre has.
import { timed } from '../measure.js';
import { check } from './check.js';

export const name = 'FirstSync';
export const title = (size) => `W1 first sync of ${size.first} records`;
export const unit = 'ms';

export async function run(centre, bench) {
  const list = bench.records(1, bench.size.first);
  await centre.fill(list);
  let device;
  const ns = await timed(async () => {
    device = await centre.device('phone');
    await device.pull(list.length);
  });
  await check(device, list);
  return { ns, metrics: bench.counted ? { 'wire-B': bench.counted().down } : {} };
}
