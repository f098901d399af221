import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CheckRequest, CheckRequestSchema } from "../../../../api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { type Metadata, matchString } from "../../../../engine/matcher/index.ts";
import type { ExtAuthzConfig } from "../../../runtime-config/index.ts";
import { createAuthorizationPeer, pickMetadata } from "../../authorization-context.ts";
import { listRequestFields } from "../request-fields.ts";
import { type AuthorizationQuestion, partialBodyHeader } from "./authorization.ts";

/** The message a gRPC service is asked with. */
export function createCheckRequest(
	question: AuthorizationQuestion,
	config: ExtAuthzConfig,
	labels: Readonly<Record<string, string>>,
): CheckRequest {
	const { stream, contextExtensions } = question;
	const { connection, record, route } = stream;
	const { tls } = connection;
	const source = createAuthorizationPeer(connection.remote, tls?.peer);
	source.service = stream.request.get("x-envoy-downstream-service-cluster") ?? "";
	if (config.includesPeerCertificate && tls?.peer !== undefined) source.certificate = encodeURIComponent(tls.peer.pem);
	const dynamic = record.dynamicMetadata ?? new Map<string, unknown>();
	const message = create(CheckRequestSchema, {
		attributes: {
			source,
			destination: Object.assign(createAuthorizationPeer(connection.local, tls?.local), { labels }),
			request: { time: timestampFromMs(record.startWallMs), http: createHttp(question, config) },
			contextExtensions: { ...contextExtensions },
			metadataContext: { filterMetadata: pickMetadata(config.metadataNamespaces, (name) => dynamic.get(name)) },
			routeMetadataContext: {
				filterMetadata: pickMetadata(config.routeMetadataNamespaces, (name) => (route?.metadata as Metadata)?.[name]),
			},
		},
	});
	if (config.includesServerName && tls !== undefined) {
		message.attributes!.tlsSession = {
			$typeName: "envoy.service.auth.v3.AttributeContext.TLSSession",
			sni: connection.serverName,
		};
	}
	return message;
}

function createHttp({ stream, body }: AuthorizationQuestion, config: ExtAuthzConfig) {
	const { request, record } = stream;
	const headers: Record<string, string> = {};
	const raw: { key: string; rawValue: Uint8Array }[] = [];
	for (const [name, value] of listRequestFields(request)) {
		if (name === partialBodyHeader || !isVisible(name, config)) continue;
		if (config.sendsRawHeaders) {
			raw.push({ key: name, rawValue: Buffer.from(value, "latin1") });
			continue;
		}
		const text = toUtf8(value);
		const before = headers[name];
		headers[name] = before === undefined ? text : `${before},${text}`;
	}
	if (body !== undefined) {
		const isPartial = String(body.isPartial);
		if (config.sendsRawHeaders) raw.push({ key: partialBodyHeader, rawValue: Buffer.from(isPartial) });
		else headers[partialBodyHeader] = isPartial;
	}
	const packs = body?.settings.packsAsBytes === true;
	return {
		id: streamNumber(record.startWallMs, stream.connection.id),
		method: request.method,
		headers,
		...(config.sendsRawHeaders ? { headerMap: { headers: raw } } : {}),
		path: request.path,
		host: request.authority,
		scheme: request.scheme,
		size: BigInt(record.bytesReceived),
		protocol: record.protocol,
		body: body === undefined || packs ? "" : body.bytes.toString("utf8"),
		rawBody: packs ? new Uint8Array(body!.bytes) : new Uint8Array(0),
	};
}

/** A number for the stream; services only compare it. */
function streamNumber(startedAt: number, connectionId: number): string {
	return String(BigInt(Math.floor(startedAt * 1000)) * 65_536n + BigInt(connectionId % 65_536));
}

function isVisible(name: string, { allowedHeaders, disallowedHeaders }: ExtAuthzConfig): boolean {
	if (disallowedHeaders.some((matcher) => matchString(matcher, name))) return false;
	return allowedHeaders === undefined || allowedHeaders.some((matcher) => matchString(matcher, name));
}

function toUtf8(value: string): string {
	return /^[\0-\x7f]*$/.test(value) ? value : Buffer.from(value, "latin1").toString("utf8");
}
