import type { XdsResource } from "../resource/resource.ts";
import type { StreamResponse } from "./stream.ts";

/** A `DeltaDiscoveryResponse` in bytes. A change goes to thousands of streams: what of it is the same for all, each resource in its
 *  `Resource` message, is encoded once (protobuf encoding, wire types 0 and 2). */
export function encodeDeltaResponse({ version, typeUrl, nonce, resources, removed }: StreamResponse): Buffer {
	const parts: Buffer[] = [];
	if (version !== "") parts.push(field(1, Buffer.from(version)));
	for (const resource of resources) parts.push(encodeResource(resource));
	parts.push(field(4, Buffer.from(typeUrl)));
	if (nonce !== "") parts.push(field(5, Buffer.from(nonce)));
	for (const name of removed) parts.push(field(6, Buffer.from(name)));
	return Buffer.concat(parts);
}

const encoded = new WeakMap<XdsResource, Buffer>();

/** Field 2 of the response: `Resource` {version=1, resource=2 (`Any` {type_url=1, value=2}), name=3}. */
function encodeResource(resource: XdsResource): Buffer {
	let bytes = encoded.get(resource);
	if (bytes === undefined) {
		const { name, version, typeUrl, value } = resource;
		const any = Buffer.concat([field(1, Buffer.from(typeUrl)), ...(value.length === 0 ? [] : [field(2, value)])]);
		bytes = field(2, Buffer.concat([field(1, Buffer.from(version)), field(2, any), field(3, Buffer.from(name))]));
		encoded.set(resource, bytes);
	}
	return bytes;
}

/** One length-delimited field. */
function field(number: number, value: Uint8Array): Buffer {
	const length: number[] = [];
	let rest = value.length;
	while (rest >= 128) {
		length.push((rest & 127) | 128);
		rest = Math.floor(rest / 128);
	}
	length.push(rest);
	const head = 1 + length.length;
	const bytes = Buffer.allocUnsafe(head + value.length);
	bytes[0] = number * 8 + 2;
	bytes.set(length, 1);
	bytes.set(value, head);
	return bytes;
}
