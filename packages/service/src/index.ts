export { startEmbeddedPostgres } from "./host/embedded-postgres.ts";
export { type Database, type DatabaseAddress, migrate, openDatabase } from "./store/database.ts";
