/** The state of the mesh: a store with etcd's semantics, and on it the running instances and the config applied by hand.
 *  Knows keys, revisions, watches and leases; does not know how proxies are configured. */
export type { Challenges } from "./challenges.ts";
export { type ConfigChange, describeUnknownRevision, type HistoryAction, type HistoryEntry } from "./config-history.ts";
export {
	type ConfigStore,
	type ConfigStoreOptions,
	createConfigStore,
	type StoredObject,
	type StoredObjectName,
	type WatchedChange,
	type WatchedListener,
} from "./config-store.ts";
export type { EntryRegistry } from "./entry-registry.ts";
export {
	createIdentityRegistry,
	type IdentityRegistry,
	type IdentityRegistryOptions,
} from "./identity-registry.ts";
export { createInstanceRegistry, type InstanceRegistry, type InstanceRegistryOptions } from "./instance-registry.ts";
export { type Mirror, openMirror } from "./mirror.ts";
export { joinTokenPurpose, type OneTimeSecrets } from "./one-time-secrets.ts";
export { openRecordSet, type RecordSet, type RecordSetOptions } from "./record-set.ts";
export {
	type Compare,
	type Comparison,
	isAbsent,
	type KeyValue,
	type Lease,
	type LeaseId,
	type Operation,
	type RangeResult,
	type RangeSelector,
	type Store,
	type TxnResult,
	type Watch,
	type WatchBatch,
	type WatchEvent,
	type WatchListener,
} from "./store.ts";
export type { EtcdTls } from "./stores/etcd/etcd-members.ts";
export { type EtcdStoreOptions, openEtcdStore } from "./stores/etcd/etcd-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./stores/sqlite/sqlite-store.ts";
