import { testProxyless } from "./conformance.ts";

testProxyless("go");
