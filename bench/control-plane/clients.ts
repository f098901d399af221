/** Many delta xDS clients in one process, told what to do over IPC. Each subscribes to its clusters, their endpoints and the hot
 *  service's route, acknowledges what it gets, and remembers when it saw the address that marks a change. */
import { create, toBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryRequestSchema } from "../../src/api/gen/envoy/service/discovery/v3/discovery_pb.js";
import { clusterOf, hostOf, hotService, nodeOf, servicesOf } from "./world.ts";
import { XdsConnection } from "./xds-connection.ts";

/** What the parent asks. */
export type ClientsRequest =
	| { readonly kind: "connect"; readonly port: number; readonly clients: number; readonly services: number }
	| { readonly kind: "report" };

/** What the parent is told. */
export type ClientsReport =
	| { readonly kind: "connected"; readonly ms: number }
	| {
			readonly kind: "report";
			/** Bytes of all responses so far. */
			readonly bytes: number;
			/** For each change, when each client acknowledged it or a later one: milliseconds since the epoch. */
			readonly seen: readonly (readonly [change: number, at: number, client: number])[];
	  };

const types = {
	cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
	endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
	route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

let bytes = 0;
let seen: [number, number, number][] = [];
let waiting = 0;
let startedAt = 0;

const now = (): number => performance.timeOrigin + performance.now();

function connect(port: number, clients: number, services: number): void {
	startedAt = now();
	waiting = clients;
	for (let client = 0; client < clients; client++) open(port, client, services);
}

function open(port: number, client: number, services: number): void {
	const names = servicesOf(client, services);
	const missing = new Set(Object.values(types));
	const stream = new XdsConnection(port, {
		onFailure(reason) {
			process.stderr.write(`client ${client}: ${reason}\n`);
			process.exit(1);
		},
		onMessage(message) {
			bytes += message.length;
			const { typeUrl, nonce } = readResponse(message);
			stream.send(acknowledgement(typeUrl, nonce));
			const change = readMark(message);
			if (change !== undefined) seen.push([change, now(), client]);
			if (!missing.delete(typeUrl) || missing.size > 0) return;
			waiting--;
			if (waiting === 0) send({ kind: "connected", ms: now() - startedAt });
		},
	});
	stream.send(
		request({
			typeUrl: types.cluster,
			node: { id: nodeOf(client), userAgentName: "envoy" },
			resourceNamesSubscribe: names.map(clusterOf),
		}),
	);
	stream.send(request({ typeUrl: types.endpoint, resourceNamesSubscribe: names.map(clusterOf) }));
	stream.send(request({ typeUrl: types.route, resourceNamesSubscribe: [`${hostOf(hotService)}:80`] }));
}

function request(fields: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1]): Buffer {
	return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, fields)));
}

/** A request with nothing but a type (field 2) and a nonce (field 6). */
function acknowledgement(typeUrl: string, nonce: string): Buffer {
	const text = `\x12${String.fromCharCode(typeUrl.length)}${typeUrl}\x32${String.fromCharCode(nonce.length)}${nonce}`;
	return Buffer.from(text, "latin1");
}

/** The type and the nonce of a DeltaDiscoveryResponse, without decoding its resources. */
function readResponse(message: Buffer): { readonly typeUrl: string; readonly nonce: string } {
	let typeUrl = "";
	let nonce = "";
	let position = 0;
	const readVarint = (): number => {
		let value = 0;
		let shift = 1;
		for (;;) {
			const byte = message[position++]!;
			value += (byte & 127) * shift;
			if (byte < 128) return value;
			shift *= 128;
		}
	};
	while (position < message.length) {
		const field = readVarint() >> 3;
		const length = readVarint();
		if (field === 4) typeUrl = message.toString("latin1", position, position + length);
		if (field === 5) nonce = message.toString("latin1", position, position + length);
		position += length;
	}
	return { typeUrl, nonce };
}

/** The number of the change that the message carries. */
function readMark(message: Buffer): number | undefined {
	const at = message.indexOf("10.200.");
	if (at < 0) return undefined;
	const [, , high, low] = (/^[\d.]+/.exec(message.toString("latin1", at, at + 15))?.[0] ?? "").split(".");
	return Number(high) * 256 + Number(low);
}

function send(report: ClientsReport): void {
	process.send!(report);
}

process.on("message", (message: ClientsRequest) => {
	if (message.kind === "connect") connect(message.port, message.clients, message.services);
	else {
		send({ kind: "report", bytes, seen });
		seen = [];
	}
});
