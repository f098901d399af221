import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chownSync, copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog, systemClock } from "../../core/index.ts";
import {
	attestProcess,
	createContainerAttestor,
	createKubeletAttestor,
	createSystemdAttestor,
	createUnixAttestor,
} from "./index.ts";

const containerId = "4f".repeat(32);
const podUid = "0a1b2c3d-1111-2222-3333-444455556666";

/** A process file system with one process, number 7. */
function createProc(t: TestContext, cgroup: string): string {
	const proc = makeTemporaryFolder(t);
	mkdirSync(join(proc, "7"));
	writeFileSync(join(proc, "7/cgroup"), cgroup);
	return proc;
}

const processOf = (change: object = {}) => ({ pid: 7, uid: 1000, gid: 1000, isWanted: () => true, ...change });

test("unix: user, groups, program and its hash", async (t) => {
	const proc = makeTemporaryFolder(t);
	const etc = makeTemporaryFolder(t);
	mkdirSync(join(proc, "7"));
	const program = join(realpathSync(etc), "web");
	copyFileSync("/bin/true", program);
	symlinkSync(program, join(proc, "7/exe"));
	const status = "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nFDSize:\t64\nGroups:\t4 27 \n";
	writeFileSync(join(proc, "7/status"), status);
	writeFileSync(join(etc, "passwd"), "root:x:0:0::/:/bin/sh\nweb:x:1000:1000::/:/bin/sh\n");
	writeFileSync(join(etc, "group"), "root:x:0:\nweb:x:1000:\nsudo:x:27:web\n");
	const attestor = createUnixAttestor({ proc, etc });
	const hash = createHash("sha256").update(readFileSync(program)).digest("hex");
	const expected = [
		"unix:uid:1000",
		"unix:user:web",
		"unix:gid:1000",
		"unix:group:web",
		"unix:supplementary_gid:4",
		"unix:supplementary_gid:27",
		"unix:supplementary_group:sudo",
		`unix:path:${program}`,
		`unix:sha256:${hash}`,
	];
	assert.deepEqual(await attestor.attest(processOf()), expected);
	const unhashed = await attestor.attest(processOf({ isWanted: (prefix: string) => prefix !== "unix:sha256:" }));
	assert.deepEqual(unhashed, expected.slice(0, -1), "nothing is hashed that nobody asks for");
	writeFileSync(program, "another program");
	const changed = await attestor.attest(processOf());
	assert.ok(!changed.includes(`unix:sha256:${hash}`), "a program that changed is hashed anew");
	await assert.rejects(createUnixAttestor({ proc, etc, maxProgramBytes: 4 }).attest(processOf()), {
		code: "WORKLOAD_PROGRAM_TOO_LARGE",
	});
});

test("unix: a process that changed its user since it connected is refused", async (t) => {
	const proc = makeTemporaryFolder(t);
	mkdirSync(join(proc, "7"));
	writeFileSync(join(proc, "7/status"), "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\n");
	await assert.rejects(createUnixAttestor({ proc }).attest(processOf()), { code: "WORKLOAD_GONE" });
});

const scopes: readonly (readonly [name: string, cgroup: string, selectors: readonly string[]])[] = [
	["docker on version 2", `0::/system.slice/docker-${containerId}.scope\n`, [`container:id:${containerId}`]],
	[
		"docker on version 1",
		`3:cpu:/docker/${containerId}\n2:pids:/docker/${containerId}\n`,
		[`container:id:${containerId}`],
	],
	["podman", `0::/machine.slice/libpod-${containerId}.scope\n`, [`container:id:${containerId}`]],
	["containers that do not agree", `3:cpu:/docker/${containerId}\n2:pids:/docker/${"5e".repeat(32)}\n`, []],
	["a user's own group of such a name", `0::/user.slice/user-1000.slice/docker-${containerId}.scope\n`, []],
	["none", "0::/system.slice/ssh.service\n", []],
];
for (const [name, cgroup, expected] of scopes)
	test(`container: ${name}`, async (t) => {
		const found = await createContainerAttestor({ proc: createProc(t, cgroup) }).attest(processOf());
		assert.deepEqual(
			found.filter((selector) => selector.startsWith("container:")),
			expected,
		);
		assert.ok(found.some((selector) => selector.startsWith("cgroup:path:/")));
	});

const asRoot = process.getuid!() === 0 ? false : "needs root, to be several users";

test("container: a group of such a name in a service's own groups counts for nothing when a user made it", {
	skip: asRoot,
}, async (t) => {
	const pods = `/system.slice/web.service/kubepods-pod${podUid.replaceAll("-", "_")}.slice`;
	const proc = createProc(t, `0::${pods}/cri-containerd-${containerId}.scope\n`);
	const cgroups = makeTemporaryFolder(t);
	const attest = async () =>
		(await createContainerAttestor({ proc, cgroups }).attest(processOf())).filter((text) =>
			text.startsWith("container"),
		);
	for (const mount of ["unified", ""]) {
		const folder = join(cgroups, mount, pods);
		mkdirSync(folder, { recursive: true });
		assert.deepEqual(await attest(), [`container:id:${containerId}`], "root made it");
		chownSync(folder, 1000, 1000);
		assert.deepEqual(await attest(), [], mount);
	}
});

