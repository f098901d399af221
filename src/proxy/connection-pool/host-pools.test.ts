import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterResources } from "../cluster/index.ts";
import { HostPools } from "./host-pools.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

class Places {
	left: number;

	constructor(left: number) {
		this.left = left;
	}

	tryAcquirePool(): boolean {
		if (this.left === 0) return false;
		this.left--;
		return true;
	}

	releasePool(): void {
		this.left++;
	}
}

class FakePool {
	isEmpty = true;
	isBusy = false;
	isClosed = false;
	isDrained = false;
	onEmpty: () => void = () => undefined;

	close(): void {
		this.isClosed = true;
	}

	drain(): void {
		this.isDrained = true;
	}
}

function create(left: number) {
	const places = new Places(left);
	const pools = new HostPools();
	const add = (key: string, isOwn = false): FakePool | undefined => {
		const pool = new FakePool();
		const added = pools.add(key, isOwn, places as unknown as ClusterResources, (onEmpty) => {
			pool.onEmpty = onEmpty;
			return pool as unknown as UpstreamPool;
		});
		return added && pool;
	};
	return { places, pools, add };
}

test("a pool holds its place until it is empty, and takes one again when it is wanted", () => {
	const { places, pools, add } = create(1);
	const pool = add("plain")!;
	pool.isEmpty = false;
	pool.onEmpty();
	assert.equal(places.left, 0);
	pool.isEmpty = true;
	pool.onEmpty();
	pool.onEmpty();
	assert.equal(places.left, 1);
	assert.equal(pools.get("plain"), pool);
	assert.equal(places.left, 0);
});

test("a pool without requests makes room for another one of its host", () => {
	const { places, pools, add } = create(1);
	const first = add("first")!;
	first.isEmpty = false;
	assert.notEqual(add("second"), undefined);
	assert.equal(first.isClosed, true);
	assert.equal(pools.get("first"), undefined);
	assert.equal(places.left, 0);
	first.onEmpty();
	assert.equal(places.left, 0);
});

test("there is no pool without a place, neither a new one nor one that gave its own up", () => {
	const { places, pools, add } = create(1);
	const first = add("first")!;
	first.onEmpty();
	places.left = 0;
	assert.equal(pools.get("first"), "overflow");
	places.left = 1;
	const busy = add("busy")!;
	busy.isBusy = true;
	assert.equal(add("second"), undefined);
});

test("pools that are forgotten keep their places until they are empty", () => {
	const { places, pools, add } = create(2);
	const open = add("open")!;
	open.isEmpty = false;
	add("empty");
	pools.clear();
	assert.equal(places.left, 1);
	open.isEmpty = true;
	open.onEmpty();
	assert.equal(places.left, 2);
});

test("pools of single clients are bounded: empty ones go, then the oldest", () => {
	const { pools, add } = create(1000);
	const first = add("client 0", true)!;
	first.isEmpty = false;
	for (let client = 1; client < 256; client++) add(`client ${client}`, true)!.isEmpty = client % 2 === 0;
	add("client 256", true);
	assert.equal(pools.get("client 2"), undefined);
	assert.equal(first.isDrained, false);
	for (let client = 257; client < 400; client++) add(`client ${client}`, true)!.isEmpty = false;
	assert.equal(first.isDrained, true);
});
