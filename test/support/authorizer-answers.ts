/** What an ext_authz service says over gRPC. */
import type { create } from "@bufbuild/protobuf";
import type { CheckResponseSchema } from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";

export type AuthorizerAnswer = Parameters<typeof create<typeof CheckResponseSchema>>[1];

/** An entry of a list of headers. @param more its other fields, such as `appendAction` */
export const headerOption = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });

export const allowedWith = (value: object): AuthorizerAnswer =>
	({ status: { code: 0 }, httpResponse: { case: "okResponse", value } }) as AuthorizerAnswer;

export const deniedWith = (value: object): AuthorizerAnswer =>
	({ status: { code: 7 }, httpResponse: { case: "deniedResponse", value } }) as AuthorizerAnswer;
