/** Random policies and random requests: the engine says of what policies were translated to what Istio's reference says of their text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import { createSeededRandom } from "../../src/core/index.ts";
import { createHeaderView, createJudge } from "../support/authorization-engine.ts";
import { authorizer } from "../support/authorization-world.ts";
import { createTestMesh, parseObjects } from "../support/control-mesh.ts";
import { evaluatePolicies, type PolicyDocument } from "../support/policy-evaluator.ts";
import { createChooser, randomPolicies, randomRequest, withClient } from "../support/random-policies.ts";

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
				const isAllowed = judge(
					createHeaderView(
						{
							address: request.ip,
							...(request.peer !== undefined && { spiffeId: request.peer, serverName: request.serverName! }),
							...(request.claims !== undefined && { claims: request.claims }),
							...(request.remoteIp !== request.ip && { forwardedFor: request.remoteIp }),
						},
						{ ...request, headers: request.headers },
					),
				);
				counts[isAllowed ? "allowed" : "denied"]++;
				assert.equal(isAllowed, expected, `seed ${seed}: ${JSON.stringify({ policies, labels, request })}`);
			}
		}
		for (const [verdict, count] of Object.entries(counts))
			assert.ok(count >= (sets * requestsOfSet) / 5, `only ${count} ${verdict}`);
	});

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
