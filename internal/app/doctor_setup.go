package app

import (
	"slices"

	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/lti"
)

// setup tells what a registration still waits for. A platform that was
// registered by hand names its root deployment from the start.
func (d *doctor) setup(p store.Platform) {
	what := p.Name + ": root deployment"
	all := p.Registration.Deployments
	switch i := slices.IndexFunc(all, func(x lti.Deployment) bool { return x.Root }); {
	case i >= 0:
		d.say(what, nil, all[i].ID)
	case len(all) == 0:
		d.note(what, "no deployment is known, so every launch is refused: install the app at the root account and add its deployment id with platform deployment -root")
	default:
		d.note(what, "not confirmed yet, so nobody can decide about requests: an account admin opens the tool once from the root account's menu")
	}
}
