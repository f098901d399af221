import { randomInt } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
	CompactionRequestSchema,
	KV,
	LeaseGrantRequestSchema,
	LeaseKeepAliveRequestSchema,
	LeaseRevokeRequestSchema,
	Lease as LeaseService,
	RangeRequestSchema,
	TxnRequestSchema,
} from "../../../api/gen/etcd/rpc_pb.js";
import { type Log, MeshError, silentLog } from "../../../core/index.ts";
import type { LeaseId, Store, Watch } from "../../store.ts";
import { parseEtcdAddress } from "./etcd-address.ts";
import { askEtcdStream, callEtcd } from "./etcd-calls.ts";
import { createEtcdMembers, type EtcdTls } from "./etcd-members.ts";
import { createKeySpace, decodeKeyValue, encodeCompare, encodeOperation } from "./etcd-messages.ts";
import { openEtcdWatch } from "./etcd-watch.ts";

/** Options of `openEtcdStore`. */
export interface EtcdStoreOptions {
	/** For `etcds://` addresses. */
	readonly tls?: EtcdTls;
	readonly log?: Log;
}

/** Opens a store in an etcd (API version 3, server 3.4 or newer); nothing is sent before the first call. Leases last whole seconds.
 *  History is compacted by etcd's own settings, never by a store that others may share.
 *  @param address see `parseEtcdAddress`
 *  @throws MeshError `STORE_ADDRESS` */
export function openEtcdStore(address: string, options: EtcdStoreOptions = {}): Store {
	const parsed = parseEtcdAddress(address);
	const members = createEtcdMembers(parsed, options.tls, options.log ?? silentLog);
	const keys = createKeySpace(parsed.prefix);
	const watches = new Set<Watch>();
	/** Watches from "the next revision" that etcd has not begun yet: what is written meanwhile must not pass them. */
	const beginning = new Set<Promise<void>>();
	let isOpen = true;

	const whenOpen = async <T>(act: () => Promise<T>): Promise<T> => {
		const closed = (): MeshError => new MeshError("STORE_CLOSED", `the store at etcd ${members.where} is closed`);
		if (!isOpen) throw closed();
		try {
			return await act();
		} catch (error) {
			throw isOpen ? error : closed();
		}
	};

	return {
		range: (selector, { revision = 0 } = {}) =>
			whenOpen(async () => {
				const request = create(RangeRequestSchema, { ...keys.select(selector), revision: BigInt(revision) });
				const response = await callEtcd(members, KV.method.range, request, { isRepeatable: true });
				return {
					items: response.kvs.map((item) => decodeKeyValue(item, keys)),
					revision: Number(response.header?.revision),
				};
			}),
		txn: ({ compare = [], success, failure = [] }) =>
			whenOpen(async () => {
				await Promise.all(beginning);
				const request = create(TxnRequestSchema, {
					compare: compare.map((condition) => encodeCompare(condition, keys)),
					success: success.map((operation) => encodeOperation(operation, keys)),
					failure: failure.map((operation) => encodeOperation(operation, keys)),
				});
				const response = await callEtcd(members, KV.method.txn, request, { isRepeatable: false });
				const deleted = response.responses.map(({ response: { case: kind, value } }) =>
					kind === "responseDeleteRange" ? Number(value.deleted) : 0,
				);
				return {
					succeeded: response.succeeded,
					revision: Number(response.header?.revision),
					deleted: deleted.reduce((sum, count) => sum + count, 0),
				};
			}),
		watch(selector, listener, { fromRevision } = {}) {
			if (!isOpen) throw new MeshError("STORE_CLOSED", `the store at etcd ${members.where} is closed`);
			const opened = openEtcdWatch(members, keys, selector, listener, fromRevision);
			if (fromRevision === undefined) {
				beginning.add(opened.begun);
				void opened.begun.then(() => beginning.delete(opened.begun));
			}
			const watch: Watch = {
				close() {
					watches.delete(watch);
					opened.close();
				},
			};
			watches.add(watch);
			return watch;
		},
		grantLease: (ttlMs) =>
			whenOpen(async () => {
				const id = randomLeaseId();
				const request = create(LeaseGrantRequestSchema, { ID: BigInt(id), TTL: BigInt(Math.ceil(ttlMs / 1000)) });
				const response = await callEtcd(members, LeaseService.method.leaseGrant, request, { isRepeatable: false });
				return { id, ttlMs: Number(response.TTL) * 1000 };
			}),
		keepAlive: (id) =>
			whenOpen(async () => {
				const request = create(LeaseKeepAliveRequestSchema, { ID: BigInt(id) });
				const { TTL: ttl } = await askEtcdStream(members, LeaseService.method.leaseKeepAlive, request);
				if (ttl > 0n) return { id, ttlMs: Number(ttl) * 1000 };
				throw new MeshError("STORE_LEASE_NOT_FOUND", `lease ${id} is not there: it expired or was revoked`);
			}),
		revoke: (id) =>
			whenOpen(async () => {
				const request = create(LeaseRevokeRequestSchema, { ID: BigInt(id) });
				try {
					await callEtcd(members, LeaseService.method.leaseRevoke, request, { isRepeatable: true });
				} catch (error) {
					if (!(error instanceof MeshError) || error.code !== "STORE_LEASE_NOT_FOUND") throw error;
				}
			}),
		compact: (revision) =>
			whenOpen(async () => {
				const request = create(CompactionRequestSchema, { revision: BigInt(revision), physical: true });
				await callEtcd(members, KV.method.compact, request, { isRepeatable: false });
			}),
		async close() {
			isOpen = false;
			for (const watch of watches) watch.close();
			members.close();
		},
	};
}

/** A name that a number holds exactly; etcd refuses one that is taken. */
function randomLeaseId(): LeaseId {
	return randomInt(1, 2 ** 48 - 1);
}
