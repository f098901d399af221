/** TCP sessions that failed are in a proxy's list, for `amime why`; those that went well are not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { typed } from "../support/bootstraps.ts";
import { eventually } from "../support/eventually.ts";
import { address, cluster, startProxyOn } from "../support/running-proxy.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

/** A port of loopback where nobody listens. */
const nobody = 1;

function listener(name: string, to: string, before: readonly object[] = []): object {
	const tcp = {
		name: "tcp",
		typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: name, cluster: to }),
	};
	return { name, address: address(0), filter_chains: [{ filters: [...before, tcp] }] };
}

const onlyOthers = {
	name: "rbac",
	typed_config: typed("filters.network.rbac.v3.RBAC", {
		stat_prefix: "r",
		rules: {
			action: "ALLOW",
			policies: {
				"ns[shop]-policy[few]-rule[0]": {
					permissions: [{ any: true }],
					principals: [{ direct_remote_ip: { address_prefix: "192.0.2.0", prefix_len: 24 } }],
				},
			},
		},
	}),
};

test("sessions that were denied, lead to no cluster, or reach no endpoint are told with the reason", async (t) => {
	const proxy = await startProxyOn(t, {
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				listener("well", "greeter"),
				listener("denied", "greeter", [onlyOthers]),
				listener("lost", "no-such-cluster"),
				listener("refused", "closed"),
				listener("empty", "empty"),
			],
			clusters: [
				cluster("greeter", [await startGreeter(t, "well")]),
				cluster("closed", [nobody]),
				cluster("empty", []),
			],
		},
	});
	assert.equal((await talk({ port: proxy.port("well"), until: "well" })).end, "heard");
	await talk({ port: proxy.port("denied"), send: [{ bytes: "a" }] });
	for (const name of ["lost", "refused", "empty"]) await talk({ port: proxy.port(name) });
	const told = new Map<string, Record<string, unknown>>();
	await eventually(async () => {
		for (const line of (await proxy.admin("/failed_requests")).trim().split("\n")) {
			const entry = JSON.parse(line) as Record<string, unknown>;
			const port = Number(String(entry["local_address"]).split(":").at(-1));
			const name = ["well", "denied", "lost", "refused", "empty"].find((one) => proxy.port(one) === port);
			told.set(name ?? "?", entry);
		}
		assert.deepEqual([...told.keys()].sort(), ["denied", "empty", "lost", "refused"]);
	});
	for (const entry of told.values()) {
		assert.deepEqual([entry["method"], entry["status"]], [null, 0]);
		assert.equal(typeof entry["duration_ms"], "number");
	}
	const denied = told.get("denied")!;
	assert.equal(denied["termination_details"], "rbac_access_denied_matched_policy[none]");
	assert.match(
		String(denied["reason"]),
		/^ns\[shop\]-policy\[few\]-rule\[0\]: source address is "127\.0\.0\.1", wanted 192/,
	);
	assert.deepEqual([told.get("lost")!["flags"], told.get("lost")!["missing_cluster"]], ["NC", "no-such-cluster"]);
	const refused = told.get("refused")!;
	assert.deepEqual([refused["flags"], refused["upstream_cluster"]], ["UF,URX", "closed"]);
	assert.equal(refused["upstream_host"], `127.0.0.1:${nobody}`);
	assert.match(String(refused["upstream_failure"]), /refused/i);
	assert.equal(told.get("empty")!["flags"], "UH");
});
