import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import {
	X509SVIDRequestSchema,
	type X509SVIDResponse,
	X509SVIDResponseSchema,
} from "../../api/gen/spiffe/workload_pb.js";
import { describeError, MeshError } from "../../core/index.ts";
import { formatCertificates, readDerCertificates } from "../../identity/index.ts";

/** This process as a Workload API knows it, as TLS wants it. */
export interface OwnSvid {
	readonly spiffeId: string;
	readonly certificateChainPem: string;
	readonly privateKeyPem: string;
	readonly bundlePem: string;
}

const timeoutMs = 10_000;

/** Asks a Workload API who this process is: the first identity counts, as its specification has it.
 *  @param socketPath of a unix socket
 *  @throws MeshError `AUTHORITY_UPSTREAM` */
export async function fetchOwnSvid(socketPath: string): Promise<OwnSvid> {
	const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
		"grpc.use_local_subchannel_pool": 1,
		"grpc.default_authority": "localhost",
	});
	try {
		const { svids } = await askFirst(client);
		const [svid] = svids;
		if (svid === undefined) throw new Error("it has no identity for this process");
		const pemOf = (bytes: Uint8Array): string => formatCertificates(readDerCertificates(bytes).map(({ der }) => der));
		const key = Buffer.from(svid.x509SvidKey).toString("base64");
		return {
			spiffeId: svid.spiffeId,
			certificateChainPem: pemOf(svid.x509Svid),
			privateKeyPem: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
			bundlePem: pemOf(svid.bundle),
		};
	} catch (error) {
		throw new MeshError(
			"AUTHORITY_UPSTREAM",
			`upstream authority: the Workload API at ${socketPath} does not say who this control plane is: ${describeError(error).replace(/\.? Resolution note:\s*$/, "")}`,
		);
	} finally {
		client.close();
	}
}

function askFirst(client: Client): Promise<X509SVIDResponse> {
	const { promise, resolve, reject } = Promise.withResolvers<X509SVIDResponse>();
	const metadata = new Metadata();
	metadata.set("workload.spiffe.io", "true");
	const call = client.makeServerStreamRequest(
		"/SpiffeWorkloadAPI/FetchX509SVID",
		() => Buffer.from(toBinary(X509SVIDRequestSchema, create(X509SVIDRequestSchema, {}))),
		(bytes: Buffer) => fromBinary(X509SVIDResponseSchema, bytes),
		{},
		metadata,
		{ deadline: Date.now() + timeoutMs },
	);
	call.on("error", reject);
	call.once("data", (answer: X509SVIDResponse) => {
		resolve(answer);
		call.cancel();
	});
	call.on("end", () => reject(new Error("it ended without an answer")));
	return promise;
}
