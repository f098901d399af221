import { generateKeyPairSync, sign } from "node:crypto";
import { create, toJson } from "@bufbuild/protobuf";
import { type Listener, ListenerSchema } from "../../src/api/gen/envoy/config/listener/v3/listener_pb.js";
import { apiRegistry } from "../../src/api/index.ts";
import { createMeshIndex, translateInboundListener } from "../../src/control/translate/index.ts";
import { issuer, listRules, type TableRule } from "./authorization-table.ts";
import { createTestMesh, parseObjects } from "./control-mesh.ts";

/** Who is asked by CUSTOM policies, and the cluster that it is reached by. */
export const authorizer = {
	name: "refuses",
	place: { service: "authz.example", port: 9000 },
	cluster: "outbound|9000||authz.example",
};

/** One rule of the table, translated for a workload of its own. */
export interface TranslatedRule {
	readonly rule: TableRule;
	readonly listener: Listener;
}

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const keySet = JSON.stringify({
	keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }],
});

/** A token with claims, signed by the issuer of the table. */
export function signToken(claims: Readonly<Record<string, unknown>>): string {
	const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
	const text = `${encode({ alg: "RS256", kid: "k", typ: "JWT" })}.${encode(claims)}`;
	return `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}`;
}

/** Every rule of the table as an inbound listener `rule-<number>` that takes mutual TLS and plain text. */
export function translateTable(): TranslatedRule[] {
	const rules = listRules();
	const documents = rules.map((rule, number) =>
		[
			{
				apiVersion: "amime.dev/v1alpha1",
				kind: "Workload",
				metadata: { name: `rule-${number}`, namespace: "shop" },
				spec: { command: ["true"], ports: [{ name: "http", port: 8080 }] },
			},
			{
				apiVersion: "security.istio.io/v1",
				kind: "AuthorizationPolicy",
				metadata: { name: `rule-${number}`, namespace: "shop" },
				spec: {
					selector: { matchLabels: { app: `rule-${number}` } },
					action: rule.action,
					...(rule.action === "CUSTOM" && { provider: { name: authorizer.name } }),
					rules: [rule.spec],
				},
			},
		]
			.map((document) => JSON.stringify(document))
			.join("\n---\n"),
	);
	const tokens = {
		apiVersion: "security.istio.io/v1",
		kind: "RequestAuthentication",
		metadata: { name: "tokens", namespace: "shop" },
		spec: { jwtRules: [{ issuer, jwks: keySet }] },
	};
	const settings = {
		apiVersion: "amime.dev/v1alpha1",
		kind: "MeshConfig",
		metadata: { name: "test" },
		spec: { extensionProviders: [{ name: authorizer.name, envoyExtAuthzHttp: authorizer.place }] },
	};
	const texts = [...documents, JSON.stringify(tokens), JSON.stringify(settings)];
	const index = createMeshIndex(createTestMesh(parseObjects(...texts)));
	return rules.map((rule, number) => {
		const instance = index.instance({ namespace: "shop", name: `rule-${number}-0` })!;
		const listener = translateInboundListener(index, instance, instance.ports[0]!, "envoy");
		return { rule, listener: create(ListenerSchema, { ...listener, name: `rule-${number}` }) };
	});
}

/** A listener as a bootstrap file has it: on a free port, with secrets of the file instead of a secret server's. */
export function toBootstrapListener(listener: Listener): object {
	const json = toJson(ListenerSchema, listener, { registry: apiRegistry }) as Record<string, unknown>;
	return JSON.parse(
		JSON.stringify(json, (key, value: unknown) => {
			if (key === "sdsConfig") return undefined;
			return key === "portValue" ? 0 : value;
		}),
	) as object;
}
