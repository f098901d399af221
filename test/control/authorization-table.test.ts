/** Rules of every source, operation, condition and action: the same verdicts of the engine, of an amime proxy and of a stock Envoy. */
import assert from "node:assert/strict";
import { Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { type TestContext, test } from "node:test";
import { createHeaderView, createJudge } from "../support/authorization-engine.ts";
import {
	actions,
	type CallerName,
	callers,
	conditions,
	operations,
	type RequestName,
	requests,
	sources,
} from "../support/authorization-table.ts";
import { authorizer, signToken, toBootstrapListener, translateTable } from "../support/authorization-world.ts";
import { ownSecrets } from "../support/bootstraps.ts";
import { startApplication } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { startFixedBackend } from "../support/fixed-backend.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";
import { type ProxyKind, startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const table = translateTable();
const everyRule = [...table.keys()];
/** The rules that proxies are asked about: all that they decide alone, and of the others every third, whose filters are the same ones. */
const proxiedRules = everyRule.filter((number) => isDecidedAlone(number) || number % 3 === 0);
const callerNames = Object.keys(callers) as CallerName[];
const requestNames = Object.keys(requests) as RequestName[];

/** Calls of each caller a rule, chosen so that every rule sees every caller and every request: two where the proxy decides alone. */
function* listCalls(number: number): Generator<{ readonly caller: CallerName; readonly name: RequestName }> {
	for (const [position, caller] of callerNames.entries())
		for (const step of isDecidedAlone(number) ? [0, 2] : [0])
			yield { caller, name: requestNames[(position + number + step) % requestNames.length]! };
}

function isDecidedAlone(number: number): boolean {
	const { action } = table[number]!.rule;
	return action === "ALLOW" || action === "DENY";
}

/** What a judge says of every call of rules, where it differs from the table. */
async function findDifferences(
	numbers: readonly number[],
	judge: (number: number, caller: CallerName, name: RequestName) => Promise<boolean> | boolean,
): Promise<{ readonly differences: readonly string[]; readonly count: number }> {
	const differences: string[] = [];
	let count = 0;
	for (const number of numbers)
		for (const { caller, name } of listCalls(number)) {
			const { rule } = table[number]!;
			count++;
			const isAllowed = await judge(number, caller, name);
			if (isAllowed !== rule.isAllowed(caller, name))
				differences.push(`${rule.name}: ${caller} ${name}: ${isAllowed ? "allowed" : "denied"}`);
		}
	return { differences, count };
}

test("every part of a rule is in the table under every action", () => {
	assert.ok(table.length >= 150, `only ${table.length} rules`);
	for (const part of [...sources, ...operations, ...conditions].filter(({ spec }) => spec !== undefined)) {
		const text = JSON.stringify(part.spec);
		const having = table.filter(({ rule }) => JSON.stringify(rule.spec).includes(text)).map(({ rule }) => rule.action);
		assert.deepEqual([...new Set(having)].sort(), [...actions].sort(), part.name);
	}
});

test("the engine gives the verdicts of the table", async () => {
	const judges = table.map(({ listener }) => createJudge(listener));
	const { differences, count } = await findDifferences(everyRule, (number, caller, name) =>
		judges[number]!(createHeaderView(callers[caller], requests[name])),
	);
	assert.deepEqual(differences, []);
	assert.ok(count >= 2_500, `only ${count} cases`);
});

for (const kind of ["amime", "envoy"] as const) {
	const skip = kind === "envoy" ? skipWithout("envoy", findEnvoy()) : false;
	test(`${kind} gives the verdicts of the table`, { skip }, async (t) => {
		const { call, stdout } = await startWorld(t, kind);
		const { differences, count } = await findDifferences(proxiedRules, call);
		assert.deepEqual(differences, []);
		assert.ok(count >= 2_000, `only ${count} cases`);
		const audited = proxiedRules.flatMap((number) => {
			const { rule } = table[number]!;
			return rule.action === "AUDIT"
				? [...listCalls(number)].filter(({ caller, name }) => rule.matches(caller, name))
				: [];
		});
		await eventually(
			() => assert.equal(stdout().split("matched by an AUDIT policy").length - 1, audited.length, "calls told"),
			{ deadlineMs: 30_000 },
		);
	});
}

/** A proxy with a listener for every rule; tells whether a call passes, and what its access logs say. */
async function startWorld(t: TestContext, kind: ProxyKind) {
	const pki = createTestPki();
	const backend = await startFixedBackend(t);
	const refusing = await startApplication(t, (_request, response) => void response.writeHead(403).end());
	const secret = pki.issue("spiffe://cluster.local/ns/shop/sa/default");
	const listeners = proxiedRules.map((number) => toBootstrapListener(table[number]!.listener));
	const clusters = [...new Set(listeners.map((listener) => JSON.stringify(listener).match(/inbound\|\d+\|\|/)![0]))];
	const proxy = await startProxyProcess(t, kind, makeTemporaryFolder(t), {
		static_resources: {
			listeners,
			clusters: [
				...clusters.map((name) => staticCluster(name, backend.port)),
				staticCluster(authorizer.cluster, refusing),
			],
			secrets: ownSecrets(secret),
		},
	});
	const statuses = JSON.parse((await proxy.admin("/listeners?format=json")).body) as {
		listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
	};
	const ports = new Map(
		statuses.listener_statuses.map(({ name, local_address: local }) => [name, local.socket_address.port_value]),
	);
	const certificates = new Map(
		callerNames.flatMap((name) => {
			const { spiffeId } = callers[name];
			return spiffeId === undefined ? [] : [[name, pki.issue(spiffeId)] as const];
		}),
	);
	const call = async (number: number, caller: CallerName, name: RequestName): Promise<boolean> => {
		const { address, serverName, claims, forwardedFor } = callers[caller];
		const { method, path, host, headers } = requests[name];
		const certificate = certificates.get(caller);
		const options = {
			host: "127.0.0.1",
			port: ports.get(`rule-${number}`)!,
			localAddress: address,
			method,
			path,
			headers: {
				...headers,
				host,
				...(claims !== undefined && { authorization: `Bearer ${signToken(claims)}` }),
				...(forwardedFor !== undefined && { "x-forwarded-for": forwardedFor }),
			},
		};
		const outgoing =
			certificate === undefined
				? plainRequest({ ...options, agent: new PlainAgent() })
				: tlsRequest({
						...options,
						agent: new TlsAgent(),
						cert: certificate.certificateChainPem,
						key: certificate.privateKeyPem,
						servername: serverName,
						rejectUnauthorized: false,
					});
		const status = await new Promise<number>((resolve, reject) => {
			outgoing.on("response", (response) => {
				response.resume();
				response.on("end", () => resolve(response.statusCode ?? 0));
			});
			outgoing.on("error", reject);
			outgoing.end();
		});
		if (status !== 200 && status !== 403) throw new Error(`rule ${number}, ${caller} ${name}: status ${status}`);
		return status === 200;
	};
	return { call, stdout: proxy.stdout };
}

function staticCluster(name: string, port: number): object {
	return {
		name,
		type: "STATIC",
		connect_timeout: "5s",
		load_assignment: {
			cluster_name: name,
			endpoints: [
				{
					lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } } }],
				},
			],
		},
	};
}
