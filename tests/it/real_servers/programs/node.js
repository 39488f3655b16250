// Node's HTTP server with the ways that applications find a path in `request.url`, Express, and Fastify.
// Arguments: the directory with node_modules, and three ports.
const http = require('node:http');
const path = require('node:path');
const legacy = require('node:url');
const { createRequire } = require('node:module');

const [modules, plain, withExpress, withFastify] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(modules), 'package.json'));

function route(path) {
  for (const [prefix, name] of [['/files/private', 'private'], ['/files', 'files'], ['/admin', 'admin']]) {
    if (path === prefix || path.startsWith(prefix + '/')) return name;
  }
  return 'open';
}

// A reading that the library refuses serves nothing.
function tried(read) {
  try {
    return route(read());
  } catch {
    return '-';
  }
}

http.createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  const raw = request.url.split('?')[0];
  response.end([
    'raw=' + route(raw),
    'decoded=' + tried(() => decodeURIComponent(raw)),
    'URL=' + tried(() => new URL(request.url, 'http://host').pathname),
    'URL-decoded=' + tried(() => decodeURIComponent(new URL(request.url, 'http://host').pathname)),
    'parse=' + tried(() => legacy.parse(request.url).pathname),
    'parse-hosts=' + tried(() => legacy.parse(request.url, false, true).pathname ?? '/'),
  ].join(' '));
}).listen(Number(plain), '127.0.0.1');

const express = load('express')();
const answer = (name) => (request, response) => response.end('express=' + name);
express.use('/files/private', answer('private'));
express.use('/files', answer('files'));
express.use('/admin', answer('admin'));
express.use(answer('open'));
express.listen(Number(withExpress), '127.0.0.1');

const fastify = load('fastify')();
const reply = (name) => async () => 'fastify=' + name;
for (const [prefix, name] of [['/files/private', 'private'], ['/files', 'files'], ['/admin', 'admin']]) {
  fastify.get(prefix, reply(name));
  fastify.get(prefix + '/*', reply(name));
}
fastify.get('/*', reply('open'));
fastify.listen({ port: Number(withFastify), host: '127.0.0.1' });
