// A database of RxDB with the record, in memory, as centre and devices have it.
import { createRxDatabase } from 'rxdb';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { columns } from '../records.js';

const numbers = ['visited_at', 'updated_at', 'minutes', 'people', 'risk'];
const type = (column) => (numbers.includes(column) ? { type: 'number' } : { type: 'string' });

const schema = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: { ...Object.fromEntries(columns.map((column) => [column, type(column)])), id: { type: 'string', maxLength: 36 } },
  required: columns,
};

export async function open(name) {
  const database = await createRxDatabase({ name, storage: getRxStorageMemory(), multiInstance: false, eventReduce: false });
  const { measured } = await database.addCollections({ measured: { schema } });
  return { database, measured };
}

export async function insert(collection, list) {
  const { error } = await collection.bulkInsert(list);
  if (error.length > 0) throw new Error(`${error.length} of ${list.length} records were refused`);
}
