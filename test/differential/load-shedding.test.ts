/** Load shed points of the overload manager: requests and connections that are turned away under pressure, and what is counted. */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { managerFilter, oneHost, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { until } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";

const prefix = "envoy.load_shed_points.";
const points = {
	requests: `${prefix}http_connection_manager_decode_headers`,
	connections: `${prefix}tcp_listener_accept`,
};

function setPressure(side: Side, pressure: number): void {
	writeFileSync(join(side.folder, "pressure.next"), String(pressure));
	renameSync(join(side.folder, "pressure.next"), join(side.folder, "pressure"));
}

async function start(side: Side) {
	setPressure(side, 0);
	const shed = (name: string, value: number): object => ({ name, triggers: [{ name: "r", threshold: { value } }] });
	const proxy = await side.proxy({
		overload_manager: {
			refresh_interval: "0.05s",
			resource_monitors: [
				{
					name: "r",
					typed_config: typed("resource_monitors.injected_resource.v3.InjectedResourceConfig", {
						filename: join(side.folder, "pressure"),
					}),
				},
			],
			loadshed_points: [shed(points.requests, 0.5), shed(points.connections, 0.9)],
		},
		static_resources: {
			listeners: [
				{
					name: "l",
					address: socketAddress(0),
					filter_chains: [
						{
							filters: [
								managerFilter({
									route_config: oneHost([
										{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hi" } } },
									]),
								}),
							],
						},
					],
				},
			],
		},
	});
	const press = async (pressure: number, point: string, percent: number): Promise<void> => {
		setPressure(side, pressure);
		await until(async () => (await proxy.stat(`overload.${point}.scale_percent`)) === percent);
	};
	const ask = async (): Promise<object> => {
		try {
			const { status, body } = await sendRequest({ port: await proxy.port("l"), path: "/" });
			return { status, body };
		} catch {
			return { closed: true };
		}
	};
	return { proxy, press, ask };
}

compareWithEnvoy("load shed points", {
	start,
	cases: {
		"let everything pass without pressure": { want: { status: 200 }, see: ({ ask }) => ask() },
		"shed requests": {
			want: { status: 503, body: "envoy overloaded" },
			async see({ press, ask }) {
				await press(0.6, points.requests, 100);
				return ask();
			},
		},
		"shed connections": {
			want: { closed: true },
			async see({ press, ask }) {
				await press(1, points.connections, 100);
				return ask();
			},
		},
		"count what they shed, and let it pass again": {
			want: { answer: { status: 200 }, [`overload.${points.requests}.shed_load_count`]: 1 },
			async see({ proxy, press, ask }) {
				await press(0, points.requests, 0);
				return { answer: await ask(), ...(await proxy.stats("load_shed_points")) };
			},
		},
	},
});
