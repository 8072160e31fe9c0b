export { defaultSettings, type Settings } from "./config.ts";
export { startEmbeddedPostgres } from "./host/embedded-postgres.ts";
export { runService } from "./main.ts";
export { type Service, type ServiceParts, startService } from "./service.ts";
export { type Database, type DatabaseAddress, migrate, openDatabase } from "./store/database.ts";
