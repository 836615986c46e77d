/** A bare `node:http` server as a script: what any function on Node costs. Prints its port and answers an ack to everything. */
export const bareServer = `
const { createServer } = require('node:http');
const server = createServer((request, response) => {
  request.resume().once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"results":[{"id":"1","outcome":"ack"}]}');
  });
});
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => console.log(server.address().port));
`;
