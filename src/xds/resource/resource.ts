import { createHash } from "node:crypto";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { typeUrlOf } from "../../api/index.ts";

/** One resource as it travels: a packed message with a name and a version of its own. */
export interface XdsResource {
	readonly name: string;
	/** Says whether two resources of one name are equal. It outlives streams and servers: derive it from the content, never from
	 *  a counter that starts again. */
	readonly version: string;
	readonly typeUrl: string;
	/** The message's bytes, as `google.protobuf.Any.value` carries them. */
	readonly value: Uint8Array;
}

/** Packs a message; the version is a hash of its bytes. */
export function packResource<Desc extends DescMessage>(
	schema: Desc,
	name: string,
	message: MessageShape<Desc>,
): XdsResource {
	const value = toBinary(schema, message);
	return { name, version: hashBytes(value), typeUrl: typeUrlOf(schema), value };
}

/** Packs a message when somebody asks for its version or its bytes: of some resources nobody does. */
export function packResourceLate<Desc extends DescMessage>(
	schema: Desc,
	name: string,
	create: () => MessageShape<Desc>,
): XdsResource {
	let packed: XdsResource | undefined;
	const pack = (): XdsResource => {
		packed ??= packResource(schema, name, create());
		return packed;
	};
	return {
		name,
		typeUrl: typeUrlOf(schema),
		get version() {
			return pack().version;
		},
		get value() {
			return pack().value;
		},
	};
}

/** Sixteen hexadecimal digits of a content hash. */
export function hashBytes(bytes: Uint8Array | string): string {
	return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
