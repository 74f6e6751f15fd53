/** What programs that the agent starts may inherit from this process. Everything else is left behind. Pure. */

const PLAIN = ['PATH', 'LANG', 'LC_ALL', 'TMPDIR', 'USER', 'LOGNAME', 'SHELL'] as const;
/** The only way out of the container, and what is trusted there. */
const NETWORK = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'],
] as const;

/** Those of the harmless variables that are set. None of them is a credential for the model. */
export function inherited(variables: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8' };
  for (const name of [...PLAIN, ...NETWORK]) {
    const value = variables[name];
    if (value !== undefined && value !== '') kept[name] = value;
  }
  return kept;
}
