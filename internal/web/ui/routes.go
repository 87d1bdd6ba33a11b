package ui

import ()

// Routes that other code names.
const (
	RouteLaunch = "/lti/launch"
	RouteProof  = "/lti/proof"
)
