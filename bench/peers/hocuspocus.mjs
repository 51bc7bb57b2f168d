// Hocuspocus on PORT, without storage: the best case for it.
import { Server } from '@hocuspocus/server'

await new Server({ port: Number(process.env.PORT), address: '127.0.0.1', quiet: true, stopOnSignals: true }).listen()
console.log('ready')
