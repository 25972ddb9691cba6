// The five workloads, and how large they are.
import * as backlog from './work/backlog.js';
import * as edits from './work/edits.js';
import * as fan from './work/fan.js';
import * as first from './work/first.js';
import * as live from './work/live.js';

export const workloads = [first, backlog.one, backlog.many, live, fan, edits];

export const full = { first: 20000, backlog: 5000, devices: 100, each: 50, live: 300, listeners: 500, messages: 40, edits: 1000 };

// small is for trying the programs out; its figures say nothing.
export const small = { first: 500, backlog: 200, devices: 5, each: 10, live: 20, listeners: 10, messages: 5, edits: 40 };
