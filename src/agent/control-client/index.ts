/** The control plane's admin API, from the outside: JSON over HTTP with a bearer token.
 *  Knows how to ask, not what the answers mean. */
export {
	type ControlClient,
	type ControlClientOptions,
	createControlClient,
	RefusalError,
	type RequestMethod,
} from "./control-client.ts";
