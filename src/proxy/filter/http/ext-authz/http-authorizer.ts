import { getHeader, type HeaderList, setHeader } from "../../../../core/index.ts";
import { matchString, type StringMatcher } from "../../../../engine/matcher/index.ts";
import { createHeaderOperations } from "../../../../engine/router/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import { callHttp, type HttpAnswer } from "../../../http-client/index.ts";
import type { ExtAuthzConfig, HttpAuthorization } from "../../../runtime-config/index.ts";
import { type HeaderChange, listRequestFields } from "../request-fields.ts";
import {
	type AuthorizationQuestion,
	type AuthorizationVerdict,
	type Authorizer,
	partialBodyHeader,
} from "./authorization.ts";

const maxAnswerBytes = 1024 * 1024;
/** What the service sees whatever is configured, besides pseudo headers. */
const alwaysAllowed: ReadonlySet<string> = new Set(["authorization"]);
/** Fields of an answer that belong to its connection. */
const ownFields: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);
/** Fields that clients get of a denial beside the listed ones. */
const alwaysForClients: ReadonlySet<string> = new Set(["content-length", "www-authenticate", "location"]);
const removalsHeader = "x-envoy-auth-headers-to-remove";

/** Asks a service over HTTP: 200 allows, 5xx is no answer, all else denies. */
export function createHttpAuthorizer(
	config: ExtAuthzConfig,
	http: HttpAuthorization,
	context: DataPathContext,
): Authorizer {
	const additions = createHeaderOperations([{ add: http.headersToAdd, remove: [] }]);
	// As in Envoy, the filter says what is sent, also to a service that a route names.
	const ofFilter = config.service.kind === "http" ? (config.service.allowedHeaders ?? []) : undefined;
	const allowed = config.allowedHeaders ?? ofFilter;
	return {
		check(question, done) {
			const { stream, body } = question;
			const { request } = stream;
			const bytes = body === undefined || body.bytes.length === 0 ? undefined : body.bytes;
			const headers: HeaderList = ["content-length", String(bytes?.length ?? 0)];
			pickHeaders(question, headers, allowed, config.disallowedHeaders);
			additions.apply(headers, stream.record);
			const path = http.pathOverride === "" ? http.pathPrefix + request.path : http.pathOverride;
			const call = callHttp(
				context,
				{
					cluster: http.cluster,
					method: request.method,
					path,
					authority: request.authority,
					headers,
					body: bytes,
					timeoutMs: http.timeoutMs,
					maxBodyBytes: maxAnswerBytes,
					retry: http.retry,
					sendsAddress: false,
				},
				(answer) => done(judge(answer, http)),
			);
			return call;
		},
	};
}

function pickHeaders(
	{ stream, body }: AuthorizationQuestion,
	headers: HeaderList,
	allowed: readonly StringMatcher[] | undefined,
	disallowed: readonly StringMatcher[],
): void {
	for (const [name, value] of listRequestFields(stream.request)) {
		if (name.startsWith(":") || name === "content-length" || name === partialBodyHeader) continue;
		if (disallowed.some((matcher) => matchString(matcher, name))) continue;
		const isAllowed = allowed === undefined || alwaysAllowed.has(name);
		if (!isAllowed && !allowed.some((matcher) => matchString(matcher, name))) continue;
		const before = getHeader(headers, name);
		setHeader(headers, name, before === undefined ? value : `${before},${value}`);
	}
	if (body !== undefined) headers.push(partialBodyHeader, String(body.isPartial));
}

function judge(answer: HttpAnswer, http: HttpAuthorization): AuthorizationVerdict {
	if (answer.status >= 500) return { kind: "error", metadata: {} };
	const { headers } = answer;
	const listed = (matchers: readonly StringMatcher[]) => (name: string) =>
		name !== removalsHeader && matchers.some((matcher) => matchString(matcher, name));
	const metadata: Record<string, unknown> = {};
	for (const { name, value } of collect(headers, listed(http.metadataHeaders), "set")) metadata[name] = value;
	if (answer.status !== 200) {
		const responseChanges = collect(headers, (name) => isForClient(name, http.clientHeaders), "set");
		const body = answer.body.toString("latin1");
		return { kind: "denied", status: answer.status, body, responseChanges, metadata };
	}
	const removals = headers.flatMap((value, index) =>
		index % 2 === 1 && headers[index - 1] === removalsHeader ? value.split(",").map((name) => name.trim()) : [],
	);
	return {
		kind: "ok",
		requestChanges: [
			...collect(headers, listed(http.upstreamHeaders), "set"),
			...collect(headers, listed(http.upstreamHeadersToAppend), "add"),
		],
		requestRemovals: removals.filter((name) => name !== "").map((name) => name.toLowerCase()),
		responseChanges: collect(headers, listed(http.clientHeadersOnSuccess), "add"),
		queryToSet: [],
		queryToRemove: [],
		metadata,
		hasUnknownActions: false,
	};
}

function isForClient(name: string, matchers: readonly StringMatcher[] | undefined): boolean {
	if (matchers === undefined || matchers.length === 0) return true;
	return alwaysForClients.has(name) || matchers.some((matcher) => matchString(matcher, name));
}

function collect(
	headers: HeaderList,
	isWanted: (name: string) => boolean,
	action: HeaderChange["action"],
): HeaderChange[] {
	const changes: HeaderChange[] = [];
	for (let index = 0; index < headers.length; index += 2) {
		const name = headers[index]!;
		if (!ownFields.has(name) && isWanted(name)) changes.push({ action, name, value: headers[index + 1]! });
	}
	return changes;
}
