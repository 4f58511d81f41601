/** The one desk of the benchmark, for its server and its clients. */
export const DESK = { user: 'desk', password: 'for benchmarks only', institution: 'main', location: 'lobby' };
