package imagecheck

// rules lists every check of an image in the order of their ids.
func rules() []*rule {
	return []*rule{
		userNonRoot, userExists, noShell, noManager, noSetuid, noWorldWritable,
		noSecretEnv, noSecretHistory, noSecretFiles, noSSH, noBuildTools,
		entrypoint, signals, stopSignal, healthcheck, privilegedPorts, volumes,
		endOfLife, age, budget, basePinned, notDev, declared,
		certificates, timeZone, noCaches, provenance, immutable, accounts,
	}
}
