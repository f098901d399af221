/** A unix socket's path as the system takes it: one that begins with `@` is in Linux's abstract namespace, as in Envoy's `Pipe.path`. */
export function toSystemPath(path: string): string {
	return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}
