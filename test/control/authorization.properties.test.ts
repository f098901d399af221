/** Random policies and random requests: the engine says of what policies were translated to what Istio's reference says of their text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import { createSeededRandom } from "../../src/core/index.ts";
import { createHeaderView, createJudge } from "../support/authorization-engine.ts";
import { authorizer } from "../support/authorization-world.ts";
import { createTestMesh, parseObjects } from "../support/control-mesh.ts";
import { evaluatePolicies, type JudgedRequest, type PolicyDocument } from "../support/policy-evaluator.ts";
import { type Chooser, createChooser, randomPolicies, randomRequest, withClient } from "../support/random-policies.ts";

const sets = Number(process.env.AMIME_TEST_POLICY_SETS ?? 300);
const requestsOfSet = 30;

for (const settings of [{}, { pathNormalization: { normalization: "BASE" } }])
	test(`the engine judges as the reference says, with settings ${JSON.stringify(settings)}`, () => {
		const seed = Number(process.env.AMIME_TEST_SEED ?? 20_261_124);
		const choose = createChooser(createSeededRandom(seed));
		const worlds = Array.from({ length: sets }, (_, number) => {
			const app = `w${number}`;
			const labels = { app, tier: choose.one(["front", "back"]) };
			return { app, labels, policies: randomPolicies(choose, app, authorizer.name) };
		});
		const listeners = translate(worlds, settings);
		const counts = { allowed: 0, denied: 0 };
		for (const { app, labels, policies } of worlds) {
			const judge = createJudge(listeners(app));
			for (let count = 0; count < requestsOfSet; count++) {
				const request = withClient(randomRequest(choose), choose);
				const expected = evaluatePolicies(policies, { namespace: "shop", labels }, request);
				const isAllowed = judge(view(request));
				counts[isAllowed ? "allowed" : "denied"]++;
				assert.equal(isAllowed, expected, `seed ${seed}: ${JSON.stringify({ policies, labels, request })}`);
			}
		}
		for (const [verdict, count] of Object.entries(counts))
			assert.ok(count >= (sets * requestsOfSet) / 5, `only ${count} ${verdict}`);
	});

/** Spellings of a path and a host that applications may take for the plain ones. */
function disguise(request: JudgedRequest, { one, chance }: Chooser): JudgedRequest {
	const { host, path } = request;
	const [plain = "", query] = path.split("?");
	const [, first = "", ...rest] = plain.split("/");
	const last = plain.split("/").at(-1)!;
	const disguised = one([
		`/${[`${first};v=1`, ...rest].join("/")}`,
		`${plain};v=1`,
		`/;x${plain}`,
		`${plain.slice(0, plain.length - last.length)}${last};a=b.c`,
	]);
	const isHost = chance(0.5);
	return {
		...request,
		...(isHost && { host: one([`${host}:8443`, `${host}.`, `${host}.:8443`, `me@${host}`, `${host}:`]) }),
		...((!isHost || chance(0.3)) && { path: query === undefined ? disguised : `${disguised}?${query}` }),
	};
}

test("a host or path in disguise gets nobody where the plain one does not", () => {
	const choose = createChooser(createSeededRandom(Number(process.env.AMIME_TEST_SEED ?? 20_261_124)));
	const worlds = Array.from({ length: sets }, (_, number) => {
		const app = `w${number}`;
		return { app, labels: { app }, policies: randomPolicies(choose, app, authorizer.name) };
	});
	const listeners = translate(worlds, {});
	let allowed = 0;
	for (const { app, labels, policies } of worlds) {
		const judge = createJudge(listeners(app));
		for (let count = 0; count < requestsOfSet; count++) {
			const plain = { ...randomRequest(choose), remoteIp: "192.0.2.7" };
			const request = disguise(plain, choose);
			if (!judge(view(request))) continue;
			allowed++;
			for (const one of [plain, request])
				assert.ok(
					evaluatePolicies(policies, { namespace: "shop", labels }, one),
					JSON.stringify({ policies, plain, request }),
				);
		}
	}
	assert.ok(allowed >= (sets * requestsOfSet) / 10, `only ${allowed} passed`);
});

/** A request as the engine sees it. */
function view({ ip, peer, serverName, claims, remoteIp, ...request }: JudgedRequest) {
	return createHeaderView(
		{
			address: ip,
			...(peer !== undefined && { spiffeId: peer, serverName: serverName! }),
			...(claims !== undefined && { claims }),
			...(remoteIp !== ip && { forwardedFor: remoteIp }),
		},
		request,
	);
}

function translate(
	worlds: readonly { readonly app: string; readonly labels: object; readonly policies: readonly PolicyDocument[] }[],
	settings: object,
) {
	const documents = worlds.flatMap(({ app, labels, policies }) => [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "Workload",
			metadata: { name: app, namespace: "shop", labels },
			spec: { command: ["true"], ports: [{ name: "http", port: 8080 }] },
		},
		...policies,
	]);
	const config = {
		apiVersion: "amime.dev/v1alpha1",
		kind: "MeshConfig",
		metadata: { name: "test" },
		spec: {
			...settings,
			rootNamespace: "istio-system",
			extensionProviders: [{ name: authorizer.name, envoyExtAuthzHttp: authorizer.place }],
		},
	};
	const texts = [...documents, config].map((document) => JSON.stringify(document));
	const index = createMeshIndex(createTestMesh(parseObjects(...texts)));
	return (app: string) => {
		const instance = index.instance({ namespace: "shop", name: `${app}-0` })!;
		return translateInboundListener(index, instance, instance.ports[0]!, "envoy");
	};
}
