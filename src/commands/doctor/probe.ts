/**
 * The program that the drill runs inside containers, as the container's own user: what an agent that was taken over
 * would try. It judges nothing; it tells as JSON what it could do. Needs nothing but the image's node.
 */
import type { Engine } from '../../docker/engine.ts';
import { messageOf } from '../../errors.ts';

export interface ProbeSteps {
  facts: { given: object; found: { uid: number; status: string; uidMap: string; fileLimit: string } };
  /** Topmost folders that can be written, and files elsewhere; each by having been opened for writing. */
  write: { given: object; found: { folders: string[]; files: string[]; visited: number } };
  /** Where any of the words stands: environments and arguments of processes, and files of mounted folders. */
  search: { given: { words: string[] }; found: { hits: string[]; files: number } };
  /** Those of the paths that could be opened. */
  read: { given: { paths: string[] }; found: { opened: string[] } };
  /** Result of a connection to each: "connected" or the error's code. */
  connect: { given: { targets: [host: string, port: number][] }; found: { results: string[] } };
  /** The status with which the daemon's forward proxy answers a CONNECT, or the error's code. */
  proxy: { given: { targets: string[] }; found: { results: string[] } };
  pids: { given: { most: number }; found: { started: number; stopped: string | null } };
  fileSize: { given: { bytes: number }; found: { stopped: string | null } };
  /** Leaves commands in the mailbox and waits for what became of them. */
  commands: {
    given: { links: Record<string, string>; commands: { id: string; dir: string }[]; waitMs: number };
    found: { results: Record<string, { ok: boolean; reason?: string; detail?: string } | null> };
  };
}

/** Throws when the probe itself could not run: then nothing is proven. */
export async function probe<S extends keyof ProbeSteps>(
  engine: Engine,
  container: string,
  step: S,
  given: ProbeSteps[S]['given'],
): Promise<ProbeSteps[S]['found']> {
  const input = Buffer.from(JSON.stringify(given)).toString('base64');
  const { code, stdout, stderr } = await engine.exec(container, ['node', '-e', PROGRAM, step, input]);
  try {
    return JSON.parse(stdout) as ProbeSteps[S]['found'];
  } catch (error) {
    throw new Error(`the probe "${step}" ended with code ${code}: ${stderr.trim() || messageOf(error)}`);
  }
}

/** How a process ended that fills memory up to so much. It is meant to be killed before. */
export async function fillMemory(
  engine: Engine,
  container: string,
  mb: number,
): Promise<{ code: number; reachedMb: number }> {
  const script = `const all=[];for(let mb=16;mb<=${mb};mb+=16){all.push(Buffer.alloc(16<<20,1));require('fs').writeSync(1,mb+'\\n')}`;
  const { code, stdout } = await engine.exec(container, ['node', '-e', script]);
  return { code, reachedMb: Number(stdout.trim().split('\n').at(-1) ?? 0) };
}

