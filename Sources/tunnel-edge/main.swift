import TunnelEdge

await TunnelEdgeCommand.start()
