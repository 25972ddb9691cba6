// Whether a replica has what it should: a figure of work that was not done is none.
import { columns } from '../records.js';

export async function check(device, list) {
  const there = await device.count();
  if (there !== list.length) throw new Error(`the device has ${there} records, not ${list.length}`);
  for (const want of [list[0], list[list.length >> 1], list[list.length - 1]]) {
    const got = await device.get(want.id);
    for (const column of columns) {
      if (got?.[column] !== want[column]) throw new Error(`column ${column} of a record is ${got?.[column]}, not ${want[column]}`);
    }
  }
}