const units: readonly (readonly [name: string, cgroup: string, unit: string | undefined])[] = [
	["a service", "0::/system.slice/web.service\n", "web.service"],
	["below a slice", "0::/system.slice/system-web.slice/web@2.service/inner\n", "web@2.service"],
	[
		"a user's own group of such a name",
		"0::/user.slice/user-1000.slice/user@1000.service/web.service\n",
		"user@1000.service",
	],
	["a group inside of a service", "0::/system.slice/other.service/web.service\n", "other.service"],
	["no unit", "0::/lxc/web\n", undefined],
];
for (const [name, cgroup, unit] of units)
	test(`systemd: ${name}`, async (t) => {
		const folder = makeTemporaryFolder(t);
		for (const file of ["web.service", "web@.service"]) writeFileSync(join(folder, file), "");
		const attestor = createSystemdAttestor({ proc: createProc(t, cgroup), unitFolders: [folder] });
		const fragment = unit?.startsWith("web") ? [`systemd:fragment_path:${join(folder, unit.replace(/@2/, "@"))}`] : [];
		assert.deepEqual(await attestor.attest(processOf()), unit === undefined ? [] : [`systemd:id:${unit}`, ...fragment]);
	});

test("kubernetes: the Pod and the container of a process, by the kubelet's list", async (t) => {
	const cgroup = `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${podUid.replaceAll("-", "_")}.slice/cri-containerd-${containerId}.scope\n`;
	const pod = {
		metadata: {
			name: "web-1",
			namespace: "shop",
			uid: podUid,
			labels: { app: "web" },
			ownerReferences: [{ kind: "ReplicaSet", name: "web", uid: "x" }],
		},
		spec: { serviceAccountName: "web", nodeName: "node-1" },
		status: {
			containerStatuses: [
				{ name: "sidecar", image: "proxy:1", containerID: `containerd://${"00".repeat(32)}` },
				{
					name: "web",
					image: "web:1",
					imageID: "docker.io/web@sha256:aa",
					containerID: `containerd://${containerId}`,
				},
			],
		},
	};
	let asked = 0;
	const server = createServer((request, response) => {
		asked++;
		const isKnown = request.headers.authorization === "Bearer kubelet-token" && request.url === "/pods";
		// A Pod that has just started is not in the list yet.
		response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ items: asked === 1 ? [] : [pod] }));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const tokenFile = join(makeTemporaryFolder(t), "token");
	writeFileSync(tokenFile, "kubelet-token\n");
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const attestor = createKubeletAttestor({ url, tokenFile, clock: systemClock, proc: createProc(t, cgroup) });
	assert.deepEqual(
		[...(await attestor.attest(processOf()))].sort(),
		[
			"k8s:container-image:docker.io/web@sha256:aa",
			"k8s:container-image:web:1",
			"k8s:container-name:web",
			"k8s:node-name:node-1",
			"k8s:ns:shop",
			"k8s:pod-image-count:2",
			"k8s:pod-image:docker.io/web@sha256:aa",
			"k8s:pod-image:proxy:1",
			"k8s:pod-image:web:1",
			"k8s:pod-label:app:web",
			"k8s:pod-name:web-1",
			"k8s:pod-owner:ReplicaSet:web",
			`k8s:pod-uid:${podUid}`,
			"k8s:sa:web",
		].sort(),
	);
	const before = asked;
	const outside = createKubeletAttestor({ url, tokenFile, clock: systemClock, proc: createProc(t, "0::/x.service\n") });
	assert.deepEqual(await outside.attest(processOf()), []);
	assert.equal(asked, before, "a process outside of Pods is no question for the kubelet");
	writeFileSync(tokenFile, "another");
	const refused = createKubeletAttestor({ url, tokenFile, clock: systemClock, proc: createProc(t, cgroup) });
	await assert.rejects(refused.attest(processOf()), { code: "KUBELET_UNREACHABLE" });
});

test("what was read of a process counts only when it is still that process", async () => {
	let isSame = true;
	const peer = { pid: 7, uid: 1, gid: 1, isSame: () => isSame, close: () => undefined };
	const good = { name: "good", attest: async () => ["unix:uid:1"] };
	const broken = { name: "broken", attest: () => Promise.reject(new Error("no answer")) };
	const selectors = await attestProcess(peer, [good, broken], () => true, silentLog);
	assert.deepEqual([...selectors], ["unix:uid:1"], "a source that fails says nothing, the others count");
	const slow = {
		name: "slow",
		attest: async () => {
			isSame = false;
			return ["unix:path:/usr/bin/trusted"];
		},
	};
	await assert.rejects(
		attestProcess(peer, [good, slow], () => true, silentLog),
		{ code: "WORKLOAD_GONE" },
	);
});
