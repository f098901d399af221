import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { connectivityState, credentials, Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { Auth, AuthenticateRequestSchema } from "../../../api/gen/etcd/rpc_pb.js";
import type { Log } from "../../../core/index.ts";
import type { EtcdAddress } from "./etcd-address.ts";
import { type CallFailure, status } from "./etcd-error.ts";

/** Certificates for TLS towards etcd, as PEM. */
export interface EtcdTls {
	/** The system's roots without it. */
	readonly ca?: Buffer;
	/** Client certificate and its key, both or none. */
	readonly cert?: Buffer;
	readonly key?: Buffer;
}

/** A method of etcd's API, as generated. */
export interface EtcdMethod<I extends DescMessage, O extends DescMessage> {
	readonly name: string;
	readonly input: I;
	readonly output: O;
	readonly parent: { readonly typeName: string };
}

/** A connection to one member, and the metadata that calls carry. */
export interface EtcdMember {
	readonly client: GrpcClient;
	readonly metadata: Metadata;
}

/** The members of one etcd. One is spoken to at a time. */
export interface EtcdMembers {
	/** All of them, for messages. */
	readonly where: string;
	readonly count: number;
	/** The one that is spoken to. */
	readonly current: number;
	/** Connects to a member, and logs in. Fails with a status when that cannot be. */
	connect(member: number): Promise<EtcdMember>;
	/** Speaks to the next member from now on, when `member` is still the current one. */
	leave(member: number, failure: CallFailure): void;
	/** Forgets the user's token, so that the next call asks for another. */
	forgetToken(): void;
	close(): void;
}

/** How long a member has to connect. */
const connectMs = 2000;
/** How long a member has to answer a call. */
export const answerMs = 5000;

/** Makes connections to the members of an address as they are needed. */
export function createEtcdMembers(address: EtcdAddress, tls: EtcdTls | undefined, log: Log): EtcdMembers {
	const { members, user, password } = address;
	const clients: (GrpcClient | undefined)[] = members.map(() => undefined);
	const channelCredentials = address.isTls
		? credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null)
		: credentials.createInsecure();
	let current = 0;
	let token: Promise<string> | undefined;

	const clientOf = (member: number): GrpcClient => {
		clients[member] ??= new GrpcClient(members[member]!, channelCredentials, {
			"grpc.use_local_subchannel_pool": 1,
			"grpc.max_receive_message_length": -1,
			"grpc.max_send_message_length": -1,
			"grpc.enable_retries": 0,
			// etcd refuses pings that come more often than every five seconds.
			"grpc.keepalive_time_ms": 10_000,
			"grpc.keepalive_timeout_ms": 3000,
			"grpc.keepalive_permit_without_calls": 1,
		});
		return clients[member];
	};
	const authorize = async (client: GrpcClient): Promise<Metadata> => {
		const metadata = new Metadata();
		if (user === undefined) return metadata;
		const request = create(AuthenticateRequestSchema, { name: user, password: password ?? "" });
		token ??= callUnary(client, Auth.method.authenticate, request, metadata).then((response) => response.token);
		try {
			metadata.set("token", await token);
		} catch (error) {
			token = undefined;
			throw error;
		}
		return metadata;
	};

	return {
		where: members.join(", "),
		count: members.length,
		get current() {
			return current;
		},
		async connect(member) {
			const client = clientOf(member);
			await waitUntilReady(client, Date.now() + connectMs);
			return { client, metadata: await authorize(client) };
		},
		leave(member, { details }) {
			clients[member]?.close();
			clients[member] = undefined;
			token = undefined;
			if (member !== current) return;
			current = (member + 1) % members.length;
			if (members.length > 1)
				log.warn("etcd member fails, asking the next", { member: members[member], next: members[current], details });
		},
		forgetToken() {
			token = undefined;
		},
		close() {
			for (const client of clients) client?.close();
			clients.fill(undefined);
		},
	};
}

/** Makes one call; rejects with the status it ended with. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
	client: GrpcClient,
	method: EtcdMethod<I, O>,
	request: MessageShape<I>,
	metadata: Metadata,
): Promise<MessageShape<O>> {
	return new Promise((resolve, reject) => {
		client.makeUnaryRequest(
			pathOf(method),
			(message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
			(bytes: Buffer) => fromBinary(method.output, bytes),
			request,
			metadata,
			{ deadline: Date.now() + answerMs },
			(error, response) => (error === null && response !== undefined ? resolve(response) : reject(error)),
		);
	});
}

/** The path of a method's calls. */
export function pathOf({
	name,
	parent,
}: {
	readonly name: string;
	readonly parent: { readonly typeName: string };
}): string {
	return `/${parent.typeName}/${name}`;
}

/** Waits for a connection; one that is refused fails at once. */
function waitUntilReady(client: GrpcClient, deadline: number): Promise<void> {
	const channel = client.getChannel();
	return new Promise((resolve, reject) => {
		const look = (error?: Error): void => {
			const state = error === undefined ? channel.getConnectivityState(true) : connectivityState.TRANSIENT_FAILURE;
			if (state === connectivityState.READY) resolve();
			else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN)
				reject(Object.assign(new Error("no connection"), { code: status.unavailable, details: "no connection" }));
			else channel.watchConnectivityState(state, deadline, look);
		};
		look();
	});
}
