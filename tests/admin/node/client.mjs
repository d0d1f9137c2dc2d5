// The admin service as a stock Node client sees it: @grpc/grpc-js, and messages
// from the .proto files.
//
// Usage: node client.mjs PROTO_ROOT ADMIN_SOCKET COMMAND [JSON]
//
// Prints one JSON value a line: of "list" the clients, of "watch" the events
// until standard input ends, of "disconnect" the error with its details, of
// "health" the status, of "services" what reflection has.
import path from 'node:path';

import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const [root, socket, command, fields = '{}'] = process.argv.slice(2);
const request = JSON.parse(fields);
const deadline = () => ({deadline: Date.now() + 30000});

function load(...files) {
  return grpc.loadPackageDefinition(loader.loadSync(files, {
    includeDirs: [root],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  }));
}

function connect(Service) {
  return new Service(`unix:${socket}`, grpc.credentials.createInsecure());
}

function say(value) {
  process.stdout.write(JSON.stringify(value) + '\n');
}

// The details of an error, by the names of their types.
function detailsOf(error) {
  const types = new protobuf.Root();
  // Protobuf's own come with the library.
  types.resolvePath = (_, target) => target.startsWith('google/protobuf/') ?
      target : path.resolve(root, target);
  types.loadSync('proto/google/rpc/status.proto');
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const status = types.lookupType('google.rpc.Status').decode(bytes);
  const details = {};
  for (const {type_url, value} of status.details) {
    const type = types.lookupType(type_url.split('/').pop());
    details[type.name] = type.toObject(type.decode(value));
  }
  return {code: grpc.status[error.code], message: error.details, details};
}

function admin() {
  return connect(load('proto/wsp/v1/admin.proto').wsp.v1.Admin);
}

const commands = {
  list() {
    const client = admin();
    client.ListClients(request, deadline(), (error, response) => {
      if (error) throw error;
      say(response.clients);
      client.close();
    });
  },

  watch() {
    const client = admin();
    const stream = client.WatchEvents(request);
    stream.on('data', (response) => {
      for (const event of response.events) say(event);
    });
    stream.on('error', (error) => {
      if (error.code !== grpc.status.CANCELLED) throw error;
      client.close();
    });
    process.stdin.resume();
    process.stdin.on('end', () => stream.cancel());
  },

  disconnect() {
    const client = admin();
    client.DisconnectClient(request, deadline(), (error, response) => {
      say(error ? detailsOf(error) : response);
      client.close();
    });
  },

  health() {
    const {Health} = load('proto/grpc/health/v1/health.proto').grpc.health.v1;
    const client = connect(Health);
    client.Check(request, deadline(), (error, response) => {
      if (error) throw error;
      say(response.status);
      client.close();
    });
  },

  services() {
    const {ServerReflection} =
        load('proto/grpc/reflection/v1alpha/reflection.proto')
            .grpc.reflection.v1alpha;
    const client = connect(ServerReflection);
    const stream = client.ServerReflectionInfo();
    stream.on('data', (response) => {
      say(response.list_services_response.service.map(({name}) => name));
      stream.end();
    });
    stream.on('end', () => client.close());
    stream.write({list_services: '*'});
  },
};

commands[command]();
