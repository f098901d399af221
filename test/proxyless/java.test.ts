import { testProxyless } from "./conformance.ts";

testProxyless("java");
