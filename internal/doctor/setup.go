package doctor

import (
	"fmt"
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

// environments tells of registrations that look like the same Canvas: a second
// one of it, made before that was refused, and its other environments.
func (d *doctor) environments(p store.Platform, all []store.Platform) {
	if len(p.CanvasURLs) == 0 {
		return
	}
	guid := p.Registration.PlatformGUID
	for _, o := range all {
		if o.Tenant == p.Tenant || o.Disabled || len(o.CanvasURLs) == 0 {
			continue
		}
		switch same := o.Registration.Issuer == p.Registration.Issuer && o.CanvasURLs[0] == p.CanvasURLs[0]; {
		case same:
			d.say(p.Name+": one Canvas, one registration", fmt.Errorf("%q is a second registration of this Canvas, with records of its own, and each takes the other's tokens for unmanaged: "+
				"keep the one whose records you need, and switch the other off with platform disable", o.Name), "")
		case guid != "" && o.Registration.PlatformGUID == guid:
			d.note(p.Name+": other environments", fmt.Sprintf("%q (%s, issuer %s) has the same guid, so it is another environment of this Canvas, such as beta or test, "+
				"which Canvas overwrites with production's data: it is a tenant of its own, and nothing is shared", o.Name, o.CanvasURLs[0], o.Registration.Issuer))
		}
	}
}
