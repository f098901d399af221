import { AdminError } from "./router.ts";

/** @throws AdminError 400 */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		if (!(cause instanceof SyntaxError)) throw cause;
		throw new AdminError(400, "JSON_INVALID", `the body is no JSON: ${cause.message}`);
	}
}
