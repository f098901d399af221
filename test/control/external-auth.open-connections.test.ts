/** A route that gets an authorizer while connections are open, on amime's proxy and a stock Envoy: routes come to them, filters do not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { startApplication } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { clientWorkload, gatewayOn, gatewayWorkload, serviceOf, startGatewayWorld } from "../support/gateway-world.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const patient = { deadlineMs: 60_000 };

/** The routes of the service `web`, of which `/asked` asks some authorizers. */
const route = (name: string, parent: object, authorizers: readonly string[]): object => ({
	apiVersion: "gateway.networking.k8s.io/v1",
	kind: "HTTPRoute",
	metadata: { name, namespace: "shop" },
	spec: {
		parentRefs: [parent],
		rules: [
			...authorizers.map((authorizer) => ({
				matches: [{ path: { type: "PathPrefix", value: `/${authorizer}` } }],
				filters: [
					{
						type: "ExternalAuth",
						externalAuth: { backendRef: { name: authorizer, port: 80 }, protocol: "HTTP", http: {} },
					},
				],
				backendRefs: [{ name: "web", port: 80 }],
			})),
			{ backendRefs: [{ name: "web", port: 80 }] },
		],
	},
});

/** One connection on which requests are sent, one after the other; answers with the status line and body of each. */
async function openConnection(t: TestContext, port: number) {
	const socket = connect(port, "127.0.0.1");
	t.after(() => socket.destroy());
	await once(socket, "connect");
	socket.setEncoding("latin1");
	return async (target: string): Promise<{ readonly status: number; readonly body: string }> => {
		socket.write(`GET ${target} HTTP/1.1\r\nhost: web\r\n\r\n`);
		let text = "";
		for (;;) {
			const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [string];
			text += chunk;
			const [head = "", body] = text.split("\r\n\r\n");
			const length = /^content-length: (\d+)$/im.exec(head)?.[1];
			if (body !== undefined && body.length >= Number(length)) return { status: Number(head.split(" ")[1]), body };
		}
	};
}

for (const kind of ["amime", "envoy"] as const)
	test(`an open connection does not pass the authorizers that a route gets later, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
		timeout: 120_000,
	}, async (t) => {
		const refuse = await startApplication(t, (_request, response) => {
			response.writeHead(401);
			response.end("not you");
		});
		const web = await startApplication(t, (_request, response) => response.end("here"));
		const gatewayPort = await findFreePort();
		const objects = [
			clientWorkload,
			gatewayWorkload,
			...serviceOf("web", web),
			...serviceOf("first", refuse),
			...serviceOf("second", refuse),
			gatewayOn(gatewayPort),
		];
		const configOf = (authorizers: readonly string[]): string =>
			[
				...objects,
				route("outside", { name: "gw", namespace: "edge" }, authorizers),
				route("inside", { group: "", kind: "Service", name: "web" }, authorizers),
			]
				.map((object) => JSON.stringify(object))
				.join("\n---\n");
		const { control, client } = await startGatewayWorld(t, kind, configOf([]));

		const places = [
			{ place: "a gateway", port: gatewayPort, target: (path: string) => path },
			{ place: "a sidecar", port: client.httpProxyPort!, target: (path: string) => `http://web${path}` },
		];
		const known: string[] = [];
		for (const authorizer of ["first", "second"]) {
			const open = [];
			for (const { place, port, target } of places) {
				const call = (path: string) => sendRequest({ port, path: target(path), headers: { host: "web" } });
				await eventually(async () => assert.equal((await call("/free")).status, 200), patient);
				const ask = await openConnection(t, port);
				assert.equal((await ask(target(`/${authorizer}`))).status, 200);
				open.push({ place, target, call, ask });
			}
			known.push(authorizer);
			control.writeConfig(configOf(known));
			for (const { place, target, call, ask } of open) {
				await eventually(async () => assert.equal((await call(`/${authorizer}`)).status, 401), patient);
				await t.test(`${place}: the ${authorizer} authorizer`, async () => {
					const answer = await ask(target(`/${authorizer}`));
					assert.deepEqual([answer.status, /access denied/.test(answer.body)], [403, true]);
				});
			}
		}
	});
