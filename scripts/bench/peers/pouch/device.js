// A device with PouchDB on leveldb.
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import PouchDB from 'pouchdb';

// The default of 100 documents a batch takes about twice as long.
export const batches = { batch_size: 1000 };

export const toDoc = ({ id, ...rest }) => ({ _id: id, ...rest });
const toRecord = ({ _id, ...rest }) => ({ id: _id, ...rest });

// remote is the centre's database as a device sees it.
export const remote = (url) => new PouchDB(url, { skip_setup: true });

function refused(results) {
  const bad = results.find((one) => one.error);
  if (bad) throw new Error(`a write was refused: ${bad.message}`);
}

export class Device {
  constructor(dir, name, url, { sendsOnly = false } = {}) {
    mkdirSync(dir, { recursive: true });
    this.db = new PouchDB(join(dir, name));
    this.remote = remote(url);
    this.sendsOnly = sendsOnly;
  }

  async write(list) {
    if (list.length === 1) await this.db.put(toDoc(list[0]));
    else refused(await this.db.bulkDocs(list.map(toDoc)));
  }

  async edit(changes) {
    const { rows } = await this.db.allDocs({ keys: changes.map(({ id }) => id), include_docs: true });
    refused(await this.db.bulkDocs(rows.map(({ doc }, i) => ({ ...doc, ...toDoc(changes[i]) }))));
  }

  pull() { return this.db.replicate.from(this.remote, batches); }

  push() { return this.db.replicate.to(this.remote, batches); }

  sync() { return this.db.sync(this.remote, batches); }

  cut() {} // nothing stays connected after a pull

  // live connects for good: one that writes sends, one that reads takes. It is there when both have caught up.
  async live(onChange) {
    const options = { live: true, ...batches };
    const { update_seq: since } = await this.db.info();
    this.db.changes({ live: true, since, include_docs: true }).on('change', ({ id }) => onChange(id));
    const moving = this.sendsOnly ? this.db.replicate.to(this.remote, options) : this.db.replicate.from(this.remote, options);
    await once(moving, 'paused');
  }

  async count() { return (await this.db.info()).doc_count; }

  async get(id) { return toRecord(await this.db.get(id)); }

  // losers are the contents that lost and are still there, as hidden revisions.
  async losers(id) {
    const { _conflicts: revisions = [] } = await this.db.get(id, { conflicts: true });
    return Promise.all(revisions.map(async (rev) => toRecord(await this.db.get(id, { rev }))));
  }
}
