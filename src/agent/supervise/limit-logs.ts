import { copyFileSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Timer } from "../../core/index.ts";

const checkMs = 10_000;
const maxBytes = 32 * 1024 * 1024;

/** Keeps log files small: one above 32 MB becomes `<name>.1` and starts over. Whoever writes to them appends. */
export function limitLogs(folder: string, clock: Clock): { close(): void } {
	let timer: Timer;
	const check = (): void => {
		try {
			limitAll(folder);
		} catch (error) {
			// A full disk or a folder that was removed must not end the mesh.
			if (!(error instanceof Error && "code" in error)) throw error;
		}
		timer = clock.setTimer(checkMs, check, { unref: true });
	};
	timer = clock.setTimer(checkMs, check, { unref: true });
	return { close: () => timer.cancel() };
}

function limitAll(folder: string): void {
	for (const name of readdirSync(folder)) {
		const path = join(folder, name);
		if (!name.endsWith(".log") || statSync(path).size <= maxBytes) continue;
		copyFileSync(path, `${path}.1`);
		truncateSync(path);
	}
}
