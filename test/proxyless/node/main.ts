/** A gRPC client and server for the conformance tests, told what to do by lines of JSON on its input; see ../README.md. */
import { createInterface } from "node:readline";
import {
	type ChannelCredentials,
	Client,
	credentials,
	Metadata,
	ServerCredentials,
	type ServerUnaryCall,
	type ServiceError,
	type sendUnaryData,
} from "@grpc/grpc-js";
import { register, XdsChannelCredentials, XdsServer, XdsServerCredentials } from "@grpc/grpc-js-xds";

interface Command {
	readonly id: number;
	readonly do: "call" | "serve";
	readonly target: string;
	readonly secure: boolean;
	readonly count: number;
	readonly headers: Readonly<Record<string, string>>;
	readonly method: string;
	readonly timeoutMs: number;
	readonly address: string;
	readonly name: string;
}

register();
const clients = new Map<string, Client>();
const pass = (value: Buffer): Buffer => value;

function clientOf({ target, secure }: Command): Client {
	const key = `${target} ${secure}`;
	let client = clients.get(key);
	if (client === undefined) {
		const plain: ChannelCredentials = credentials.createInsecure();
		client = new Client(target, secure ? new XdsChannelCredentials(plain) : plain);
		clients.set(key, client);
	}
	return client;
}

async function call(command: Command): Promise<string[]> {
	const client = clientOf(command);
	const results: string[] = [];
	for (let count = 0; count < command.count; count++) {
		const metadata = new Metadata();
		for (const [name, value] of Object.entries(command.headers)) metadata.set(name, value);
		const { promise, resolve } = Promise.withResolvers<string>();
		const options = { deadline: Date.now() + command.timeoutMs };
		const path = `/amime.test.Echo/${command.method}`;
		const onAnswer = (error: ServiceError | null, reply?: Buffer): void =>
			resolve(error === null ? String(reply) : `!${error.code} ${error.details}`);
		client.makeUnaryRequest(path, pass, pass, Buffer.from("hello"), metadata, options, onAnswer);
		results.push(await promise);
	}
	return results;
}

async function serve({ address, name, secure }: Command): Promise<string[]> {
	const server = new XdsServer();
	const method = (path: string) => ({
		path: `/amime.test.Echo/${path}`,
		requestStream: false,
		responseStream: false,
		requestSerialize: pass,
		requestDeserialize: pass,
		responseSerialize: pass,
		responseDeserialize: pass,
	});
	const answer = (_: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void =>
		done(null, Buffer.from(name));
	server.addService({ Echo: method("Echo"), Admin: method("Admin") }, { Echo: answer, Admin: answer });
	const plain = ServerCredentials.createInsecure();
	const { promise, resolve, reject } = Promise.withResolvers<string[]>();
	server.bindAsync(address, secure ? new XdsServerCredentials(plain) : plain, (error) =>
		error === null ? resolve(["serving"]) : reject(error),
	);
	return promise;
}

for await (const line of createInterface({ input: process.stdin })) {
	const command = JSON.parse(line) as Command;
	const results = command.do === "serve" ? await serve(command) : await call(command);
	process.stdout.write(`${JSON.stringify({ id: command.id, results })}\n`);
}
process.exit(0);
