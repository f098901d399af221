import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { verifyToken } from "../../src/identity/index.ts";
import { createTestPki } from "./pki.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** The part of a Kubernetes API server that node attestation asks: TokenReview, Pods and Nodes, over HTTPS. The one Pod, `agent-x` of the
 *  namespace `mesh`, is on `node-1`. */
export interface KubernetesApi {
	/** A projected service-account token, bent by the options. */
	createToken(options: TokenOptions): string;
	/** The control plane's file for the cluster `prod`. */
	writeAttestationFile(check: "review" | "keys"): string;
	/** Writes a file of a private folder. */
	write(name: string, text: string): string;
	read(name: string): string;
	remove(name: string): void;
	/** How many reviews were asked for, and how many of them at one time. */
	readonly reviews: { count: number; most: number };
	/** Reviews are answered only once it has resolved. */
	hold(until: Promise<unknown>): void;
}

export interface TokenOptions {
	readonly serviceAccount: string;
	readonly audience: string;
	/** 600 by default. */
	readonly expiresInSeconds?: number;
	/** By another key with the same name. */
	readonly isForged?: boolean;
	/** Whether it names Pod and node; true by default. */
	readonly isBound?: boolean;
	/** What its header says otherwise. */
	readonly header?: Readonly<Record<string, unknown>>;
	/** What its claims say otherwise. */
	readonly claims?: Readonly<Record<string, unknown>>;
	/** Signs in place of the cluster's key; gets its public half as PEM. */
	readonly sign?: (text: string, publicKeyPem: string) => Buffer;
}

const issuer = "https://kubernetes.default.svc";
const reviewer = "token-of-the-reviewer";

/** @param options.isOld one that does not name the node in a review, as before Kubernetes 1.30 */
export async function startKubernetesApi(
	t: TestContext,
	options: { readonly isOld?: boolean } = {},
): Promise<KubernetesApi> {
	const folder = makeTemporaryFolder(t);
	const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const forger = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const jwks = { keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] };
	const pki = createTestPki({ trustDomain: "kubernetes" });
	const reviews = { count: 0, most: 0 };
	let open = 0;
	let held: Promise<unknown> = Promise.resolve();
	const serving = pki.issue("spiffe://kubernetes/api", { dnsNames: ["localhost"] });
	const server = createServer(
		{ cert: serving.certificateChainPem, key: serving.privateKeyPem },
		(request, response) => {
			void readText(request).then(async (body) => {
				const isReview = request.url?.endsWith("/tokenreviews") === true;
				if (isReview) {
					reviews.count++;
					reviews.most = Math.max(reviews.most, ++open);
					await held;
					open--;
				}
				const isKnown = request.headers.authorization === `Bearer ${reviewer}`;
				const answer = isKnown ? respond(request.url ?? "", body) : undefined;
				response.writeHead(!isKnown ? 401 : answer === undefined ? 404 : 200, { "content-type": "application/json" });
				response.end(JSON.stringify(answer ?? { kind: "Status", status: "Failure" }));
			});
		},
	);

	function respond(url: string, body: string): unknown {
		if (url === "/api/v1/namespaces/mesh/pods/agent-x")
			return { metadata: { name: "agent-x", uid: "pod-uid-1" }, spec: { nodeName: "node-1" } };
		if (url === "/api/v1/nodes/node-1") return { metadata: { name: "node-1", uid: "node-uid-1" } };
		if (url !== "/apis/authentication.k8s.io/v1/tokenreviews") return undefined;
		const { spec } = JSON.parse(body) as { spec: { token: string; audiences: string[] } };
		const result = verifyToken(spec.token, jwks, { audiences: spec.audiences, issuer, now: Date.now() });
		if (!result.ok) return { kind: "TokenReview", status: { authenticated: false, error: result.problem } };
		const claims = (result.claims["kubernetes.io"] ?? {}) as Record<string, Record<string, string>>;
		const extra = (part: string): Record<string, string[]> =>
			claims[part] === undefined
				? {}
				: {
						[`authentication.kubernetes.io/${part}-name`]: [claims[part]["name"]!],
						[`authentication.kubernetes.io/${part}-uid`]: [claims[part]["uid"]!],
					};
		return {
			kind: "TokenReview",
			status: {
				authenticated: true,
				user: {
					username: result.claims["sub"],
					extra: { ...extra("pod"), ...(options.isOld === true ? {} : extra("node")) },
				},
				audiences: spec.audiences,
			},
		};
	}

	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	const write = (name: string, text: string): string => {
		writeFileSync(join(folder, name), text);
		return join(folder, name);
	};
	return {
		reviews,
		hold: (until) => {
			held = until;
		},
		write,
		read: (name) => readFileSync(join(folder, name), "utf8"),
		remove: (name) => rmSync(join(folder, name)),
		createToken({ serviceAccount, audience, expiresInSeconds = 600, isForged = false, isBound = true, ...bent }) {
			const now = Math.floor(Date.now() / 1000);
			const bound = { pod: { name: "agent-x", uid: "pod-uid-1" }, node: { name: "node-1", uid: "node-uid-1" } };
			const claims = {
				iss: issuer,
				aud: [audience],
				iat: Math.min(now, now + expiresInSeconds - 600),
				exp: now + expiresInSeconds,
				sub: `system:serviceaccount:mesh:${serviceAccount}`,
				"kubernetes.io": {
					namespace: "mesh",
					serviceaccount: { name: serviceAccount, uid: "sa-uid" },
					...(isBound ? bound : {}),
				},
				...bent.claims,
			};
			const publicKeyPem = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
			const byKey = signBy(isForged ? forger.privateKey : keys.privateKey);
			const signText = bent.sign === undefined ? byKey : (text: string) => bent.sign!(text, publicKeyPem);
			return createToken({ alg: "RS256", kid: "one", ...bent.header }, claims, signText);
		},
		writeAttestationFile(check) {
			write("ca.pem", pki.bundlePem);
			write("reviewer.token", `${reviewer}\n`);
			write("jwks.json", JSON.stringify(jwks));
			const api = `https://localhost:${(server.address() as AddressInfo).port}`;
			const how = check === "review" ? { api, ca: "ca.pem", token: "reviewer.token" } : { issuer, jwks: "jwks.json" };
			const cluster = { cluster: "prod", serviceAccounts: ["mesh:amime-agent"], audiences: ["amime"], ...how };
			return write("attestation.yaml", JSON.stringify({ kubernetes: [cluster] }));
		},
	};
}

const signBy =
	(key: KeyObject) =>
	(text: string): Buffer =>
		createSign("sha256").update(text).sign(key);

function createToken(header: unknown, claims: unknown, sign: (text: string) => Buffer): string {
	const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
	const text = `${encode(header)}.${encode(claims)}`;
	return `${text}.${sign(text).toString("base64url")}`;
}

async function readText(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
	return Buffer.concat(chunks).toString("utf8");
}
