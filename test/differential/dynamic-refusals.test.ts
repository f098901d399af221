/** Files of resources that cannot be used as a whole, and routes that two listeners share. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

const listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener";

function put(side: Side, name: string, resources: readonly object[]): string {
	const path = join(side.folder, name);
	writeFileSync(`${path}.next`, JSON.stringify({ resources }));
	renameSync(`${path}.next`, path);
	return path;
}

/** Changes the file of listeners, and waits until it was read. */
async function putListeners(
	{ proxy }: { readonly proxy: ProxyProcess },
	side: Side,
	listeners: readonly object[],
): Promise<void> {
	const read = () => proxy.stats("^listener_manager\\.lds\\.update_attempt$");
	const before = Object.values(await read())[0]!;
	put(side, "lds.json", listeners);
	await eventually(async () => {
		if (Object.values(await read())[0] === before) throw new Error("not read yet");
	});
}

const routes = {
	name: "r",
	virtual_hosts: [
		{
			name: "v",
			domains: ["*"],
			routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "shared" } } }],
		},
	],
};

const answer = (text: string): object => ({
	name: "answer",
	typed_config: typed("filters.network.direct_response.v3.Config", { response: { inline_string: text } } as never),
});

const listener = (name: string, filter: object): object => ({
	"@type": listenerType,
	name,
	address: socketAddress(0),
	filter_chains: [{ filters: [filter] }],
});

const runtime = (layer: object): object => ({
	"@type": "type.googleapis.com/envoy.service.runtime.v3.Runtime",
	name: "rt",
	layer,
});

compareWithEnvoy("files of listeners and routes", {
	async start(side) {
		const source = (path: string): object => ({ resource_api_version: "V3", path_config_source: { path } });
		const rds = put(side, "rds.json", [
			{ "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", ...routes },
		]);
		const manager = (stat_prefix: string): object =>
			managerFilter({
				stat_prefix,
				route_config: undefined,
				rds: { route_config_name: "r", config_source: source(rds) },
			});
		const lds = put(side, "lds.json", [listener("a", manager("first")), listener("b", manager("second"))]);
		const rtds = put(side, "rtds.json", [runtime({ a: 1 })]);
		const proxy = await side.proxy({
			layered_runtime: { layers: [{ name: "rt", rtds_layer: { name: "rt", rtds_config: source(rtds) } }] },
			node: { id: "n", cluster: "c" },
			dynamic_resources: { lds_config: source(lds) },
		});
		return { proxy };
	},
	cases: {
		"routes that two listeners have are counted under the first": {
			want: { body: "shared", stats: { "http.first.rds.r.update_success": 1 } },
			async see({ proxy }) {
				const { body } = await sendRequest({ port: await proxy.port("b"), path: "/" });
				return { body, stats: await proxy.stats("^http\\..*\\.rds\\.r\\.(update_(attempt|success)|config_reload)$") };
			},
		},
		"a layer of the runtime with a value that is none is not used": {
			want: { "runtime.update_rejected": 1, "runtime.num_keys": 1 },
			async see({ proxy }, side) {
				put(side, "rtds.json", [runtime({ a: 2, b: { c: [1] } })]);
				await eventually(async () => {
					const { "runtime.update_attempt": attempts } = await proxy.stats("^runtime\\.update_attempt$");
					if (attempts !== 2) throw new Error("not read yet");
				});
				return proxy.stats("^runtime\\.(update_(success|rejected)|num_keys)$");
			},
		},
		"two listeners cannot have one address, whether they are bound or not": {
			want: { port0: { "listener_manager.lds.update_rejected": 4, "listener_manager.lds.update_success": 2 } },
			async see({ proxy }, side) {
				const at = (port: number, name: string, bind_to_port: boolean): object => ({
					...listener(name, answer(name)),
					address: socketAddress(port),
					bind_to_port,
				});
				const [one, two, three] = [await findFreePort(), await findFreePort(), await findFreePort()];
				const seen = async (...listeners: object[]) => {
					await putListeners({ proxy }, side, listeners);
					return proxy.stats("^listener_manager\\.(total_listeners_active|lds\\.update_(success|rejected))$");
				};
				return {
					bound: await seen(at(one, "e", true), at(one, "f", true)),
					unbound: await seen(at(two, "g", false), at(two, "h", false)),
					mixed: await seen(at(three, "i", true), at(three, "j", false)),
					unboundPort0: await seen(at(0, "k", false), at(0, "l", false)),
					port0: await seen(at(0, "m", true), at(0, "n", true)),
				};
			},
		},
		"a file with a type that nobody knows changes nothing": {
			want: { "listener_manager.lds.update_failure": 1 },
			async see({ proxy }, side) {
				const odd = { name: "odd", typed_config: { "@type": "type.googleapis.com/no.such.Type" } };
				put(side, "lds.json", [listener("c", answer("c")), listener("d", odd)]);
				await eventually(async () => {
					const stats = await proxy.stats("^listener_manager\\.lds\\.update_(failure|rejected)$");
					if (!Object.values(stats).includes(1)) throw new Error("not read yet");
				});
				return proxy.stats("^listener_manager\\.(listener_added|lds\\.update_(attempt|success|failure|rejected))$");
			},
		},
	},
});
