// @y/websocket-server on PORT, without storage: the best case for it.
import http from 'node:http'
import { WebSocketServer } from 'ws'
import { setupWSConnection } from '@y/websocket-server/utils'

const server = http.createServer()
new WebSocketServer({ server }).on('connection', setupWSConnection)
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'))
