import { create } from "@bufbuild/protobuf";
import {
	type AnyValue,
	AnyValueSchema,
	type KeyValue,
	KeyValueSchema,
} from "../../api/gen/opentelemetry/proto/common/v1/common_pb.js";
import { assertNever, type Clock, type HeaderList, type Random } from "../../core/index.ts";
import type { StreamInfo } from "../../engine/format/index.ts";
import type { UpstreamCluster } from "../connection-pool/index.ts";
import type { GrpcClients } from "../grpc-client/index.ts";
import { callHttp } from "../http-client/index.ts";
import type { OtlpEntry, OtlpExporter, OtlpTemplate } from "../runtime-config/index.ts";

/** What exports need of the proxy. */
export interface OtlpContext {
	readonly clock: Clock;
	readonly random: Random;
	readonly localAddress: string;
	readonly grpc: GrpcClients;
	getCluster(name: string): UpstreamCluster | undefined;
}

/** Sends a packed export request; `done` says whether the collector took it. */
export function exportOtlp(
	context: OtlpContext,
	exporter: OtlpExporter,
	method: string,
	message: Uint8Array,
	nobody: StreamInfo | undefined,
	done: (isTaken: boolean) => void,
): void {
	if (exporter.kind === "grpc") {
		context.grpc.client(exporter.service).unary(method, message, {}, ({ code }) => done(code === 0));
		return;
	}
	const headers: HeaderList = ["content-type", "application/x-protobuf"];
	for (const { name, value } of exporter.headers) {
		headers.push(name, value.literal ?? (nobody === undefined ? "" : value.format(nobody)));
	}
	callHttp(
		context,
		{
			cluster: exporter.cluster,
			method: "POST",
			path: exporter.path,
			authority: exporter.authority,
			headers,
			sendsAddress: true,
			body: Buffer.from(message),
			timeoutMs: exporter.timeoutMs,
			maxBodyBytes: maxAnswerBytes,
		},
		({ status, failure }) => done(failure === undefined && status === 200),
	);
}

const maxAnswerBytes = 64 * 1024;

/** A text as a value. */
export function textValue(value: string): AnyValue {
	return create(AnyValueSchema, { value: { case: "stringValue", value } });
}

/** An attribute with a text. */
export function encodeKeyValue(key: string, value: string): KeyValue {
	return create(KeyValueSchema, { key, value: textValue(value) });
}

/** A template filled in for a stream. */
export function fillTemplate(template: OtlpTemplate, stream: StreamInfo): AnyValue {
	switch (template.kind) {
		case "text":
			return textValue(template.format(stream));
		case "list": {
			const values = template.values.map((inner) => fillTemplate(inner, stream));
			return create(AnyValueSchema, { value: { case: "arrayValue", value: { values } } });
		}
		case "map": {
			const values = fillEntries(template.entries, stream);
			return create(AnyValueSchema, { value: { case: "kvlistValue", value: { values } } });
		}
		default:
			return assertNever(template);
	}
}

/** Entries filled in for a stream. */
export function fillEntries(entries: readonly OtlpEntry[], stream: StreamInfo): KeyValue[] {
	return entries.map(({ key, value }) => create(KeyValueSchema, { key, value: fillTemplate(value, stream) }));
}
