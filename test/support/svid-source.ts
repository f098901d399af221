import type { TestContext } from "node:test";
import { createSvidSource, type SvidSource } from "../../src/identity/index.ts";
import { parseSigningRequest, readSigningRequest } from "../../src/identity/x509/index.ts";
import { parseSpiffeId } from "../../src/model/index.ts";
import type { TestPki } from "./pki.ts";

/** A source fed by a test authority in this process, closed when the test ends. The authority answers once `open` has resolved. */
export function openSvidSource(
	t: Pick<TestContext, "after">,
	pki: TestPki,
	spiffeId: string,
	open: Promise<void> = Promise.resolve(),
): SvidSource {
	const source = createSvidSource({
		spiffeId: parseSpiffeId(spiffeId),
		sign: async (csr) => {
			await open;
			const { key } = readSigningRequest(parseSigningRequest(csr));
			return { chain: pki.issue(spiffeId, { publicKey: key }).certificateChainPem, bundle: pki.bundlePem };
		},
	});
	t.after(() => source.close());
	return source;
}
