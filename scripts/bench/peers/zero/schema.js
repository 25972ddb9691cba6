// The record as Zero declares it. Its older way of reading and writing, straight to the tables, is used: it spares the peer
// an application's server in the path.
import { ANYONE_CAN_DO_ANYTHING, createSchema, definePermissions, number, string, table } from '@rocicorp/zero';
import { columns } from '../records.js';

const numbers = ['visited_at', 'updated_at', 'minutes', 'people', 'risk'];

export const sql = `CREATE TABLE measured (${columns.map((column) => {
  if (column === 'id') return 'id text PRIMARY KEY';
  return `${column} ${numbers.includes(column) ? 'bigint' : 'text'} NOT NULL`;
}).join(', ')})`;

export const schema = createSchema({
  tables: [
    table('measured')
      .columns(Object.fromEntries(columns.map((column) => [column, numbers.includes(column) ? number() : string()])))
      .primaryKey('id'),
  ],
  enableLegacyQueries: true,
  enableLegacyMutators: true,
});

export const permissions = definePermissions(schema, () => ({ measured: ANYONE_CAN_DO_ANYTHING }));
