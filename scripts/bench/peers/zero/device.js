// A device with Zero, in memory.
import { Zero } from '@rocicorp/zero';
import { schema } from './schema.js';

export class Device {
  constructor(name, url, rowsThere) {
    this.rowsThere = rowsThere;
    this.waiting = [];
    this.zero = new Zero({ cacheURL: url, userID: name, storageKey: name, schema, kvStore: 'mem', logLevel: 'error' });
  }

  // write sends at once where the device is live. Before, it keeps what push is to send: Zero takes no writes for long
  // while it is offline.
  async write(list) {
    if (this.isLive) await this.mutate(list);
    else this.waiting.push(...list);
  }

  // mutate sends a batch as one mutation: one mutation a row takes twenty times as long.
  mutate(list) {
    return this.zero.mutateBatch(async (tx) => {
      for (const record of list) await tx.measured.insert(record);
    });
  }

  async pull() { await this.zero.preload(this.zero.query.measured).complete; }

  async push() {
    const there = this.rowsThere(this.waiting.length);
    await this.mutate(this.waiting);
    await there;
  }

  // live is there when the device has what the centre had.
  live(onChange) {
    this.isLive = true;
    const seen = new Set();
    return new Promise((resolve) => {
      this.zero.materialize(this.zero.query.measured).addListener((rows, state) => {
        for (const { id } of rows) {
          if (seen.has(id)) continue;
          seen.add(id);
          onChange(id);
        }
        if (state === 'complete') resolve();
      });
    });
  }

  async count() { return (await this.zero.run(this.zero.query.measured)).length; }

  get(id) { return this.zero.run(this.zero.query.measured.where('id', id).one()); }
}
