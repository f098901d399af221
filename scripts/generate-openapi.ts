/** Writes docs/reference/openapi.json: what a control plane serves at /openapi.json. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createControlPlane } from "../src/control/index.ts";
import { silentLog } from "../src/core/index.ts";
import { createExplainEndpoints } from "../src/main/explain-endpoints.ts";

/** Where the document is. */
export const openApiPath = resolve(import.meta.dirname, "../docs/reference/openapi.json");

/** The text of the document, from a control plane that is started for it. */
export async function formatOpenApi(): Promise<string> {
	const stateFolder = mkdtempSync(join(tmpdir(), "amime-openapi-"));
	const loopback = "127.0.0.1:0";
	const plane = createControlPlane({
		...{ stateFolder, log: silentLog, token: "openapi" },
		...{ xdsAddress: loopback, adminAddress: loopback },
		endpoints: createExplainEndpoints,
	});
	try {
		await plane.start();
		const answer = await fetch(`http://127.0.0.1:${plane.adminPort}/openapi.json`);
		return `${JSON.stringify(await answer.json(), undefined, "\t")}\n`;
	} finally {
		await plane.close();
		rmSync(stateFolder, { recursive: true, force: true });
	}
}

if (import.meta.main) writeFileSync(openApiPath, await formatOpenApi());
