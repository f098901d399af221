import { writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { ProxyCommandOptions } from "../cli/index.ts";
import { describeError, type Log, MeshError } from "../core/index.ts";
import {
	connectToParent,
	type Proxy as DataPlane,
	openRestartServer,
	type Parent,
	type RestartServer,
} from "../proxy/index.ts";

/** The process before this one, as the flags name it. @throws MeshError when there has to be one */
export async function findParent({ hotRestart, restartEpoch }: ProxyCommandOptions): Promise<Parent | undefined> {
	if (!hotRestart.enabled || restartEpoch === 0) return undefined;
	const parent = await connectToParent(restartFolder(), hotRestart.baseId, restartEpoch);
	if (parent !== undefined || hotRestart.skipsMissingParent) return parent;
	throw new MeshError(
		"RESTART_NO_PARENT",
		`no proxy of base id ${hotRestart.baseId} and restart epoch ${restartEpoch - 1} runs; begin with epoch 0, or add --skip-hot-restart-on-no-parent`,
	);
}

/** Answers the process after this one. `onDrained` is called when it has taken over and connections are gone. */
export async function awaitSuccessor(
	options: ProxyCommandOptions,
	proxy: DataPlane,
	log: Log,
	onDrained: () => void,
): Promise<RestartServer | undefined> {
	const { hotRestart, restartEpoch } = options;
	if (!hotRestart.enabled) return undefined;
	const tries = hotRestart.isBaseIdDynamic ? 20 : 1;
	for (let attempt = 0; attempt < tries; attempt++) {
		const baseId = hotRestart.isBaseIdDynamic ? process.pid * 32 + attempt : hotRestart.baseId;
		try {
			const server = await openRestartServer({
				folder: restartFolder(),
				userId: userInfo().uid,
				processId: process.pid,
				baseId,
				epoch: restartEpoch,
				hooks: proxy.restartHooks(onDrained),
				log,
			});
			if (server === undefined) continue;
			if (hotRestart.baseIdPath !== undefined) writeFileSync(hotRestart.baseIdPath, String(baseId));
			return server;
		} catch (error) {
			log.warn("this proxy cannot be hot restarted", { problem: describeError(error) });
			return undefined;
		}
	}
	log.debug("another proxy has this base id: this one cannot be hot restarted", { baseId: hotRestart.baseId });
	return undefined;
}

function restartFolder(): string {
	return join(tmpdir(), `amime-restart-${userInfo().uid}`);
}
