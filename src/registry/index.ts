/** The state of the mesh: a store with etcd's semantics, and on it the running instances and the config applied by hand.
 *  Knows keys, revisions, watches and leases; does not know how proxies are configured. */
export type {
	Compare,
	Comparison,
	KeyValue,
	Lease,
	LeaseId,
	Operation,
	RangeResult,
	RangeSelector,
	Store,
	TxnResult,
	Watch,
	WatchBatch,
	WatchEvent,
	WatchListener,
} from "./store.ts";
