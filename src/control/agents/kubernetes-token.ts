import { request } from "node:https";
import { type Clock, createWorkGate, exchangeHttp, type MeshError, type WorkGate } from "../../core/index.ts";
import { type JsonWebKeySet, verifyToken } from "../../identity/index.ts";
import { type AttestedNode, type NodeAttestor, readText, refused, unavailable } from "./node-attestor.ts";

/** A cluster whose nodes may become nodes of the mesh. */
export interface KubernetesCluster {
	readonly name: string;
	/** Who may: `namespace:service account`. */
	readonly serviceAccounts: readonly string[];
	/** The tokens' audience; one of these. */
	readonly audiences: readonly string[];
	/** Asks the cluster's API server, or checks by keys. `token` and `keys` throw MeshError `ATTESTATION_UNAVAILABLE`. */
	readonly check:
		| { readonly kind: "review"; readonly api: string; readonly ca?: string; readonly token: () => string }
		| { readonly kind: "keys"; readonly issuer: string; readonly keys: () => JsonWebKeySet };
}

const timeoutMs = 10_000;
const maxAnswerBytes = 1024 * 1024;
/** Whoever reaches the control plane can have tokens reviewed: an API server has so many reviews of it at a time, and others wait. */
const reviewBounds = { concurrent: 8, waiting: 256 };
const maxTokenLength = 16 * 1024;
const extraPrefix = "authentication.kubernetes.io/";
const uidPattern = /^[A-Za-z0-9._-]{1,253}$/;

/** What a token says of who has it. */
interface TokenHolder {
	readonly namespace: string;
	readonly serviceAccount: string;
	readonly pod?: string | undefined;
	readonly podUid?: string | undefined;
	readonly node?: string | undefined;
	readonly nodeUid?: string | undefined;
}

/** Nodes show the projected service-account token of their agent's Pod (as SPIRE's k8s_psat). One that is bound to a Pod on a node says
 *  which node it is; others are refused. */
export function createKubernetesTokenAttestor(clusters: readonly KubernetesCluster[], clock: Clock): NodeAttestor {
	const gates = new Map(
		clusters.map(({ name }) => {
			const refusal = (): MeshError =>
				unavailable(`too many tokens of cluster ${name} wait for their review`, undefined);
			return [name, createWorkGate({ ...reviewBounds, refusal })];
		}),
	);
	return {
		name: "k8s_psat",
		async attest(payload) {
			const name = readText(payload, "cluster");
			const cluster = clusters.find((candidate) => candidate.name === name);
			if (cluster === undefined) throw refused(`there is no cluster '${name.slice(0, 100)}'`);
			const token = readText(payload, "token");
			const { check } = cluster;
			const holder =
				check.kind === "review"
					? await reviewInTurn(gates.get(name)!, token, cluster, check)
					: readClaims(token, check.keys(), check.issuer, cluster, clock.wall());
			return toNode(holder, cluster);
		},
	};
}

function toNode(holder: TokenHolder, cluster: KubernetesCluster): AttestedNode {
	const { namespace, serviceAccount, pod, podUid, node, nodeUid } = holder;
	const account = `${namespace}:${serviceAccount}`;
	if (!cluster.serviceAccounts.includes(account))
		throw refused(`the service account ${account} of cluster ${cluster.name} is none for agents`);
	if (node === undefined || nodeUid === undefined || !uidPattern.test(nodeUid))
		throw refused("the token does not say which node its Pod is on: it must be a projected one, bound to a Pod");
	const prefix = "k8s_psat:";
	return {
		agentPath: `k8s_psat/${cluster.name}/${nodeUid}`,
		selectors: [
			`${prefix}cluster:${cluster.name}`,
			`${prefix}agent_ns:${namespace}`,
			`${prefix}agent_sa:${serviceAccount}`,
			...(pod === undefined ? [] : [`${prefix}agent_pod_name:${pod}`]),
			...(podUid === undefined ? [] : [`${prefix}agent_pod_uid:${podUid}`]),
			`${prefix}agent_node_name:${node}`,
			`${prefix}agent_node_uid:${nodeUid}`,
		],
	};
}

/** Asks for what may be a node's alone, and so many at a time. */
async function reviewInTurn(
	gate: WorkGate,
	token: string,
	cluster: KubernetesCluster,
	check: Extract<KubernetesCluster["check"], { kind: "review" }>,
): Promise<TokenHolder> {
	if (!claimsAccount(token, cluster))
		throw refused(`the token is none of an agent's service account of ${cluster.name}`);
	return gate.run(() => reviewToken(token, cluster, check));
}

/** What the token says of itself, which is worth a question and no more. */
function claimsAccount(token: string, { serviceAccounts }: KubernetesCluster): boolean {
	const parts = token.split(".");
	if (token.length > maxTokenLength || parts.length !== 3) return false;
	try {
		const claims: unknown = JSON.parse(Buffer.from(parts[1]!, "base64url").toString("utf8"));
		const account = accountPattern.exec(String((claims as { readonly sub?: unknown } | null)?.sub));
		return account !== null && serviceAccounts.includes(`${account[1]}:${account[2]}`);
	} catch {
		// No JSON is no claim.
		return false;
	}
}

