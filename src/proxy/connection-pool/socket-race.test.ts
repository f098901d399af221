import assert from "node:assert/strict";
import { test } from "node:test";
import { createClusterConfig } from "../../../test/support/cluster-config.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { DeadlineQueue, TurnQueue } from "../../core/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import { createHost } from "../cluster/host.ts";
import type { Cluster, Host } from "../cluster/index.ts";
import { SocketRace } from "./socket-race.ts";
import type { UpstreamSocketOwner } from "./upstream-socket.ts";

/** A race over three addresses whose attempts succeed and fail by hand. */
function startRace() {
	const clock = createFakeClock();
	const told: string[] = [];
	const attempts: { readonly name: string; readonly owner: UpstreamSocketOwner; isDestroyed: boolean }[] = [];
	const address = (text: string) => ({ kind: "socket" as const, address: text, port: 1, ipv4Compatible: false });
	const endpoint = {
		address: address("a"),
		additionalAddresses: [address("b"), address("c")],
		hostname: "",
		health: "unknown" as const,
		metadata: {},
		weight: 1,
		healthCheckPort: 0,
		healthCheckHostname: "",
		healthCheckDisabled: false,
	};
	const locality = {
		locality: { region: "", zone: "", subZone: "" },
		priority: 0,
		weight: 0,
		metadata: {},
		endpoints: [endpoint],
	};
	const host: Host = createHost(createClusterConfig(), endpoint, locality);
	const total = { value: 0 };
	const race = new SocketRace(
		{
			context: { clock, deadlines: new DeadlineQueue(clock), turns: new TurnQueue(), nextConnectionId: () => 1 },
			cluster: { stats: { upstream_cx_total: total } } as unknown as Cluster,
			host,
		},
		(where, owner) => {
			const attempt = { name: where.kind !== "socket" ? where.path : where.address, owner, isDestroyed: false };
			attempts.push(attempt);
			return { destroy: () => (attempt.isDestroyed = true) } as unknown as StreamSocket;
		},
		{
			onSocketReady: () => told.push("ready"),
			onSocketBytes: (bytes) => told.push(`${bytes} bytes`),
			onSocketEnd: () => told.push("end"),
			onSocketClose: (error) => told.push(`close ${error?.message}`),
			onSocketDrain: () => told.push("drain"),
		},
	);
	const names = () => attempts.map(({ name, isDestroyed }) => (isDestroyed ? `(${name})` : name)).join(" ");
	return { clock, told, attempts, race, names, total };
}

test("the next address is tried every 300 ms; the first that connects wins and the others end", () => {
	const { clock, told, attempts, race, names, total } = startRace();
	clock.advance(299);
	assert.equal(names(), "a");
	clock.advance(1);
	assert.equal(names(), "a b");
	clock.advance(300);
	assert.equal(names(), "a b c");
	attempts[1]!.owner.onSocketReady();
	assert.equal(names(), "(a) b (c)");
	attempts[0]!.owner.onSocketReady();
	attempts[2]!.owner.onSocketClose(new Error("late"));
	attempts[1]!.owner.onSocketBytes(3);
	attempts[0]!.owner.onSocketBytes(4);
	attempts[1]!.owner.onSocketClose(undefined);
	assert.deepEqual(told, ["ready", "3 bytes", "close undefined"]);
	assert.equal(race.address?.kind === "socket" && race.address.address, "b");
	assert.equal(total.value, 2, "attempts behind the first");
	assert.equal(clock.pending, 0);
});

test("an attempt that fails lets the next one begin at once, and the last failure is told when nothing is left", () => {
	const { clock, told, attempts, names } = startRace();
	attempts[0]!.owner.onSocketClose(new Error("first"));
	assert.equal(names(), "a b");
	clock.advance(299);
	assert.equal(names(), "a b");
	attempts[1]!.owner.onSocketClose(new Error("second"));
	assert.deepEqual(told, []);
	attempts[2]!.owner.onSocketClose(new Error("third"));
	assert.deepEqual(told, ["close third"]);
	clock.advance(1000);
	assert.equal(names(), "a b c");
});

test("a race that is given up begins no further attempt", () => {
	const { clock, told, attempts, race, names } = startRace();
	clock.advance(300);
	race.destroy();
	assert.equal(names(), "(a) (b)");
	attempts[0]!.owner.onSocketClose(undefined);
	attempts[1]!.owner.onSocketClose(undefined);
	clock.advance(1000);
	assert.equal(names(), "(a) (b)");
	assert.deepEqual(told, ["close undefined"]);
});
