import type { HeaderList } from "../../../core/index.ts";

/** The value of a request's cookie, without quotes around it; undefined when it is absent. */
export function findCookie(headers: HeaderList, name: string): string | undefined {
	for (let index = 0; index < headers.length; index += 2) {
		if (headers[index] !== "cookie") continue;
		for (const part of headers[index + 1]!.split(";")) {
			const equals = part.indexOf("=");
			if (equals === -1 || part.slice(0, equals).trim() !== name) continue;
			const value = part.slice(equals + 1).trim();
			return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
		}
	}
	return undefined;
}
