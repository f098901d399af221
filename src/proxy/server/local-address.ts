import { networkInterfaces } from "node:os";

/** The first IPv4 address of the machine that is not loopback, else 127.0.0.1: what x-forwarded-for says for local clients. */
export function findLocalAddress(): string {
	for (const addresses of Object.values(networkInterfaces())) {
		for (const { family, internal, address } of addresses ?? []) if (family === "IPv4" && !internal) return address;
	}
	return "127.0.0.1";
}
