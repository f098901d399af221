import { rememberByObject } from "../../core/index.ts";
import type { XdsResource } from "../resource/resource.ts";
import type { StreamResponse } from "./stream.ts";

/** A `DeltaDiscoveryResponse` in bytes (protobuf encoding, wire types 0 and 2). A change goes to thousands of streams: what is the same for all,
 *  each resource in its `Resource` message and a response with one of them but for its nonce, is encoded once. */
export function encodeDeltaResponse(response: StreamResponse): Buffer {
	const { nonce, resources, removed } = response;
	const [single, second] = resources;
	if (single === undefined || second !== undefined || removed.length > 0 || nonce.length >= longLength)
		return Buffer.concat([
			...encodeHead(response),
			encodeText(5, nonce),
			...removed.map((name) => encodeText(6, name)),
		]);
	let head = heads.get(single);
	if (head?.version !== response.version) {
		head = { version: response.version, bytes: Buffer.concat(encodeHead(response)) };
		heads.set(single, head);
	}
	const { bytes } = head;
	const answer = Buffer.allocUnsafe(bytes.length + 2 + nonce.length);
	answer.set(bytes);
	answer[bytes.length] = fieldTag(5);
	answer[bytes.length + 1] = answer.write(nonce, bytes.length + 2, "latin1");
	return answer;
}

/** Responses with one resource, up to their nonce. */
const heads = new WeakMap<XdsResource, { readonly version: string; readonly bytes: Buffer }>();

function encodeHead({ version, typeUrl, resources }: StreamResponse): Buffer[] {
	return [encodeText(1, version), ...resources.map(encodeResource), encodeText(4, typeUrl)];
}

/** Field 2 of the response: `Resource` {version=1, resource=2 (`Any` {type_url=1, value=2}), name=3}. */
const encodeResource = rememberByObject(({ name, version, typeUrl, value }: XdsResource): Buffer => {
	const any = Buffer.concat([encodeText(1, typeUrl), ...(value.length === 0 ? [] : [encodeField(2, value)])]);
	return encodeField(2, Buffer.concat([encodeText(1, version), encodeField(2, any), encodeText(3, name)]));
});

/** A field with text; an empty one is left out. */
function encodeText(number: number, text: string): Buffer {
	return text === "" ? nothing : encodeField(number, Buffer.from(text));
}

const nothing = Buffer.alloc(0);

/** One length-delimited field. */
function encodeField(number: number, value: Uint8Array): Buffer {
	const length: number[] = [];
	let rest = value.length;
	while (rest >= longLength) {
		length.push((rest & 127) | 128);
		rest = Math.floor(rest / 128);
	}
	length.push(rest);
	const head = 1 + length.length;
	const bytes = Buffer.allocUnsafe(head + value.length);
	bytes[0] = fieldTag(number);
	bytes.set(length, 1);
	bytes.set(value, head);
	return bytes;
}

/** A length from here on has more than one byte. */
const longLength = 128;

function fieldTag(number: number): number {
	return number * 8 + 2;
}
