// What the drivers share: packages from MEMWATCH_CLIENTS, Chromium's switches, a server on loopback.
import {createRequire} from 'node:module';
import {createServer} from 'node:http';
import {join, resolve} from 'node:path';

export const modules = resolve(process.env.MEMWATCH_CLIENTS ?? '.', 'node_modules');
export const load = createRequire(join(modules, 'memwatch.js'));

export const options = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-dev-shm-usage',
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
};

// A server that answers by `answer(request, response)`; it ends with the process.
export async function serve(answer) {
  const server = createServer(answer);
  await new Promise(ready => server.listen(0, '127.0.0.1', ready));
  server.unref();
  return server.address().port;
}
