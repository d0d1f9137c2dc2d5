// http_client.js PORT UDP_PORT CERTIFICATE: asks http_server.js; prints what
// came of it as JSON.
const crypto = require('crypto');
const dgram = require('dgram');
const dns = require('dns');
const fs = require('fs');
const http = require('http');
const https = require('https');
const net = require('net');
const {execFileSync} = require('child_process');

const [port, udpPort] = process.argv.slice(2, 4).map(Number);
const certificate = process.argv[4];

function post(module, options, body) {
  return new Promise((resolve, reject) => {
    const request = module.request({method: 'POST', ...options}, (response) => {
      let text = '';
      response.on('data', (part) => text += part);
      response.on('end', () => resolve(
          {text, worker: response.headers['x-worker']}));
    });
    request.on('error', reject);
    request.end(body);
  });
}

// How many of so many are right, and whether both workers answered.
async function posts(module, options, count) {
  const workers = new Set();
  const right = await Promise.all(Array.from({length: count}, async (_, i) => {
    const body = crypto.randomBytes(i * 5000 + 1);
    const answer = await post(module, options, body);
    workers.add(answer.worker);
    return answer.text ===
        crypto.createHash('sha256').update(body).digest('hex');
  }));
  return {right: right.filter(Boolean).length, workers: workers.size};
}

function datagram() {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4', (data) => {
      socket.close();
      resolve(data.toString());
    });
    socket.on('error', reject);
    socket.send('a datagram', udpPort, '127.0.0.1');
  });
}

function refused() {
  return new Promise((resolve) => {
    net.connect(1, '127.0.0.1').on('error', (error) => resolve(error.code));
  });
}

async function main() {
  const agent = new http.Agent({keepAlive: true, maxSockets: 10});
  const found = {
    connections: await posts(http, {host: '127.0.0.1', port}, 50),
    keepAlive: await posts(http, {host: '127.0.0.1', port, agent}, 50),
    tls: await posts(https, {
      host: 'localhost', family: 4, port: port + 1,
      ca: fs.readFileSync(certificate),
    }, 20),
    fetched: await (await fetch(`http://localhost:${port}/`)).text(),
    name: await dns.promises.lookup('localhost', {family: 4}),
    unknown: await dns.promises.lookup('nowhere.invalid').catch(
        (error) => error.syscall),
    datagram: await datagram(),
    refused: await refused(),
    child: execFileSync('curl', [
      '-sS', '-o', '/dev/null', '-w', '%{http_code}',
      `http://127.0.0.1:${port}/`]).toString(),
  };
  // Which of them answers isn't the client's business when there are few.
  delete found.keepAlive.workers;
  delete found.tls.workers;
  agent.destroy();
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
