// A device with a MergeableStore of TinyBase.
import { createMergeableStore } from 'tinybase';
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client';
import { WebSocket } from 'ws';

const patience = 60; // seconds that it waits for an answer; with the default of one a large store never comes

export class Device {
  constructor(name, url, arrived) {
    this.store = createMergeableStore(name);
    this.url = url;
    this.arrived = arrived;
    this.written = [];
  }

  async connect() {
    this.synchronizer ??= await createWsSynchronizer(this.store, new WebSocket(this.url), patience);
    await this.synchronizer.startSync();
  }

  async cut() {
    await this.synchronizer?.destroy();
    this.synchronizer = undefined;
  }

  write(list) {
    this.written.push(...list.map(({ id }) => id));
    this.store.transaction(() => {
      for (const { id, ...cells } of list) this.store.setRow('measured', id, cells);
    });
  }

  edit(changes) {
    this.store.transaction(() => {
      for (const { id, ...cells } of changes) this.store.setPartialRow('measured', id, cells);
    });
  }

  async pull(n) {
    const there = new Promise((resolve) => {
      const full = () => this.store.getRowCount('measured') >= n && resolve();
      this.store.addRowCountListener('measured', full);
      full();
    });
    await this.connect();
    await there;
  }

  async push() {
    await this.connect();
    await this.arrived(this.written);
  }

  async live(onChange) {
    await this.connect();
    this.store.addRowListener('measured', null, (_, __, id) => onChange(id));
  }

  count() { return this.store.getRowCount('measured'); }

  get(id) { return { id, ...this.store.getRow('measured', id) }; }

  hashes() { return JSON.stringify(this.store.getMergeableContentHashes()); }

  losers() { return []; } // a later cell replaces an earlier one
}
