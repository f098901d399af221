import { testProxyless } from "./conformance.ts";

testProxyless("node");
