import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProxyPlace } from "./golden-folder.ts";

/** The group that proxies run as: its connections are not captured. */
export const proxyGroup = 1337;

/** The plain client of the world; name server and secrets are beside it. */
export const plainAddress = "10.88.0.1";

/** Makes the addresses of a world inside the network namespace that this process has to itself, with a child namespace for every
 *  proxy, whose traffic the kernel redirects as in a Pod. */
export function buildNetwork(
	places: readonly ProxyPlace[],
	addresses: readonly string[],
	nft: string,
	scratch: string,
): void {
	run("mount", "--make-rprivate", "/");
	mkdirSync("/run/netns", { recursive: true });
	run("mount", "-t", "tmpfs", "tmpfs", "/run/netns");
	writeFileSync(join(scratch, "resolv.conf"), `nameserver ${plainAddress}\noptions timeout:1 attempts:1\n`);
	run("mount", "--bind", join(scratch, "resolv.conf"), "/etc/resolv.conf");
	run("ip", "link", "set", "lo", "up");
	const taken = new Set(places.map(({ address }) => address));
	for (const address of new Set([plainAddress, ...addresses]))
		if (!taken.has(address)) run("ip", "addr", "add", `${address}/32`, "dev", "lo");
	writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
	// What is nowhere swallows packets, as the network of a cluster does.
	run("ip", "route", "add", "blackhole", "default");
	for (const place of places) addPlace(place);
	for (const { name, type } of places) if (type === "sidecar") run("ip", "netns", "exec", name, nft, rules);
}

/** As the rules of Istio's sidecars: everything that comes in to 15006, everything that the application sends to 15001, and what a proxy
 *  sends to its own workload comes in as well, unless it is the way in that goes on to the application. */
const rules = `
table ip mesh {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		iifname "lo" return
		tcp dport { 15000, 15020, 15021, 15090 } return
		meta l4proto tcp redirect to :15006
	}
	chain output {
		type nat hook output priority -100;
		ip saddr 127.0.0.6 oifname "lo" return
		meta skgid ${proxyGroup} oifname "lo" ip daddr != 127.0.0.0/8 tcp dport != 15008 redirect to :15006
		meta skgid ${proxyGroup} return
		oifname "lo" return
		ip daddr 127.0.0.0/8 return
		meta l4proto tcp redirect to :15001
	}
}`;

function addPlace({ name, address }: ProxyPlace): void {
	const outer = `to-${name}`.slice(0, 15);
	const gateway = "169.254.1.1";
	run("ip", "netns", "add", name);
	run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name);
	run("ip", "addr", "add", `${gateway}/32`, "dev", outer);
	run("ip", "link", "set", outer, "up");
	run("ip", "route", "add", `${address}/32`, "dev", outer, "src", plainAddress);
	run("ip", "-n", name, "link", "set", "lo", "up");
	run("ip", "-n", name, "addr", "add", `${address}/32`, "dev", "eth0");
	run("ip", "-n", name, "link", "set", "eth0", "up");
	run("ip", "-n", name, "route", "add", "default", "via", gateway, "dev", "eth0", "onlink");
}

function run(program: string, ...args: string[]): void {
	execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}
