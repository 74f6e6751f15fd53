/** Whether a host name or address, without brackets and port, means this machine and can be reached from it alone. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
