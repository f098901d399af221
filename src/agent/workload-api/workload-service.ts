import { create, type DescMessage, fromBinary, type JsonObject, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
	Metadata,
	type MethodDefinition,
	type Server,
	type ServerUnaryCall,
	type ServerWritableStream,
	type StatusObject,
	type sendUnaryData,
	status,
} from "@grpc/grpc-js";
import {
	JWTBundlesRequestSchema,
	JWTBundlesResponseSchema,
	type JWTSVIDRequest,
	JWTSVIDRequestSchema,
	type JWTSVIDResponse,
	JWTSVIDResponseSchema,
	type ValidateJWTSVIDRequest,
	ValidateJWTSVIDRequestSchema,
	type ValidateJWTSVIDResponse,
	ValidateJWTSVIDResponseSchema,
	X509BundlesRequestSchema,
	X509BundlesResponseSchema,
	X509SVIDRequestSchema,
	X509SVIDResponseSchema,
} from "../../api/gen/spiffe/workload_pb.js";
import { type Clock, describeError, type Log, MeshError } from "../../core/index.ts";
import { verifyJwtSvid } from "../../identity/index.ts";
import { isSpiffeId, type RegistrationEntry } from "../../model/index.ts";
import { describeJwtBundles, describeSvids, describeX509Bundles } from "./answers.ts";
import type { Caller } from "./caller.ts";
import type { Identities } from "./identities.ts";

export interface WorkloadServiceOptions {
	readonly caller: Caller;
	readonly identities: Identities;
	readonly clock: Clock;
	readonly log: Log;
}

const maxAudiences = 32;
const maxAudienceLength = 1024;

/** Adds the SPIFFE Workload API, its five stable methods, for one connection.
 *  Spec: SPIFFE Workload API, SPIFFE Workload Endpoint (the header `workload.spiffe.io: true` is required). */
export function addWorkloadService(server: Server, options: WorkloadServiceOptions): void {
	const { caller, identities } = options;
	const ownBundle = () => {
		const bundle = identities.bundle();
		if (bundle === undefined) throw failure(status.UNAVAILABLE, "the control plane has not answered yet");
		return bundle;
	};
	const withFederated = (entries: readonly RegistrationEntry[]) => [ownBundle(), ...identities.federated(entries)];

	async function fetchSvids(signal: AbortSignal) {
		const entries = await caller.requireEntries();
		const svids = await identities.svids(entries, signal);
		return describeSvids(svids, ownBundle(), identities.federated(entries));
	}

	async function fetchTokens(request: JWTSVIDRequest): Promise<JWTSVIDResponse> {
		const { audience, spiffeId } = request;
		checkAudiences(audience);
		if (spiffeId !== "" && !isSpiffeId(spiffeId)) throw failure(status.INVALID_ARGUMENT, "invalid requested SPIFFE ID");
		const entries = await caller.requireEntries();
		const wanted = entries.filter((entry) => spiffeId === "" || entry.spiffeId === spiffeId);
		if (wanted.length === 0) {
			options.log.warn("no identity issued: the workload has no such identity", { spiffeId });
			throw failure(status.PERMISSION_DENIED, "no identity issued");
		}
		const tokens = await Promise.all(wanted.map((entry) => identities.token(entry, audience)));
		const svids = wanted.map(({ spiffeId: id, hint }, at) => ({ spiffeId: id, svid: tokens[at]!.token, hint }));
		return create(JWTSVIDResponseSchema, { svids });
	}

	async function validate({ audience, svid }: ValidateJWTSVIDRequest): Promise<ValidateJWTSVIDResponse> {
		checkAudiences(audience === "" ? [] : [audience]);
		if (svid === "") throw failure(status.INVALID_ARGUMENT, "svid must be specified");
		const bundles = withFederated(await caller.entries());
		const keysOf = (trustDomain: string) => {
			const found = bundles.find((bundle) => bundle.trustDomain === trustDomain);
			return found === undefined ? undefined : { keys: found.jwks };
		};
		const result = verifyJwtSvid(svid, keysOf, { audiences: [audience], now: options.clock.wall() });
		if (!result.ok) throw failure(status.INVALID_ARGUMENT, `JWT-SVID refused: ${result.problem}`);
		const claims = result.claims as JsonObject;
		return create(ValidateJWTSVIDResponseSchema, { spiffeId: result.spiffeId, claims });
	}

	const bundles = async () => withFederated(await caller.requireEntries());
	addStream(server, options, "FetchX509SVID", X509SVIDRequestSchema, X509SVIDResponseSchema, fetchSvids);
	addStream(server, options, "FetchX509Bundles", X509BundlesRequestSchema, X509BundlesResponseSchema, async () =>
		describeX509Bundles(await bundles()),
	);
	addStream(server, options, "FetchJWTBundles", JWTBundlesRequestSchema, JWTBundlesResponseSchema, async () =>
		describeJwtBundles(await bundles()),
	);
	addUnary(server, options, "FetchJWTSVID", JWTSVIDRequestSchema, JWTSVIDResponseSchema, fetchTokens);
	addUnary(server, options, "ValidateJWTSVID", ValidateJWTSVIDRequestSchema, ValidateJWTSVIDResponseSchema, validate);
}

