package sysctl

// Groups returns every group of the catalogue.
func Groups() []Group {
	return []Group{
		groupBuffers,
		groupClose,
		groupCongestion,
		groupConntrack,
		groupCore,
		groupGone,
		groupHandshake,
		groupInterface,
		groupMemory,
		groupNeighbour,
		groupPorts,
		groupProtocol,
		groupTimers,
	}
}
