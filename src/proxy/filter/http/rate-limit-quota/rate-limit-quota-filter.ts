import type { HeaderList } from "../../../../core/index.ts";
import { evaluateTree, readMatchInput } from "../../../../engine/authorization/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { QuotaBucket } from "../../../../engine/quota/index.ts";
import { createHeaderOperations, type HeaderOperations } from "../../../../engine/router/index.ts";
import type { QuotaBucketSettings, RateLimitQuotaConfig } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { describeLimit } from "../limit-name.ts";

/** Where access logs find the bucket of a request. */
const metadataNamespace = "envoy.extensions.http_filters.rate_limit_quota.bucket";

/** Settings with what is made of them once. */
interface Ready {
	readonly settings: QuotaBucketSettings;
	readonly headers: HeaderOperations;
	/** The whole name and its key, where they are the same for every request. */
	readonly fixed: { readonly key: string; readonly id: Readonly<Record<string, string>> } | undefined;
}

/** Limits requests by leases of budgets that proxies share. A request that no matcher takes, or whose bucket has no name, passes.
 *  Spec: `envoy.extensions.filters.http.rate_limit_quota.v3`. */
export function createRateLimitQuotaFilter(parts: FilterParts, config: RateLimitQuotaConfig): HttpFilter {
	const { name, disabled, index, context } = parts;
	const { client, release } = context.quotas.acquire(config.service, config.domain);
	const ready = config.settings.map(prepare);
	const bucketOf = (stream: FilterStream, { settings, fixed }: Ready): QuotaBucket | undefined => {
		if (fixed !== undefined) return client.bucketOf(fixed.key, () => fixed.id, settings);
		const values: string[] = [];
		let key = "";
		for (const { key: entry, value } of settings.id ?? []) {
			const text = typeof value === "string" ? value : readMatchInput(value, stream.record);
			if (text === undefined || text === null) return undefined;
			values.push(text);
			if (text !== "") key += `${entry}\u0000${text}\u0000`;
		}
		return key === "" ? undefined : client.bucketOf(key, () => nameBucket(settings, values), settings);
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const action = evaluateTree(config.tree, stream.record);
			const used = action === undefined ? undefined : ready[Number(action.name)];
			if (used === undefined) return "continue";
			const bucket = bucketOf(stream, used);
			if (bucket === undefined) return "continue";
			stream.setDynamicMetadata(metadataNamespace, bucket.id);
			if (bucket.take(stream.now())) return "continue";
			refuse(stream, used, name);
			return "stop";
		},
		onClose: release,
	};
}

function prepare(settings: QuotaBucketSettings): Ready {
	const values = settings.id?.map(({ value }) => value) ?? [];
	const texts = values.filter((value) => typeof value === "string");
	const isFixed = texts.length > 0 && texts.length === values.length;
	const id = isFixed ? nameBucket(settings, texts) : {};
	const key = Object.entries(id)
		.map(([entry, text]) => `${entry}\u0000${text}\u0000`)
		.join("");
	return {
		settings,
		headers: createHeaderOperations([{ add: settings.deny.headers, remove: [] }]),
		fixed: key === "" ? undefined : { key, id },
	};
}

/** Entries without a value are left out. */
function nameBucket({ id = [] }: QuotaBucketSettings, values: readonly string[]): Readonly<Record<string, string>> {
	return Object.fromEntries(
		id.flatMap(({ key }, position) => (values[position] === "" ? [] : [[key, values[position]!]])),
	);
}

function refuse(stream: FilterStream, { settings, headers: operations }: Ready, name: string): void {
	const { status, body, grpc } = settings.deny;
	const headers: HeaderList = [];
	operations.apply(headers, stream.record);
	stream.setDynamicMetadata("amime", { denied: describeLimit(name) });
	stream.sendLocalReply({
		status,
		body: grpc !== undefined && grpc.message !== "" ? grpc.message : body,
		details: "rate_limited_by_quota",
		// Envoy marks these answers so.
		flags: ResponseFlag.responseFromCacheFilter,
		headers,
		...(grpc === undefined ? {} : { grpcStatus: grpc.status }),
	});
}
