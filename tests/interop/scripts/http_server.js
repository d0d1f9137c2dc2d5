// http_server.js PORT UDP_PORT [CERTIFICATE KEY]: two workers behind one port
// answer with the SHA-256 of what they got, and who they are. The master
// answers datagrams with themselves.
const cluster = require('cluster');
const crypto = require('crypto');
const dgram = require('dgram');
const fs = require('fs');
const http = require('http');
const https = require('https');

const [port, udpPort] = process.argv.slice(2, 4).map(Number);
const [certificate, key] = process.argv.slice(4);

function handle(request, response) {
  const hash = crypto.createHash('sha256');
  request.on('data', (part) => hash.update(part));
  request.on('end', () => {
    response.setHeader('X-Worker', cluster.worker.id);
    response.end(hash.digest('hex'));
  });
}

if (cluster.isPrimary) {
  for (let i = 0; i < 2; ++i) cluster.fork();
  const socket = dgram.createSocket('udp4');
  socket.on('message', (data, from) => {
    socket.send(data, from.port, from.address);
  });
  let listening = 0;
  cluster.on('listening', () => {
    // HTTP and HTTPS of both.
    if (++listening === 4) socket.bind(udpPort, '127.0.0.1');
  });
  process.on('SIGTERM', () => {
    socket.close();
    cluster.disconnect(() => process.exit(0));
  });
} else {
  http.createServer(handle).listen(port, '127.0.0.1');
  https.createServer({
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
  }, handle).listen(port + 1, '127.0.0.1');
}
