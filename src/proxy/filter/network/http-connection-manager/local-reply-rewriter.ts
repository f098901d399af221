import { compileAccessLogFilter } from "../../../../engine/access-log/index.ts";
import type { LocalReplyConfig } from "../../../../engine/local-reply/index.ts";
import { createHeaderOperations } from "../../../../engine/router/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { PassResponseHead } from "../../http/pass-head.ts";
import type { HttpStream } from "./http-stream.ts";

/** Changes status and fields of a local reply and says its body and content type. */
export type LocalReplyRewriter = (
	stream: HttpStream,
	head: PassResponseHead,
	body: string,
) => { readonly body: string; readonly contentType: string };

/** Prepares `local_reply_config`; undefined when there is none. */
export function createLocalReplyRewriter(
	config: LocalReplyConfig | undefined,
	context: DataPathContext,
): LocalReplyRewriter | undefined {
	if (config === undefined) return undefined;
	const mappers = config.mappers.map((mapper) => ({
		mapper,
		matches: compileAccessLogFilter(mapper.filter, context.runtime),
		headers: createHeaderOperations([{ add: mapper.headers, remove: [] }]),
	}));
	return (stream, head, original) => {
		const { record } = stream;
		const found = mappers.find(({ matches }) => matches(record, context.random));
		let body = original;
		if (found !== undefined) {
			const { mapper } = found;
			if (mapper.body !== undefined) body = mapper.body;
			found.headers.apply(head.headers, record);
			if (mapper.status !== 0) {
				head.status = mapper.status;
				record.responseCode = mapper.status;
			}
		}
		record.localReplyBody = body;
		const format = found?.mapper.bodyFormat ?? config.bodyFormat;
		if (format === undefined) return { body, contentType: "text/plain" };
		return { body: format.formatter.format(record), contentType: format.contentType };
	};
}
