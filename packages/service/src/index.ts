export type { ServiceParts } from "./assembly/service-parts.ts";
export { defaultSettings, type Settings } from "./config.ts";
export { startEmbeddedPostgres } from "./host/embedded-postgres.ts";
export { runService } from "./main.ts";
export { type Service, startService } from "./service.ts";
export { type Database, type DatabaseAddress, migrate, openDatabase } from "./store/database.ts";
