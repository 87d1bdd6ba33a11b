package notices

import (
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/desk"
	"github.com/tokendesk/tokendesk/internal/jobs"
	"github.com/tokendesk/tokendesk/internal/notify"
)

// leakPause is added to the wait for Canvas's first answer, before anybody is
// told: most tokens are gone by then, and one message says so.
const leakPause = 2 * time.Second

// LeakNotices tell owner, sponsor and reviewers of a leak.
func (ns *Notices) LeakNotices(kind notify.Kind, r access.Request, g *access.Grant, occasion string) []jobs.Insert {
	var out []jobs.Insert
	for _, to := range []access.PersonID{g.Owner, g.Sponsor, ToReviewers} {
		if to == "" {
			continue
		}
		j := ns.NoticeJob(kind, r, g, to, occasion)
		if kind == notify.LeakReported {
			j.RunAt = ns.desk.Now().Add(desk.RevokeTime + leakPause)
		}
		out = append(out, j)
	}
	return out
}
