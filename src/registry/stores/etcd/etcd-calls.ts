import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { CallOptions, ClientDuplexStream } from "@grpc/grpc-js";
import type { MeshError } from "../../../core/index.ts";
import { type CallFailure, isMemberFailure, readFailure, status, toMeshError } from "./etcd-error.ts";
import { answerMs, callUnary, type EtcdMember, type EtcdMembers, type EtcdMethod, pathOf } from "./etcd-members.ts";

/** Makes a call. One that may be repeated (`isRepeatable`) is, at the other members; any other is sent at most once, to the first
 *  member that can be reached.
 *  @throws MeshError `STORE_…` */
export async function callEtcd<I extends DescMessage, O extends DescMessage>(
	members: EtcdMembers,
	method: EtcdMethod<I, O>,
	request: MessageShape<I>,
	{ isRepeatable }: { readonly isRepeatable: boolean },
): Promise<MessageShape<O>> {
	return attempt(members, isRepeatable, ({ client, metadata }) => callUnary(client, method, request, metadata));
}

/** Opens a stream for one request and its one answer, at each member in turn until one answers.
 *  @throws MeshError `STORE_…` */
export async function askEtcdStream<I extends DescMessage, O extends DescMessage>(
	members: EtcdMembers,
	method: EtcdMethod<I, O>,
	request: MessageShape<I>,
): Promise<MessageShape<O>> {
	return attempt(
		members,
		true,
		(connection) =>
			new Promise((resolve, reject) => {
				const call = startStream(connection, method, { deadline: Date.now() + answerMs });
				call.on("data", (message: MessageShape<O>) => {
					resolve(message);
					call.cancel();
				});
				call.on("error", reject);
				call.on("end", () => reject(unavailable("the stream ended without an answer")));
				call.write(request);
			}),
	);
}

async function attempt<T>(
	members: EtcdMembers,
	isRepeatable: boolean,
	call: (connection: EtcdMember) => Promise<T>,
): Promise<T> {
	for (let tries = 1; ; tries++) {
		const member = members.current;
		let wasSent = false;
		try {
			const connection = await members.connect(member);
			wasSent = true;
			return await call(connection);
		} catch (error) {
			const failure = failureOf(error);
			if (isMemberFailure(failure)) members.leave(member, failure);
			const isExpired = failure.code === status.unauthenticated && tries === 1;
			if (isExpired) members.forgetToken();
			const mayMove = isMemberFailure(failure) && (isRepeatable || !wasSent) && tries <= members.count;
			if (!isExpired && !mayMove) throw toMeshError(failure, members.where, error);
		}
	}
}

/** An open stream. */
export interface EtcdStream {
	/** Ends it; nothing is called afterwards. */
	close(): void;
}

/** Opens a stream with one request. `onFailure` is called once, when it ends by itself. */
export function openEtcdStream<I extends DescMessage, O extends DescMessage>(
	members: EtcdMembers,
	method: EtcdMethod<I, O>,
	request: MessageShape<I>,
	listener: { onMessage(message: MessageShape<O>): void; onFailure(error: MeshError): void },
): EtcdStream {
	let isOpen = true;
	let call: ClientDuplexStream<MessageShape<I>, MessageShape<O>> | undefined;
	const close = (): void => {
		isOpen = false;
		call?.cancel();
	};
	const fail = (member: number, error: unknown): void => {
		if (!isOpen) return;
		const failure = failureOf(error);
		if (isMemberFailure(failure)) members.leave(member, failure);
		else if (failure.code === status.unauthenticated) members.forgetToken();
		close();
		listener.onFailure(toMeshError(failure, members.where, error));
	};
	const open = async (member: number): Promise<void> => {
		const connection = await members.connect(member);
		if (!isOpen) return;
		// A member that has lost its leader would stay silent: it has to end the stream.
		connection.metadata.set("hasleader", "true");
		call = startStream(connection, method, {});
		call.on("data", (message: MessageShape<O>) => isOpen && listener.onMessage(message));
		call.on("error", (error: Error) => fail(member, error));
		call.on("end", () => fail(member, unavailable("the stream ended")));
		call.write(request);
	};
	const member = members.current;
	open(member).catch((error: unknown) => fail(member, error));
	return { close };
}

function startStream<I extends DescMessage, O extends DescMessage>(
	{ client, metadata }: EtcdMember,
	method: EtcdMethod<I, O>,
	options: CallOptions,
): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
	return client.makeBidiStreamRequest(
		pathOf(method),
		(message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
		(bytes: Buffer) => fromBinary(method.output, bytes),
		metadata,
		options,
	);
}

function failureOf(error: unknown): CallFailure {
	const failure = readFailure(error);
	if (failure === undefined) throw error;
	return failure;
}

function unavailable(details: string): Error {
	return Object.assign(new Error(details), { code: status.unavailable, details });
}
