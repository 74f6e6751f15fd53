/**
 * Node's http. To `import` it by its name has Node read each of its exports, WebSocket among them, and with that load
 * undici: 11 MiB and 20 ms that nobody here has a use for.
 */
export const http = process.getBuiltinModule('node:http');