const PROGRAM = `
const fs = require('node:fs'), net = require('node:net'), http = require('node:http'), path = require('node:path');
const { spawn } = require('node:child_process');
const [, step, input] = process.argv;
const given = JSON.parse(Buffer.from(input, 'base64').toString());
const text = (file) => { try { return fs.readFileSync(file, 'latin1'); } catch { return ''; } };
const entries = (dir) => { try { return fs.readdirSync(dir, { withFileTypes: true }); } catch { return []; } };
const may = (file) => { try { fs.accessSync(file, fs.constants.W_OK); return true; } catch { return false; } };
const within = (promise, ms) => Promise.race([promise, new Promise((r) => setTimeout(r, ms, 'no answer'))]);

const steps = {
  facts: () => ({
    uid: process.getuid(), status: text('/proc/self/status'), uidMap: text('/proc/self/uid_map'),
    fileLimit: (/^Max file size +(\\S+)/m.exec(text('/proc/self/limits')) ?? [])[1] ?? '',
  }),
  write() {
    const folders = [], files = [];
    let visited = 0;
    const tryFile = (file) => { try { fs.closeSync(fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)); files.push(file); } catch {} };
    const walk = (dir) => {
      visited += 1;
      if (may(dir)) {
        const file = path.join(dir, '.drill-' + process.pid);
        try { fs.writeFileSync(file, ''); fs.rmSync(file); folders.push(dir); return; } catch {}
      }
      for (const entry of entries(dir)) {
        const inner = path.join(dir, entry.name);
        if (inner === '/proc' || inner === '/sys') continue;
        if (entry.isDirectory()) walk(inner);
        else if (entry.isFile() && may(inner)) tryFile(inner);
      }
    };
    walk('/');
    for (const file of ['/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sys/vm/overcommit_memory',
      '/sys/kernel/uevent_helper', '/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max'])
      if (may(file)) tryFile(file);
    for (const dir of ['/sys', '/sys/fs/cgroup', '/sys/kernel']) if (may(dir)) folders.push(dir);
    return { folders, files, visited };
  },
  search() {
    const words = given.words.map((word) => Buffer.from(word));
    const hits = [];
    let files = 0;
    const look = (file, limit) => {
      try {
        if (limit !== undefined && fs.statSync(file).size > limit) return;
        const content = fs.readFileSync(file);
        files += 1;
        if (words.some((word) => content.includes(word))) hits.push(file);
      } catch {}
    };
    for (const { name } of entries('/proc')) {
      if (!/^[0-9]+$/.test(name)) continue;
      for (const part of ['environ', 'cmdline', 'mountinfo']) look('/proc/' + name + '/' + part);
    }
    const mounted = text('/proc/self/mountinfo').split('\\n').map((line) => (line.split(' ')[4] ?? '').replace(/\\\\([0-7]{3})/g, (_, o) => String.fromCharCode(parseInt(o, 8))));
    const roots = [...mounted.filter((at) => at && at !== '/' && !/^[/](proc|sys|dev[/](pts|mqueue|null|zero|full|random|urandom|tty))([/]|$)/.test(at) && at !== '/dev'), '/etc', '/run', '/root', '/home', '/var', '/tmp', '/app'];
    const done = new Set();
    const walk = (at) => {
      if (done.has(at) || done.size > 200000) return;
      done.add(at);
      let stat;
      try { stat = fs.lstatSync(at); } catch { return; }
      if (stat.isFile()) look(at, 64 << 20);
      else if (stat.isDirectory() && at !== '/app/node_modules') for (const { name } of entries(at)) walk(path.join(at, name));
    };
    for (const root of roots) walk(root);
    return { hits: [...new Set(hits)], files };
  },
  read: () => ({ opened: given.paths.filter((file) => { try { fs.closeSync(fs.openSync(file, 'r')); return true; } catch { return false; } }) }),
  async connect() {
    const one = ([host, port]) => new Promise((resolve) => {
      const socket = net.connect({ host, port });
      socket.on('connect', () => { resolve('connected'); socket.destroy(); });
      socket.on('error', (error) => resolve(error.code ?? 'error'));
    });
    return { results: await Promise.all(given.targets.map((target) => within(one(target), 2000))) };
  },
  async proxy() {
    const proxy = process.env.HTTP_PROXY ? new URL(process.env.HTTP_PROXY) : null;
    if (!proxy) return { results: given.targets.map(() => 'no proxy') };
    const auth = 'Basic ' + Buffer.from(decodeURIComponent(proxy.username) + ':' + decodeURIComponent(proxy.password)).toString('base64');
    const one = (target) => new Promise((resolve) => {
      const request = http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: target, headers: { 'proxy-authorization': auth } });
      request.on('connect', (answer, socket) => { resolve(String(answer.statusCode)); socket.destroy(); });
      request.on('response', (answer) => { resolve(String(answer.statusCode)); answer.destroy(); });
      request.on('error', (error) => resolve(error.code ?? 'error'));
      request.end();
    });
    return { results: await Promise.all(given.targets.map((target) => within(one(target), 8000))) };
  },
  async pids() {
    const children = [];
    let stopped = null;
    for (let n = 0; n < given.most && stopped === null; n += 1) {
      await new Promise((resolve) => {
        let child;
        try { child = spawn('sleep', ['60'], { stdio: 'ignore' }); } catch (error) { stopped = error.code ?? 'error'; return resolve(); }
        child.once('spawn', () => { children.push(child); resolve(); });
        child.once('error', (error) => { stopped = error.code ?? 'error'; resolve(); });
      });
    }
    for (const child of children) child.kill('SIGKILL');
    return { started: children.length, stopped };
  },
  fileSize() {
    process.on('SIGXFSZ', () => {});
    const file = '/workspace/group/.drill-large';
    const fd = fs.openSync(file, 'w');
    try { fs.ftruncateSync(fd, given.bytes); return { stopped: null }; } catch (error) { return { stopped: error.code ?? 'error' }; }
    finally { fs.closeSync(fd); fs.rmSync(file, { force: true }); }
  },
  async commands() {
    for (const [name, target] of Object.entries(given.links)) fs.symlinkSync(target, path.join('/workspace/group', name));
    for (const command of given.commands) {
      const { dir, ...body } = command;
      const staged = path.join('/workspace/ipc/out/.staging', body.id + '.json');
      fs.writeFileSync(staged, JSON.stringify(body));
      fs.renameSync(staged, path.join('/workspace/ipc/out', dir, body.id + '.json'));
    }
    const results = {};
    const until = Date.now() + given.waitMs;
    for (const { id } of given.commands) {
      const file = path.join('/workspace/ipc/in/results', id + '.json');
      while (!fs.existsSync(file) && Date.now() < until) await new Promise((r) => setTimeout(r, 50));
      results[id] = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null;
    }
    for (const name of Object.keys(given.links)) fs.rmSync(path.join('/workspace/group', name), { force: true });
    return { results };
  },
};
Promise.resolve(steps[step]()).then((found) => {
  fs.writeSync(1, JSON.stringify(found));
  process.exit(0);
});
`;