function addUnary<I extends DescMessage, O extends DescMessage>(
	server: Server,
	{ log }: WorkloadServiceOptions,
	name: string,
	requestSchema: I,
	responseSchema: O,
	answer: (request: MessageShape<I>) => Promise<MessageShape<O>>,
): void {
	server.addService(
		{ [name]: define(name, requestSchema, responseSchema, false) },
		{
			[name](call: ServerUnaryCall<MessageShape<I>, MessageShape<O>>, done: sendUnaryData<MessageShape<O>>) {
				respond(call, answer).then(
					(response) => done(null, response),
					(error: unknown) => done(toStatus(error, name, log)),
				);
			},
		},
	);
}

async function respond<I, O>(call: ServerUnaryCall<I, O>, answer: (request: I) => Promise<O>): Promise<O> {
	checkHeader(call.metadata);
	return answer(call.request);
}

/** An answer at once, and another one whenever it is different. A stream whose workload has no identity any more ends with a refusal. */
function addStream<I extends DescMessage, O extends DescMessage>(
	server: Server,
	{ identities, log }: WorkloadServiceOptions,
	name: string,
	requestSchema: I,
	responseSchema: O,
	answer: (signal: AbortSignal) => Promise<MessageShape<O>>,
): void {
	server.addService(
		{ [name]: define(name, requestSchema, responseSchema, true) },
		{
			[name](call: ServerWritableStream<MessageShape<I>, MessageShape<O>>) {
				const ended = new AbortController();
				let last: Buffer | undefined;
				let isStale = false;
				let isBusy = false;
				const refresh = async (): Promise<void> => {
					isStale = true;
					if (isBusy) return;
					isBusy = true;
					try {
						while (isStale && !ended.signal.aborted) {
							isStale = false;
							checkHeader(call.metadata);
							const response = await answer(ended.signal);
							const bytes = Buffer.from(toBinary(responseSchema, response));
							if (ended.signal.aborted || last?.equals(bytes)) continue;
							last = bytes;
							// Whoever does not read gets the newest once it does, and nothing piles up here meanwhile.
							await taken(call, response, ended.signal);
						}
					} catch (error) {
						if (!ended.signal.aborted) call.emit("error", toStatus(error, name, log));
						ended.abort();
					} finally {
						isBusy = false;
					}
				};
				const stop = identities.onChange(() => void refresh());
				ended.signal.addEventListener("abort", () => stop());
				call.on("cancelled", () => ended.abort());
				call.on("close", () => ended.abort());
				void refresh();
			},
		},
	);
}

/** Writes an answer; resolves when the connection has taken it, or when the call is over. */
function taken<O>(call: ServerWritableStream<unknown, O>, response: O, signal: AbortSignal): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	const done = (): void => {
		signal.removeEventListener("abort", done);
		resolve();
	};
	signal.addEventListener("abort", done);
	call.write(response, done);
	return promise;
}

function define<I extends DescMessage, O extends DescMessage>(
	name: string,
	requestSchema: I,
	responseSchema: O,
	responseStream: boolean,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
	return {
		path: `/SpiffeWorkloadAPI/${name}`,
		requestStream: false,
		responseStream,
		requestSerialize: (message) => Buffer.from(toBinary(requestSchema, message)),
		requestDeserialize: (bytes) => fromBinary(requestSchema, bytes),
		responseSerialize: (message) => Buffer.from(toBinary(responseSchema, message)),
		responseDeserialize: (bytes) => fromBinary(responseSchema, bytes),
	};
}

/** Keeps out whoever was made to send a request without knowing it (Workload Endpoint section 6). */
function checkHeader(metadata: Metadata): void {
	const values = metadata.get("workload.spiffe.io");
	if (values.length !== 1 || values[0] !== "true")
		throw failure(status.INVALID_ARGUMENT, "security header missing from request");
}

function checkAudiences(audiences: readonly string[]): void {
	if (audiences.length === 0 || audiences.some((audience) => audience === ""))
		throw failure(status.INVALID_ARGUMENT, "audience must be specified");
	if (audiences.length > maxAudiences || audiences.some((audience) => audience.length > maxAudienceLength))
		throw failure(status.INVALID_ARGUMENT, `at most ${maxAudiences} audiences of ${maxAudienceLength} letters`);
}

class CallFailure extends Error {
	readonly code: status;

	constructor(code: status, message: string) {
		super(message);
		this.code = code;
	}
}

function failure(code: status, message: string): CallFailure {
	return new CallFailure(code, message);
}

/** What a workload is told: little of others. */
function toStatus(error: unknown, method: string, log: Log): StatusObject {
	const metadata = new Metadata();
	if (error instanceof CallFailure) return { code: error.code, details: error.message, metadata };
	if (error instanceof MeshError && (error.code === "IDENTITY_NONE" || error.code === "WORKLOAD_GONE"))
		return { code: status.PERMISSION_DENIED, details: error.message, metadata };
	if (error instanceof MeshError && error.code === "SIGNING_BUSY")
		return { code: status.RESOURCE_EXHAUSTED, details: "too many are asked for at a time: try again later", metadata };
	log.warn("workload not served", { method, reason: describeError(error) });
	return { code: status.UNAVAILABLE, details: "the identity cannot be had from the control plane now", metadata };
}