const accountPattern = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Asks `authentication.k8s.io/v1 TokenReview`. What API servers before 1.30 leave out of it is read from the Pod and the Node. */
async function reviewToken(
	token: string,
	cluster: KubernetesCluster,
	api: Extract<KubernetesCluster["check"], { kind: "review" }>,
): Promise<TokenHolder> {
	const review = await ask(api, "POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
		apiVersion: "authentication.k8s.io/v1",
		kind: "TokenReview",
		spec: { token, audiences: cluster.audiences },
	});
	const status = objectAt(review, "status");
	if (status?.["authenticated"] !== true) throw refused(`cluster ${cluster.name} does not know the token`);
	const audiences = status["audiences"];
	if (!Array.isArray(audiences) || !audiences.some((audience) => cluster.audiences.includes(audience)))
		throw refused("the token is for another audience");
	const user = objectAt(status, "user");
	const match = accountPattern.exec(String(user?.["username"]));
	if (match === null) throw refused("the token is not a service account's");
	const extra = objectAt(user, "extra") ?? {};
	const read = (name: string): string | undefined => {
		const value = extra[extraPrefix + name];
		return Array.isArray(value) && typeof value[0] === "string" ? value[0] : undefined;
	};
	const holder = { namespace: match[1]!, serviceAccount: match[2]!, pod: read("pod-name"), podUid: read("pod-uid") };
	if (read("node-uid") !== undefined) return { ...holder, node: read("node-name"), nodeUid: read("node-uid") };
	if (holder.pod === undefined) return holder;
	const path = (...parts: readonly string[]): string => parts.map(encodeURIComponent).join("/");
	const pod = await ask(api, "GET", `/api/v1/namespaces/${path(holder.namespace, "pods", holder.pod)}`);
	if (objectAt(pod, "metadata")?.["uid"] !== holder.podUid) throw refused("the token's Pod is gone");
	const node = objectAt(pod, "spec")?.["nodeName"];
	if (typeof node !== "string") throw refused("the token's Pod is on no node");
	const found = await ask(api, "GET", `/api/v1/nodes/${path(node)}`);
	return { ...holder, node, nodeUid: String(objectAt(found, "metadata")?.["uid"] ?? "") };
}

function readClaims(
	token: string,
	keys: JsonWebKeySet,
	issuer: string,
	{ audiences }: KubernetesCluster,
	now: number,
): TokenHolder {
	const result = verifyToken(token, keys, { audiences, issuer, now });
	if (!result.ok) throw refused(`service-account token: ${result.problem}`);
	const claims = objectAt(result.claims, "kubernetes.io");
	const text = (part: string, field: string): string | undefined => {
		const value = objectAt(claims, part)?.[field];
		return typeof value === "string" ? value : undefined;
	};
	const namespace = claims?.["namespace"];
	const serviceAccount = text("serviceaccount", "name");
	if (typeof namespace !== "string" || serviceAccount === undefined)
		throw refused("the token is not a service account's");
	return {
		namespace,
		serviceAccount,
		pod: text("pod", "name"),
		podUid: text("pod", "uid"),
		node: text("node", "name"),
		nodeUid: text("node", "uid"),
	};
}

function objectAt(value: unknown, field: string): Readonly<Record<string, unknown>> | undefined {
	const found: unknown = typeof value === "object" && value !== null ? (value as never)[field] : undefined;
	return typeof found === "object" && found !== null ? (found as Readonly<Record<string, unknown>>) : undefined;
}

interface Api {
	readonly api: string;
	readonly ca?: string;
	readonly token: () => string;
}

/** One call of an API server.
 *  @throws MeshError `ATTESTATION_UNAVAILABLE`; `ATTESTATION_REFUSED` for what it does not know */
async function ask({ api, ca, token }: Api, method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
	const url = new URL(path, api);
	const text = body === undefined ? undefined : JSON.stringify(body);
	const call = request(url, {
		method,
		timeout: timeoutMs,
		// An answer that drips takes no longer either.
		signal: AbortSignal.timeout(timeoutMs),
		minVersion: "TLSv1.2",
		...(ca === undefined ? {} : { ca }),
		headers: {
			accept: "application/json",
			authorization: `Bearer ${token()}`,
			...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
		},
	});
	const answer = await exchangeHttp(call, { body: text, maxAnswerBytes }).catch((cause: unknown) => {
		throw unavailable(`the API server at ${url.origin} does not answer`, cause);
	});
	if (answer.status === 404) throw refused(`the cluster has no ${url.pathname}`);
	if (answer.status < 200 || answer.status > 299)
		throw unavailable(
			`the API server at ${url.origin} answered ${answer.status} to ${method} ${url.pathname}`,
			undefined,
		);
	try {
		return JSON.parse(answer.text);
	} catch (cause) {
		throw unavailable(`the API server at ${url.origin} answered with no JSON`, cause);
	}
}
