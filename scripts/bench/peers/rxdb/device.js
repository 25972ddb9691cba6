// A device with RxDB in memory.
import { replicateServer } from 'rxdb-server/plugins/replication-server';
import { insert, open } from './database.js';

// The default of 100 documents a batch takes five times as long.
const batch = { batchSize: 1000 };

export class Device {
  constructor(name, url, { sendsOnly = false } = {}) {
    this.name = name;
    this.url = url;
    this.sendsOnly = sendsOnly;
  }

  async open() {
    Object.assign(this, await open(this.name));
    return this;
  }

  write(list) { return list.length === 1 ? this.measured.insert(list[0]) : insert(this.measured, list); }

  async edit(changes) {
    const found = await this.measured.findByIds(changes.map(({ id }) => id)).exec();
    for (const { id, ...fields } of changes) await found.get(id).incrementalPatch(fields);
  }

  // replicate starts a replication and is there when it has done its first round.
  async replicate(directions, live) {
    const replication = replicateServer({
      collection: this.measured,
      replicationIdentifier: this.name,
      url: this.url,
      headers: {},
      live,
      waitForLeadership: false, // there is but one of it
      ...directions,
    });
    const failed = new Promise((_, reject) => { replication.error$.subscribe(reject); });
    await Promise.race([replication.awaitInitialReplication(), failed]);
    return replication;
  }

  pull() { return this.replicate({ pull: batch }, false); }

  push() { return this.replicate({ push: batch }, false); }

  sync() { return this.replicate({ pull: batch, push: batch }, false); }

  cut() {} // nothing stays connected after a pull

  live(onChange) {
    this.measured.insert$.subscribe(({ documentId }) => onChange(documentId));
    return this.replicate(this.sendsOnly ? { push: batch } : { pull: batch }, true);
  }

  count() { return this.measured.count().exec(); }

  async get(id) { return (await this.measured.findOne(id).exec()).toJSON(); }

  losers() { return []; } // the handler of conflicts that comes with it keeps nothing
}
