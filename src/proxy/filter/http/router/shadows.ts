import { getJoinedHeader, type HeaderList, setHeader } from "../../../../core/index.ts";
import type { StreamInfo } from "../../../../engine/format/index.ts";
import type { MirrorPolicy } from "../../../../engine/router/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import { mutateHeaders } from "../header-mutation/mutate-headers.ts";
import { PassRequestHead } from "../pass-head.ts";
import type { RouterFilter } from "./router-filter.ts";
import { ShadowRequest } from "./shadow-request.ts";

/** What the shadows of a request have in common. */
export interface ShadowTerms {
	readonly hasLength: boolean;
	readonly protocol: string;
	readonly endStream: boolean;
	readonly timeoutMs: number;
	readonly bufferLimitBytes: number;
}

/** The shadows of one request: copies sent to the clusters its route mirrors to. */
export class Shadows {
	readonly #requests: readonly ShadowRequest[];

	private constructor(requests: readonly ShadowRequest[]) {
		this.#requests = requests;
	}

	/** Undefined when chance and configuration send none. */
	static start(
		policies: readonly MirrorPolicy[],
		request: PassRequestHead,
		record: StreamInfo,
		filter: RouterFilter,
		terms: ShadowTerms,
	): Shadows | undefined {
		const requests: ShadowRequest[] = [];
		const { context } = filter;
		for (const policy of policies) {
			const { fraction } = policy;
			if (fraction !== undefined && !isInFraction(fraction, context.random.next(), context.runtime)) continue;
			const name = policy.cluster === "" ? request.get(policy.clusterHeader) : policy.cluster;
			const upstream = name === undefined ? undefined : context.getCluster(name);
			if (upstream === undefined) continue;
			const copy = copyRequest(request, policy, record, context.localAddress);
			requests.push(new ShadowRequest({ context, upstream, request: copy, ...terms }));
		}
		if (requests.length === 0) return undefined;
		for (const shadow of requests) shadow.start();
		return new Shadows(requests);
	}

	onBody(view: Buffer, last: boolean): void {
		for (const shadow of this.#requests) shadow.onBody(view, last);
	}

	onTrailers(trailers: HeaderList): void {
		for (const shadow of this.#requests) shadow.onTrailers(trailers);
	}

	flush(): void {
		for (const shadow of this.#requests) shadow.flush();
	}

	/** The request is over, complete or not. */
	onRequestEnd(): void {
		for (const shadow of this.#requests) shadow.onRequestEnd();
	}
}

/** Envoy sends shadows as requests of its own: internal, and forwarded by itself. */
function copyRequest(
	request: PassRequestHead,
	policy: MirrorPolicy,
	record: StreamInfo,
	localAddress: string,
): PassRequestHead {
	const headers = [...request.headers];
	setHeader(headers, "x-envoy-internal", "true");
	const before = getJoinedHeader(headers, "x-forwarded-for");
	setHeader(headers, "x-forwarded-for", before === undefined ? localAddress : `${before},${localAddress}`);
	mutateHeaders(policy.headerMutations, headers, record);
	const host = policy.hostRewrite === "" ? request.authority : policy.hostRewrite;
	const authority = policy.appendShadowSuffix && policy.hostRewrite === "" ? appendSuffix(host) : host;
	return new PassRequestHead(headers, request.method, request.path, authority, request.scheme, request.upgrade);
}

/** `-shadow` goes before the port. */
function appendSuffix(authority: string): string {
	const match = /^(.*?)(:\d+)?$/.exec(authority);
	return `${match?.[1] ?? authority}-shadow${match?.[2] ?? ""}`;
}
