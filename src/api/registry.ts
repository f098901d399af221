import { createRegistry, type DescMessage, type Registry } from "@bufbuild/protobuf";
import { files } from "./gen/files.js";

/** Every generated message type, to pack and unpack `google.protobuf.Any` and to read `@type` in JSON. */
export const apiRegistry: Registry = createRegistry(...files);

/** The type URL of a message, e.g. `type.googleapis.com/envoy.config.listener.v3.Listener`. */
export function typeUrlOf(schema: DescMessage): string {
	return `type.googleapis.com/${schema.typeName}`;
}
