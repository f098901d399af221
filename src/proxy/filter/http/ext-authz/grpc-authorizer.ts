import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	type HeaderValueOption,
	HeaderValueOption_HeaderAppendAction,
} from "../../../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	CheckRequestSchema,
	type CheckResponse,
	CheckResponseSchema,
} from "../../../../api/gen/envoy/service/auth/v3/external_auth_pb.js";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { ExtAuthzConfig, GrpcServiceConfig } from "../../../runtime-config/index.ts";
import { readLabels } from "../../authorization-context.ts";
import type { HeaderChange } from "../request-fields.ts";
import type { AuthorizationVerdict, Authorizer } from "./authorization.ts";
import { createCheckRequest } from "./check-request.ts";

const checkPath = "/envoy.service.auth.v3.Authorization/Check";

/** Asks a service over gRPC. Spec: `envoy.service.auth.v3.Authorization`. */
export function createGrpcAuthorizer(
	config: ExtAuthzConfig,
	service: GrpcServiceConfig,
	context: DataPathContext,
): Authorizer {
	const client = context.grpc.client(service);
	const labels = readLabels(config.labelsKey, context.nodeMetadata);
	return {
		check(question, done) {
			const message = toBinary(CheckRequestSchema, createCheckRequest(question, config, labels));
			return client.unary(checkPath, message, { stream: question.stream.record }, (response) => {
				done(response.code === 0 && response.body !== undefined ? readVerdict(response.body) : failed);
			});
		},
	};
}

const failed: AuthorizationVerdict = Object.freeze({ kind: "error", metadata: {} });

function readVerdict(body: Buffer): AuthorizationVerdict {
	let response: CheckResponse;
	try {
		response = fromBinary(CheckResponseSchema, body);
	} catch (_badMessage) {
		return failed;
	}
	const metadata = (response.dynamicMetadata ?? {}) as Readonly<Record<string, unknown>>;
	const answer = response.httpResponse;
	if (answer.case === "errorResponse") {
		const { status, body: text, headers } = answer.value;
		const fields = headers.map((option) => toChange(option, "set", "add"));
		return { kind: "error", metadata, reply: { status: readStatus(status), body: toBytes(text), headers: fields } };
	}
	if ((response.status?.code ?? 0) === 0) {
		const ok = answer.case === "okResponse" ? answer.value : undefined;
		const toAdd = ok?.responseHeadersToAdd ?? [];
		const responseChanges = toAdd.flatMap((option) => toResponseChange(option) ?? []);
		return {
			kind: "ok",
			requestChanges: (ok?.headers ?? []).map((option) => toChange(option, "set", "append")),
			requestRemovals: (ok?.headersToRemove ?? []).map((name) => toName(name)),
			responseChanges,
			hasUnknownActions: responseChanges.length < toAdd.length,
			queryToSet: (ok?.queryParametersToSet ?? []).map(({ key, value }) => ({
				name: toBytes(key),
				value: toBytes(value),
			})),
			queryToRemove: (ok?.queryParametersToRemove ?? []).map(toBytes),
			metadata: { ...metadata, ...((ok?.dynamicMetadata ?? {}) as object) },
		};
	}
	const denied = answer.case === "deniedResponse" ? answer.value : undefined;
	return {
		kind: "denied",
		status: readStatus(denied?.status) || 403,
		body: toBytes(denied?.body ?? ""),
		responseChanges: (denied?.headers ?? []).map((option) => toChange(option, "set", "add")),
		metadata,
	};
}

function toChange(
	option: HeaderValueOption,
	otherwise: HeaderChange["action"],
	appending: HeaderChange["action"],
): HeaderChange {
	return { action: option.append === true ? appending : otherwise, ...readField(option) };
}

const responseActions: Readonly<Record<number, HeaderChange["action"]>> = {
	[HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD]: "add",
	[HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT]: "add-if-absent",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS]: "overwrite-if-exists",
	[HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: "set",
};

function toResponseChange(option: HeaderValueOption): HeaderChange | undefined {
	const action = option.append === undefined ? responseActions[option.appendAction] : option.append ? "add" : "set";
	return action === undefined ? undefined : { action, ...readField(option) };
}

/** As in Envoy, where a status has 16 bits. */
function readStatus(status: { readonly code: number } | undefined): number {
	return (status?.code ?? 0) & 0xffff;
}

/** As in Envoy, `raw_value` is not read. */
function readField({ header }: HeaderValueOption): { readonly name: string; readonly value: string } {
	return { name: toName(header?.key ?? ""), value: toBytes(header?.value ?? "") };
}

function toName(text: string): string {
	return toBytes(text).replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A character a byte. */
function toBytes(text: string): string {
	return Buffer.from(text, "utf8").toString("latin1");
}
